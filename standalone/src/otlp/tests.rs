//! What a server takes out of requests.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use nettally_source::{LossReason, Protocol, ShutdownSignal, SinkConfig as _, SinkContext};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, NumberDataPoint, Sum, metric, number_data_point,
};
use prost::Message as _;

use super::*;
use crate::cardinality::{Label, SeriesConfig};
use crate::delivery::testing::{MOVED, Seen, counted, listener, run, windows};
use crate::http_sink::testing::{Answer, FakeServer};
use crate::topology::testing::{batch, row};

/// The sums in requests one after the other, and the resource of each.
fn sums(bytes: &[u8]) -> Vec<(BTreeMap<String, String>, Sum)> {
    let request = ExportMetricsServiceRequest::decode(bytes).unwrap();
    let mut sums = Vec::new();
    for of_resource in request.resource_metrics {
        let resource = texts(&of_resource.resource.unwrap().attributes);
        for metric in of_resource
            .scope_metrics
            .into_iter()
            .flat_map(|of| of.metrics)
        {
            assert_eq!((&*metric.name, &*metric.unit), ("process.network.io", "By"));
            let Some(metric::Data::Sum(sum)) = metric.data else {
                panic!("{:?}", metric.data)
            };
            assert!(sum.is_monotonic);
            sums.push((resource.clone(), sum));
        }
    }
    sums
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| {
        let value = attribute.value.clone().unwrap().value.unwrap();
        if let any_value::Value::IntValue(number) = value {
            return number.to_string();
        }
        let any_value::Value::StringValue(text) = value else {
            panic!("{value:?}")
        };
        text
    };
    let pairs = attributes.iter().map(|one| (one.key.clone(), text(one)));
    let read: BTreeMap<_, _> = pairs.collect();
    assert_eq!(read.len(), attributes.len(), "{attributes:?}");
    read
}

fn bytes(point: &NumberDataPoint) -> u64 {
    match point.value {
        Some(number_data_point::Value::AsInt(bytes)) => bytes.try_into().unwrap(),
        ref other => panic!("{other:?}"),
    }
}

fn body(seen: &Seen) -> Vec<u8> {
    assert_eq!(seen.head.headers["content-type"], "application/x-protobuf");
    if !seen.head.headers.contains_key("content-encoding") {
        return seen.body.to_vec();
    }
    let mut body = Vec::new();
    GzDecoder::new(&*seen.body).read_to_end(&mut body).unwrap();
    body
}

/// What a server holds after all that it was sent: increments are added, sums replaced.
fn held(seen: &[Seen]) -> (u64, u64) {
    let mut series = BTreeMap::<_, u64>::new();
    for (_, sum) in seen.iter().flat_map(|seen| sums(&body(seen))) {
        let temporality = sum.aggregation_temporality();
        for point in &sum.data_points {
            let value = series.entry(texts(&point.attributes)).or_default();
            match temporality {
                AggregationTemporality::Delta => *value += bytes(point),
                AggregationTemporality::Cumulative => {
                    assert!(*value <= bytes(point), "a sum went down: {point:?}");
                    *value = bytes(point);
                }
                AggregationTemporality::Unspecified => panic!("unspecified"),
            }
        }
    }
    let of = |direction: &str| {
        let of_direction =
            |series: &&BTreeMap<String, String>| series["network.io.direction"] == direction;
        series
            .iter()
            .filter(|(series, _)| of_direction(series))
            .map(|(_, value)| value)
            .sum()
    };
    (of("transmit"), of("receive"))
}

async fn sent(config: OtlpConfig) -> std::sync::Arc<crate::delivery::Delivered> {
    let otlp = Otlp {
        config,
        delivered: std::sync::Arc::default(),
        ending: ShutdownSignal::never(),
    };
    let (sink, _healthcheck) = otlp.build(SinkContext { key: "o".into() }).await.unwrap();
    run(sink, windows()).await;
    otlp.delivered
}

fn config(server: &FakeServer, temporality: Temporality) -> OtlpConfig {
    let mut config = OtlpConfig {
        endpoint: format!("http://127.0.0.1:{}", server.server.port),
        temporality,
        host: Some("h1".to_owned()),
        ..OtlpConfig::default()
    };
    config.batch.max_events = 2;
    config.request.retry_initial_backoff_secs = 0.01;
    config
}

