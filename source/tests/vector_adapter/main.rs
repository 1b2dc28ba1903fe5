//! The adapter that `ADAPTER.md` shows compiles against Vector's signatures, and events go through it.

#[expect(unreachable_pub, reason = "as it stands in Vector's tree")]
mod adapter;
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a stand-in has what Vector has, used or not"
)]
mod vector;

use std::sync::Arc;

use nettally_source::{
    Event, EventSink as _, Losses, Process, ProcessId, Protocol, Remote, SendError, Usage,
    UsageBatch, Window,
};

use adapter::{Out, ProcessNetworkConfig};
use vector::config::{DataType, GenerateConfig as _, LogNamespace, SourceConfig as _};
use vector::event::MetricValue;

fn window() -> Event {
    let at = |second| jiff::Timestamp::from_second(second).expect("a time");
    let row = |name: &str, sent_bytes, received_bytes| Usage {
        process: Arc::new(Process::named(ProcessId::default(), name)),
        protocol: Protocol::Tcp,
        local_port: 1,
        remote: Remote::Unresolved,
        sent_bytes,
        received_bytes,
        first_activity: at(1),
        last_activity: at(1),
    };
    Event::Usage(Arc::new(UsageBatch {
        window: Window {
            start: at(1),
            end: at(2),
        },
        usage: vec![row("curl", 10, 1), row("dig", 7, 3)],
        losses: Losses::default(),
    }))
}

#[tokio::test]
async fn events_go_through_and_errors_come_back() {
    let (sender, mut receiver) = vector::SourceSender::new_test(100);
    let mut out = Out(sender);
    out.send_batch(vec![window()]).await.expect("there is room");
    let mut counters = Vec::new();
    while let Ok(event) = receiver.try_recv() {
        let vector::event::Event::Metric(metric) = event else {
            panic!("{event:?}");
        };
        let MetricValue::Counter { value } = metric.value;
        let tags = metric.tags.expect("who it was");
        counters.push((metric.name, tags["name"].clone(), value));
    }
    let counter = |name: &str, who: &str, value| {
        let name = format!("process_network_{name}_bytes_total");
        (name, who.to_owned(), value)
    };
    let expected = [
        counter("transmit", "curl", 10.0),
        counter("receive", "curl", 1.0),
        counter("transmit", "dig", 7.0),
        counter("receive", "dig", 3.0),
    ];
    assert_eq!(counters, expected);
    drop(receiver);
    assert_eq!(out.send_batch(vec![window()]).await, Err(SendError::Closed));
}

#[test]
fn the_configuration_is_vectors_to_show_and_to_refuse() {
    let shown = ProcessNetworkConfig::generate_config();
    assert_eq!(shown["backend"], "auto");
    let config = ProcessNetworkConfig::default();
    let outputs = config.outputs(LogNamespace::Legacy);
    assert_eq!(outputs[0].ty, DataType::Log | DataType::Metric);
    assert!(!config.can_acknowledge());
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_the_kernel_is_touched() {
    let mut config = ProcessNetworkConfig::default();
    config.0.scrape_interval_secs = 0.0;
    let (_trigger, shutdown, _alive) = vector::shutdown::ShutdownSignal::new_wired();
    let (out, _receiver) = vector::SourceSender::new_test(1);
    let context = vector::config::SourceContext {
        key: "network".into(),
        shutdown,
        out,
    };
    let error = config.build(context).await.err().expect("it is refused");
    assert!(
        error.to_string().contains("scrape_interval_secs"),
        "{error}"
    );
}

/// As Vector runs a source: the token lives until the source has ended, and the last window comes.
#[cfg(feature = "real-kernel")]
#[tokio::test(flavor = "multi_thread")]
async fn vector_runs_the_source_and_gets_its_last_window() {
    use std::net::UdpSocket;

    let (trigger, shutdown, alive) = vector::shutdown::ShutdownSignal::new_wired();
    let (out, mut receiver) = vector::SourceSender::new_test(10_000);
    let context = vector::config::SourceContext {
        key: "network".into(),
        shutdown,
        out,
    };
    let source = ProcessNetworkConfig::default()
        .build(context)
        .await
        .expect("as root");
    let running = tokio::spawn(source);
    let receiving = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let sending = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = receiving.local_addr().expect("bound");
    sending.send_to(&[0; 1234], address).expect("sent");
    assert!(alive.upgrade().is_some());
    trigger.send(()).expect("the source is there");
    assert_eq!(running.await.expect("no panic"), Ok(()));
    assert!(
        alive.upgrade().is_none(),
        "the source still runs, to Vector"
    );
    let own = std::process::id().to_string();
    let mut sent = 0.0;
    while let Some(event) = receiver.recv().await {
        let vector::event::Event::Metric(metric) = event else {
            continue;
        };
        let tags = metric.tags.expect("who it was");
        if metric.name.contains("transmit") && tags["pid"] == own && tags["protocol"] == "udp" {
            let MetricValue::Counter { value } = metric.value;
            sent += value;
        }
    }
    assert_eq!(sent, 1234.0);
}

/// What is shown is what was compiled.
#[test]
fn the_document_has_the_adapter_as_it_is() {
    let document = include_str!("../../ADAPTER.md");
    let adapter = include_str!("adapter.rs");
    assert!(
        document.contains(&format!("```rust,ignore\n{adapter}```")),
        "ADAPTER.md is not up to date: put tests/vector_adapter/adapter.rs into it"
    );
}
