//! How answers are told: not twice, small, and not too often.

use std::num::NonZeroU32;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::database::{SPAN, api_over_history};
use super::*;
use crate::http::limit::Peer;

#[tokio::test]
async fn an_answer_that_the_client_has_is_not_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    for path in ["usage", "series", "processes", "top", "remotes", "calendar"] {
        let path = format!("/api/v1/{path}?{SPAN}");
        let first = get_with(&api, &path, &[]).await;
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert!(tag.starts_with("W/\""), "{path}: {tag}");
        assert_eq!(first.headers()["cache-control"], "private, no-cache");
        let again = get_with(&api, &path, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
        assert_eq!(again.headers()["etag"], tag.as_str());
        let other = format!("{path}&protocol=udp");
        let other = get_with(&api, &other, &[("if-none-match", &tag)]).await;
        assert_eq!(other.status(), 200, "{path}");
    }
    let page = get_with(&api, "/", &[]).await;
    let tag = page.headers()["etag"].to_str().unwrap();
    let again = get_with(&api, "/", &[("if-none-match", tag)]).await;
    assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
}

#[tokio::test]
async fn a_long_answer_is_smaller_for_who_reads_it_so_and_events_are_as_they_are() {
    let api = bound_to_loopback(state());
    let plain = get_with(&api, "/app.js", &[]).await;
    assert!(!plain.headers().contains_key("content-encoding"));
    for encoding in ["gzip", "zstd"] {
        let small = get_with(&api, "/app.js", &[("accept-encoding", encoding)]).await;
        assert_eq!(small.headers()["content-encoding"], encoding);
        assert_eq!(small.headers()["vary"], "accept-encoding");
        assert!(small.body().len() < plain.body().len() / 2);
        if encoding == "gzip" {
            let mut text = String::new();
            let mut decoder = flate2::read::GzDecoder::new(&small.body()[..]);
            std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
            assert_eq!(text.as_bytes(), &plain.body()[..]);
        }
    }
    feed(&api.live, vec![]).await;
    let headers = [("accept-encoding", "gzip")];
    let events = get_with(&api, "/api/v1/live", &headers).await;
    assert!(!events.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn too_many_requests_from_an_address_are_refused_and_counted() {
    let two = NonZeroU32::new(2).unwrap();
    let api = bound_to_loopback(ApiState {
        limit: Some(RequestLimit {
            per_second: NonZeroU32::MIN,
            burst: two,
        }),
        ..state()
    });
    let mut statuses = Vec::new();
    for peer in [Some("192.0.2.1"); 3]
        .into_iter()
        .chain([Some("192.0.2.2"), None])
    {
        let mut request = warp::test::request()
            .path("/api/v1/config")
            .header("host", "localhost");
        if let Some(peer) = peer {
            request = request.extension(Peer(peer.parse().unwrap()));
        }
        let answer = request
            .reply(&routes::routes(Arc::clone(&api), Origin::Network))
            .await;
        if answer.status() == 429 {
            let seconds: u64 = answer.headers()["retry-after"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            assert!((1..=2).contains(&seconds));
            let body: Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(body["error"]["code"], "too_many_requests");
        }
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 200, 200]);
    let (_, health) = get(&api, "/api/v1/health").await;
    assert_eq!(health["api"]["limited_requests"], 1);
    let metrics = get_with(&api, "/metrics", &[]).await;
    let text = std::str::from_utf8(metrics.body()).unwrap();
    assert!(
        text.contains("\nnettally_api_limited_requests_total 1\n"),
        "{text}"
    );
}

#[tokio::test]
async fn idle_connections_make_room_for_one_that_asks() {
    let network = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = network.local_addr().unwrap();
    let doors = Doors {
        network,
        socket: None,
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(doors, state(), stopped.map(|_| ())));
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["api"]["closed_idle_connections"], 45);
    stop.send(()).unwrap();
    drop(idle);
    serving.await.unwrap();
}