#[tokio::test]
async fn every_byte_arrives_as_increments_and_as_sums() {
    for temporality in [Temporality::Delta, Temporality::Cumulative] {
        let server = FakeServer::start(listener().await, None, [], Answer::Say(200));
        let delivered = sent(config(&server, temporality)).await;
        let seen = server.seen();
        assert_eq!(seen.len(), 3, "five windows, two in a request");
        assert!(seen.iter().all(|seen| seen.head.uri == "/v1/metrics"));
        assert_eq!(held(&seen), MOVED, "{temporality:?}");
        let expected = match temporality {
            Temporality::Delta => MOVED,
            Temporality::Cumulative => (0, 0),
        };
        assert_eq!(counted(&delivered), [expected, (0, 0)]);
    }
}

#[tokio::test]
async fn what_is_refused_is_counted_and_what_may_be_tried_again_is() {
    let answers = [Answer::Say(503), Answer::Say(400)];
    let server = FakeServer::start(listener().await, None, answers, Answer::Say(200));
    let delivered = sent(config(&server, Temporality::Delta)).await;
    // Of five windows the first two were refused.
    let lost = (2 * 1_057, 2 * 80);
    assert_eq!(counted(&delivered), [(3 * 1_057, 3 * 80), lost]);
    use crate::topology::Delivery as _;
    let failed = delivered.losses().get(LossReason::SinkFailed);
    assert_eq!((failed.sent_bytes, failed.received_bytes), lost);
}

fn exported(
    encoder: &mut Encoder,
    batch: &nettally_source::UsageBatch,
) -> Vec<(BTreeMap<String, String>, Sum)> {
    let all: Vec<u8> = encoder
        .exported(batch)
        .into_iter()
        .flat_map(|exported| exported.request)
        .collect();
    sums(&all)
}

#[test]
fn a_point_has_the_attributes_of_the_conventions() {
    let mut encoder = Encoder::new(
        Temporality::Delta,
        SeriesConfig::of_otlp(),
        [("host.name", "h1"), ("k", "v")],
    );
    let window = batch(0, [row("curl", Protocol::Tcp, 1).moved(7, 0)]);
    let [(resource, sum)] = &*exported(&mut encoder, &window) else {
        panic!("one window is one metric");
    };
    assert_eq!(resource["service.name"], "nettally");
    assert_eq!((&*resource["host.name"], &*resource["k"]), ("h1", "v"));
    let [point] = &*sum.data_points else {
        panic!("nothing was received: {sum:?}");
    };
    let expected = [
        ("nettally.process.name", "curl"),
        ("process.pid", "100"),
        ("process.executable.name", "curl"),
        ("process.executable.path", "/bin/curl"),
        ("process.owner", "root"),
        ("network.transport", "tcp"),
        ("network.io.direction", "transmit"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(texts(&point.attributes), expected.into());
    let second = |number: u64| (1_700_000_000 + number) * 1_000_000_000;
    let span = (point.start_time_unix_nano, point.time_unix_nano);
    assert_eq!(span, (second(0), second(1)));
}

#[test]
fn a_container_is_told_by_its_runtime_and_its_id() {
    let found = texts(&attributes::attributes(
        Label::Container,
        "docker:3f2a9c1b7d55",
    ));
    let expected = [
        ("container.id", "3f2a9c1b7d55"),
        ("container.runtime.name", "docker"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(found, expected.into());
    let rest = texts(&attributes::attributes(Label::Pid, "other"));
    assert_eq!(rest["process.pid"], "other");
}

#[test]
fn sums_are_told_when_they_grow_and_again_every_minute() {
    let mut encoder = Encoder::new(Temporality::Cumulative, SeriesConfig::of_otlp(), []);
    let mut told = |second, name: &str| -> usize {
        let window = batch(second, [row(name, Protocol::Tcp, 1).moved(1, 1)]);
        let sums = exported(&mut encoder, &window);
        sums.iter().map(|(_, sum)| sum.data_points.len()).sum()
    };
    assert_eq!(told(0, "a"), 2);
    assert_eq!(told(1, "b"), 2);
    assert_eq!(told(59, "b"), 2);
    assert_eq!(told(60, "b"), 4);
    assert_eq!(told(61, "b"), 2);
}

#[test]
fn a_large_window_is_told_in_parts() {
    let mut encoder = Encoder::new(
        Temporality::Delta,
        SeriesConfig {
            top: None,
            ..SeriesConfig::of_otlp()
        },
        [],
    );
    let rows =
        (0..1_500_u16).map(|number| row(&format!("p{number}"), Protocol::Udp, number).moved(1, 2));
    let parts = encoder.exported(&batch(0, rows));
    assert_eq!(parts.len(), 3);
    let sent: u64 = parts.iter().map(|part| part.content.sent_bytes).sum();
    let points: u64 = parts.iter().map(|part| part.content.events).sum();
    assert_eq!((sent, points), (1_500, 3_000));
}
