//! Against a server that is made up, over real connections.

use std::sync::Arc;

use nettally_source::{ShutdownSignal, Sink, SinkConfig as _, SinkContext};
use serde_json::{Value, json};

use super::testing::{Answer, FakeServer};
use super::*;
use crate::delivery::Delivered;
use crate::delivery::options::{BatchConfig, Compression, RequestConfig, TlsConfig};
use crate::delivery::testing::{
    MOVED, certificate, counted, dropped_by_reason, figures, listener, run, wait_until, windows,
};
use crate::encode::Telemetry;

/// Waits of milliseconds, requests of three events.
fn config(uri: &str) -> HttpConfig {
    HttpConfig {
        uri: uri.to_owned(),
        host: Some("h1".to_owned()),
        request: RequestConfig {
            retry_initial_backoff_secs: 0.01,
            retry_max_backoff_secs: 0.02,
            ..RequestConfig::default()
        },
        batch: BatchConfig {
            max_events: 3,
            ..BatchConfig::default()
        },
        ..HttpConfig::default()
    }
}

async fn build(config: HttpConfig) -> (Sink, Arc<Delivered>) {
    assert_eq!(config.validate(), Ok(()));
    let http = Http {
        config,
        delivered: Arc::default(),
        ending: ShutdownSignal::never(),
    };
    let (sink, _healthcheck) = http.build(SinkContext { key: "h".into() }).await.unwrap();
    (sink, http.delivered)
}

/// Gives five windows to a sink with these options; how it counts.
async fn sent(config: HttpConfig) -> Arc<Delivered> {
    let (sink, delivered) = build(config).await;
    run(sink, windows()).await;
    delivered
}

async fn server(answers: impl IntoIterator<Item = Answer>, last: Answer) -> FakeServer {
    FakeServer::start(listener().await, None, answers, last)
}

const TAKE: Answer = Answer::Say(200);

#[tokio::test]
async fn every_byte_arrives_in_every_encoding_compressed_or_not() {
    use Encoding::{Json, NativeJson, Ndjson};

    let is_metric: fn(&Value) -> bool = |value| value["metric"]["tags"]["host"] == "h1";
    let is_log: fn(&Value) -> bool = |value| value["log"]["host"] == "h1";
    let is_record: fn(&Value) -> bool = |value| value["type"] == "usage" && value["host"] == "h1";
    let cases = [
        (NativeJson, Telemetry::Metrics, 20, is_metric),
        (NativeJson, Telemetry::Logs, 15, is_log),
        (Json, Telemetry::Metrics, 15, is_record),
        (Ndjson, Telemetry::Logs, 15, is_record),
    ];
    for (encoding, telemetry, count, is_expected) in cases {
        for compression in [Compression::None, Compression::Gzip] {
            let server = server([], TAKE).await;
            let delivered = sent(HttpConfig {
                encoding,
                telemetry,
                compression,
                ..config(&server.uri())
            })
            .await;
            let taken = server.taken();
            assert!(taken.iter().all(|request| request.len() <= 3));
            let values: Vec<_> = taken.iter().flatten().collect();
            assert_eq!(values.len(), count, "{encoding:?} {compression:?}");
            assert!(values.iter().all(|value| is_expected(value)), "{values:?}");
            assert_eq!(server.moved(), MOVED);
            assert_eq!(counted(&delivered), [MOVED, (0, 0)]);
        }
    }
}

#[tokio::test]
async fn a_request_is_made_as_the_options_say() {
    let server = server([], TAKE).await;
    let auth: AuthConfig =
        serde_json::from_value(json!({ "strategy": "bearer", "token": "hunter2" })).unwrap();
    sent(HttpConfig {
        method: Method::Put,
        headers: [("X-Scope".to_owned(), "one".into())].into(),
        auth: Some(auth),
        ..config(&server.uri())
    })
    .await;
    for seen in server.seen() {
        assert_eq!(seen.head.method, "PUT");
        assert_eq!(seen.head.uri, "/in?key=value");
        let of = |name: &str| seen.head.headers[name].to_str().unwrap();
        assert_eq!(of("x-scope"), "one");
        assert_eq!(of("authorization"), "Bearer hunter2");
        assert_eq!(of("content-type"), "application/x-ndjson");
        assert!(of("user-agent").starts_with("nettally/"));
    }
}

