//! Ending while streams are open.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::server::GRACE;
use super::*;

#[tokio::test]
async fn an_open_event_stream_does_not_hold_up_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(network(listener), state(), stopped.map(|_| ())));

    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /api/v1/live HTTP/1.1\r\nHost: {address}\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("event:snapshot") {
        assert!(client.read_buf(&mut seen).await.unwrap() > 0);
    }

    let begun = Instant::now();
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert!(begun.elapsed() < GRACE, "took {:?}", begun.elapsed());
    client.read_to_end(&mut seen).await.unwrap();
    assert!(
        seen.ends_with(b"0\r\n\r\n"),
        "the stream was cut, not ended"
    );
}

#[tokio::test]
async fn a_client_that_never_finishes_its_request_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(network(listener), state(), stopped.map(|_| ())));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HT").await.unwrap();
    tokio::task::yield_now().await;
    stop.send(()).unwrap();
    tokio::time::timeout(GRACE * 2, serving)
        .await
        .unwrap()
        .unwrap();
}
