//! Against a Vector that is made up, over real connections.

use std::num::NonZeroUsize;
use std::sync::Arc;

use nettally_source::{Healthcheck, ShutdownSignal, Sink, SinkConfig as _, SinkContext};
use tonic::Code;

use super::testing::{Answer, FakeVector};
use super::*;
use crate::delivery::Delivered;
use crate::delivery::options::{BatchConfig, Compression, RequestConfig, TlsConfig};
use crate::delivery::testing::{
    MOVED, certificate, certificate_and_key, counted, dropped_by_reason, figures, listener, put,
    run, wait_until, window, windows,
};
use crate::encode::Telemetry;
use crate::encode::protobuf::message::Event;
use crate::topology::{Inlet, Queue, WhenFull};

/// Waits of milliseconds, requests of three events.
fn config(address: &str) -> VectorConfig {
    VectorConfig {
        address: Some(address.to_owned()),
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
        ..VectorConfig::default()
    }
}

async fn build(config: VectorConfig) -> (Sink, Healthcheck, Arc<Delivered>) {
    assert_eq!(config.validate(), Ok(()));
    let vector = Vector {
        config,
        delivered: Arc::default(),
        ending: ShutdownSignal::never(),
    };
    let context = SinkContext { key: "v".into() };
    let (sink, healthcheck) = vector.build(context).await.unwrap();
    (sink, healthcheck, vector.delivered)
}

/// Gives five windows to a sink with these options; how it counts.
async fn sent(config: VectorConfig) -> Arc<Delivered> {
    let (sink, _healthcheck, delivered) = build(config).await;
    run(sink, windows()).await;
    delivered
}

async fn vector(answers: impl IntoIterator<Item = Answer>, last: Answer) -> FakeVector {
    FakeVector::start(listener().await, None, answers, last)
}

#[tokio::test]
async fn every_byte_arrives_as_metrics_and_as_logs_compressed_or_not() {
    for telemetry in [Telemetry::Metrics, Telemetry::Logs] {
        for (compression, encoding) in
            [(Compression::None, None), (Compression::Gzip, Some("gzip"))]
        {
            let vector = vector([], Answer::Take).await;
            let delivered = sent(VectorConfig {
                telemetry,
                compression,
                ..config(&vector.address())
            })
            .await;
            assert_eq!(vector.moved(), MOVED);
            assert_eq!(counted(&delivered), [MOVED, (0, 0)]);
            // Of each window 4 counters (dig has two, curl too) or 3 records.
            let is_expected = |event: &Event| match (event, telemetry) {
                (Event::Metric(_), Telemetry::Metrics) | (Event::Log(_), Telemetry::Logs) => true,
                (Event::Metric(_) | Event::Log(_), _) => false,
            };
            let taken = vector.taken();
            let count = match telemetry {
                Telemetry::Metrics => 20,
                Telemetry::Logs => 15,
            };
            assert_eq!(taken.len(), count);
            assert!(taken.iter().all(is_expected), "{taken:?}");
            for seen in vector.script.seen() {
                let header = |name: &str| {
                    let value = seen.head.headers.get(name);
                    value.map(|value| value.to_str().unwrap())
                };
                assert_eq!(header("grpc-encoding"), encoding);
                assert_eq!(header("content-type"), Some("application/grpc"));
                assert!(header("grpc-timeout").is_some());
                assert!(seen.body.len() > 100, "the message, not compressed");
            }
        }
    }
}