#[tokio::test]
async fn the_status_decides_whether_a_request_comes_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let server = server([Answer::Say(status); 2], TAKE).await;
        let delivered = sent(config(&server.uri())).await;
        assert_eq!(server.moved(), MOVED, "{status}");
        assert_eq!(counted(&delivered), [MOVED, (0, 0)], "{status}");
        assert_eq!(figures(&delivered)["failed_requests"], 2);
    }
    for status in [301, 400, 401, 403, 404, 413, 422] {
        let server = server([Answer::Say(status)], TAKE).await;
        let delivered = sent(config(&server.uri())).await;
        let [taken, dropped] = counted(&delivered);
        assert_eq!(server.moved(), taken, "{status}");
        assert_eq!((taken.0 + dropped.0, taken.1 + dropped.1), MOVED);
        assert_eq!(dropped_by_reason(&delivered)["rejected"].events, 3);
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_doubles_events_unless_they_are_to_arrive_at_most_once() {
    for (acknowledgements, times) in [(true, 2), (false, 1)] {
        let server = server([Answer::TakeInSilence], TAKE).await;
        let mut config = config(&server.uri());
        config.acknowledgements = acknowledgements;
        config.request.timeout_secs = 1.5;
        config.batch.max_events = 100;
        sent(config).await;
        assert_eq!(server.moved(), (times * MOVED.0, times * MOVED.1));
    }
}

#[tokio::test]
async fn a_server_that_comes_late_gets_every_byte() {
    let place = listener().await;
    let address = place.local_addr().unwrap();
    drop(place);
    let (sink, delivered) = build(config(&format!("http://{address}/in"))).await;
    let running = tokio::spawn(run(sink, windows()));
    wait_until(|| figures(&delivered)["failed_requests"].as_u64() > Some(2)).await;
    let late = tokio::net::TcpListener::bind(address).await.unwrap();
    let server = FakeServer::start(late, None, [], TAKE);
    running.await.unwrap();
    assert_eq!(server.moved(), MOVED);
    assert_eq!(counted(&delivered), [MOVED, (0, 0)]);
}

#[tokio::test]
async fn a_connection_is_secure_if_the_certificate_is_the_one_that_is_named() {
    let (pem, acceptor) = certificate();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, pem).unwrap();
    let named = TlsConfig {
        ca_file: Some(path),
        ..TlsConfig::default()
    };
    for (host, is_trusted) in [("localhost", true), ("127.0.0.1", false)] {
        let server = FakeServer::start(listener().await, Some(acceptor.clone()), [], TAKE);
        let mut config = config(&format!("https://{host}:{}/", server.server.port));
        config.tls = Some(named.clone());
        config.request.retry_attempts = Some(0);
        let delivered = sent(config).await;
        let expected = if is_trusted {
            [MOVED, (0, 0)]
        } else {
            [(0, 0), MOVED]
        };
        assert_eq!(counted(&delivered), expected, "{host}");
        assert_eq!(server.moved(), expected[0], "{host}");
    }
}

#[tokio::test]
async fn a_secret_whose_file_is_not_there_yet_delays_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let server = server([], TAKE).await;
    let auth = serde_json::from_value(json!({ "strategy": "bearer", "token_file": file }));
    let config = HttpConfig {
        auth: Some(auth.unwrap()),
        ..config(&server.uri())
    };
    let (sink, delivered) = build(config).await;
    let running = tokio::spawn(run(sink, windows()));
    wait_until(|| figures(&delivered)["failed_requests"].as_u64() > Some(0)).await;
    assert!(server.seen().is_empty());
    // Another name first: a file that is half written is another secret.
    let written = folder.path().join("new");
    std::fs::write(&written, "hunter2\n").unwrap();
    std::fs::rename(written, file).unwrap();
    running.await.unwrap();
    assert_eq!(server.moved(), MOVED);
    for seen in server.seen() {
        assert_eq!(seen.head.headers["authorization"], "Bearer hunter2");
    }
    assert!(!figures(&delivered).to_string().contains("hunter2"));
}
