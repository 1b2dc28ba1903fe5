//! Every sink there is keeps to what every sink must.

use std::sync::Arc;

use nettally_source::pipeline::testing::{
    assert_sink_compliance, assert_sink_compliance_when_broken,
};
use nettally_source::{ComponentKey, Event, ShutdownSignal, Sink};

use super::Delivery;
use super::testing::health;
use crate::app::{BuildSink as _, BuiltSink};
use crate::config::{self, Overrides};
use crate::delivery::testing::{listener, windows};
use crate::http_sink::testing::{Answer as HttpAnswer, FakeServer};
use crate::live::Live;
use crate::vector::testing::{Answer as VectorAnswer, FakeVector};

/// The sink of these options.
async fn sink(options: &str) -> (Sink, Arc<dyn Delivery>) {
    let yaml = format!("sinks:\n  it: {{ {options} }}\n");
    let config = config::parse(&yaml, "test", &Overrides::default()).unwrap();
    let key = ComponentKey::from("it");
    let built = config.sinks["it"]
        .kind
        .build(key, ShutdownSignal::never())
        .await;
    let BuiltSink { sink, delivery } = built.unwrap();
    (sink, delivery.unwrap())
}

fn events() -> Vec<Event> {
    let report = Event::Health(Arc::new(health("network", 0)));
    let windows = windows()
        .into_iter()
        .map(|batch| Event::Usage(Arc::new(batch)));
    std::iter::once(report).chain(windows).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sinks_deliver_what_they_get_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let statsd = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let vector = FakeVector::start(listener().await, None, [], VectorAnswer::Take);
    let server = FakeServer::start(listener().await, None, [], HttpAnswer::Say(200));
    let (address, uri) = (vector.address(), server.uri());
    // The options, and whether the sink puts bytes on the network.
    let cases = [
        (
            format!("type: sqlite, path: '{}/n.db'", folder.path().display()),
            false,
        ),
        (
            format!("type: statsd, address: '{}'", statsd.local_addr().unwrap()),
            true,
        ),
        (
            format!("type: vector, address: '{address}', as: metrics"),
            true,
        ),
        (
            format!("type: vector, address: '{address}', as: logs"),
            true,
        ),
        (format!("type: http, uri: '{uri}', encoding: ndjson"), true),
        (
            format!("type: http, uri: '{uri}', encoding: json, compression: gzip"),
            true,
        ),
        (
            format!("type: http, uri: '{uri}', encoding: native_json, as: metrics"),
            true,
        ),
        (
            format!("type: otlp, endpoint: '{uri}', temporality: delta"),
            true,
        ),
    ];
    for (options, has_network) in cases {
        println!("{options}");
        let (sink, telemetry) = sink(&options).await;
        let counters = assert_sink_compliance(sink, &*telemetry, events()).await;
        assert_eq!(
            counters.sent_bytes > 0,
            has_network,
            "{options}: {counters:?}"
        );
    }
    let live = Live::new();
    assert_sink_compliance(live.sink(), &*live, events()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sinks_without_a_server_end_well_and_count_what_they_lose() {
    let gone = listener().await.local_addr().unwrap();
    let server = FakeServer::start(listener().await, None, [], HttpAnswer::Say(400));
    let uri = server.uri();
    let cases = [
        format!("type: statsd, address: '{gone}', max_packet_bytes: 128"),
        format!(
            "type: vector, address: '{gone}', request: {{ retry_attempts: 1, retry_initial_backoff_secs: 0.01 }}"
        ),
        format!("type: http, uri: 'http://{gone}/', request: {{ retry_attempts: 0 }}"),
        format!("type: http, uri: '{uri}'"),
        format!("type: otlp, endpoint: '{uri}', temporality: delta"),
    ];
    for options in cases {
        println!("{options}");
        let (sink, telemetry) = sink(&options).await;
        assert_sink_compliance_when_broken(sink, &*telemetry, events()).await;
    }
}