#[tokio::test]
async fn what_vector_says_decides_whether_a_request_comes_again() {
    let again = [
        Code::Unavailable,
        Code::Internal,
        Code::DeadlineExceeded,
        Code::Cancelled,
        Code::Aborted,
        Code::ResourceExhausted,
        Code::Unknown,
    ];
    let never = [
        Code::DataLoss,
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::FailedPrecondition,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Unauthenticated,
    ];
    for code in again {
        let vector = vector([Answer::Say(code); 2], Answer::Take).await;
        let delivered = sent(config(&vector.address())).await;
        assert_eq!(vector.moved(), MOVED, "{code:?}");
        assert_eq!(counted(&delivered), [MOVED, (0, 0)], "{code:?}");
        assert_eq!(figures(&delivered)["failed_requests"], 2);
    }
    for code in never {
        let vector = vector([Answer::Say(code)], Answer::Take).await;
        let delivered = sent(config(&vector.address())).await;
        let [taken, dropped] = counted(&delivered);
        assert_eq!(vector.moved(), taken, "{code:?}");
        assert_eq!((taken.0 + dropped.0, taken.1 + dropped.1), MOVED);
        let reasons = dropped_by_reason(&delivered);
        assert_eq!(reasons["rejected"].events, 3, "{code:?}");
        let error = figures(&delivered)["last_error"].to_string();
        assert!(error.contains(&format!("{code:?}")), "{error}");
    }
}

#[tokio::test]
async fn a_worker_of_vector_that_stumbles_over_a_request_each_time_does_not_hold_up_the_rest() {
    let vector = vector([Answer::Panic; 6], Answer::Take).await;
    let delivered = sent(config(&vector.address())).await;
    let [taken, dropped] = counted(&delivered);
    assert_eq!(vector.moved(), taken);
    assert_eq!((taken.0 + dropped.0, taken.1 + dropped.1), MOVED);
    let reasons = dropped_by_reason(&delivered);
    assert_eq!(reasons["retries_exhausted"].events, 3, "{reasons:?}");
}

#[tokio::test]
async fn an_answer_that_is_lost_doubles_events_unless_they_are_to_arrive_at_most_once() {
    for (acknowledgements, times) in [(true, 2), (false, 1)] {
        let vector = vector([Answer::TakeInSilence], Answer::Take).await;
        let mut config = config(&vector.address());
        config.acknowledgements = acknowledgements;
        config.request.timeout_secs = 1.5;
        config.batch.max_events = 100;
        let delivered = sent(config).await;
        assert_eq!(vector.moved(), (times * MOVED.0, times * MOVED.1));
        let expected = if acknowledgements {
            [MOVED, (0, 0)]
        } else {
            [(0, 0), MOVED]
        };
        assert_eq!(counted(&delivered), expected);
    }
}

#[tokio::test]
async fn a_vector_that_comes_late_gets_every_byte() {
    let place = listener().await;
    let address = place.local_addr().unwrap();
    drop(place);
    let (sink, healthcheck, delivered) = build(config(&address.to_string())).await;
    let error = healthcheck.await.unwrap_err();
    assert!(
        error.to_string().contains("no Vector is serving"),
        "{error}"
    );

    let queue = Queue::new(NonZeroUsize::new(2).unwrap(), WhenFull::Block);
    let inlet = Inlet::into(&queue);
    let running = tokio::spawn(sink.run(queue.outlet()));
    for number in 0..20 {
        put(&inlet, window(number));
    }
    wait_until(|| figures(&delivered)["failed_requests"].as_u64() > Some(2)).await;
    for number in 20..40 {
        put(&inlet, window(number));
    }
    assert!(queue.stats().merged_windows > 10);
    drop(inlet);
    let late = tokio::net::TcpListener::bind(address).await.unwrap();
    let vector = FakeVector::start(late, None, [], Answer::Take);
    running.await.unwrap().unwrap();
    assert_eq!(vector.moved(), (40 * 1_057, 40 * 80));
    assert_eq!(counted(&delivered), [(40 * 1_057, 40 * 80), (0, 0)]);
}

#[tokio::test]
async fn several_take_turns_and_one_that_is_gone_costs_nothing() {
    let gone = listener().await.local_addr().unwrap().to_string();
    let (one, other) = (
        vector([], Answer::Take).await,
        vector([], Answer::Take).await,
    );
    let delivered = sent(VectorConfig {
        address: None,
        endpoints: vec![gone, one.address(), other.address()],
        ..config("")
    })
    .await;
    let (one, other) = (one.moved(), other.moved());
    assert!(one.0 > 0 && other.0 > 0, "{one:?} {other:?}");
    assert_eq!((one.0 + other.0, one.1 + other.1), MOVED);
    assert_eq!(counted(&delivered), [MOVED, (0, 0)]);
    let figures = figures(&delivered);
    let healthy: Vec<_> = figures["endpoints"].as_array().unwrap().iter().collect();
    let healthy: Vec<_> = healthy.iter().map(|one| one["healthy"].as_bool()).collect();
    assert_eq!(healthy, [Some(false), Some(true), Some(true)]);
}

#[tokio::test]
async fn health_is_asked_for_and_believed() {
    for (last, is_well) in [(Answer::Take, true), (Answer::Panic, false)] {
        let vector = vector([], last).await;
        let (_sink, healthcheck, _delivered) = build(config(&vector.address())).await;
        assert_eq!(healthcheck.await.is_ok(), is_well);
    }
}

#[tokio::test]
async fn a_connection_is_secure_if_the_certificate_is_the_one_that_is_named() {
    let (pem, acceptor) = certificate();
    let (other_pem, _acceptor) = certificate();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let good = TlsConfig {
        ca_file: file("ca.pem", &pem),
        ..TlsConfig::default()
    };
    let other = TlsConfig {
        ca_file: file("other.pem", &other_pem),
        ..TlsConfig::default()
    };
    let of_name = |name: &str| TlsConfig {
        server_name: Some(name.to_owned()),
        ..good.clone()
    };
    let any_name = TlsConfig {
        verify_hostname: false,
        ..of_name("elsewhere.example")
    };
    let any = TlsConfig {
        verify_certificate: false,
        ..other.clone()
    };
    // The certificate is for `localhost`.
    let cases = [
        ("localhost", good.clone(), true),
        ("127.0.0.1", good.clone(), false),
        ("127.0.0.1", of_name("localhost"), true),
        ("localhost", of_name("elsewhere.example"), false),
        ("localhost", any_name, true),
        ("localhost", other.clone(), false),
        (
            "localhost",
            TlsConfig {
                verify_hostname: false,
                ..other
            },
            false,
        ),
        ("localhost", any, true),
    ];
    for (host, tls, is_trusted) in cases {
        let vector = FakeVector::start(listener().await, Some(acceptor.clone()), [], Answer::Take);
        let mut config = config(&format!("{host}:{}", vector.server.port));
        config.request.retry_attempts = Some(1);
        config.tls = Some(tls.clone());
        let delivered = sent(config).await;
        let expected = if is_trusted {
            [MOVED, (0, 0)]
        } else {
            [(0, 0), MOVED]
        };
        assert_eq!(counted(&delivered), expected, "{host} {tls:?}");
        assert_eq!(vector.moved(), expected[0], "{host} {tls:?}");
        if !is_trusted {
            let error = figures(&delivered)["last_error"].to_string();
            assert!(error.contains("certificate"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_asks_who_we_are_is_shown_our_certificate() {
    let (pem, key, acceptor) = certificate_and_key(true);
    let folder = tempfile::tempdir().unwrap();
    let [crt_file, key_file] = [("this.pem", pem), ("this.key", key)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    });
    let silent = TlsConfig {
        ca_file: crt_file.clone(),
        ..TlsConfig::default()
    };
    let named = TlsConfig {
        crt_file,
        key_file,
        ..silent.clone()
    };
    for (tls, expected) in [(named, [MOVED, (0, 0)]), (silent, [(0, 0), MOVED])] {
        let vector = FakeVector::start(listener().await, Some(acceptor.clone()), [], Answer::Take);
        let mut config = config(&format!("localhost:{}", vector.server.port));
        config.request.retry_attempts = Some(1);
        config.tls = Some(tls);
        let delivered = sent(config).await;
        assert_eq!(counted(&delivered), expected);
        assert_eq!(vector.moved(), expected[0]);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for ca_file in [folder.path().join("absent.pem"), empty] {
        let named = ca_file.display().to_string();
        let config = VectorConfig {
            tls: Some(TlsConfig {
                ca_file: Some(ca_file),
                ..TlsConfig::default()
            }),
            ..config("localhost:6000")
        };
        let built = config.build(SinkContext { key: "v".into() }).await;
        let error = built.err().unwrap().to_string();
        assert!(error.contains(&named), "{error}");
    }
}
