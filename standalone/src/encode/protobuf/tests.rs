//! What is on the wire, and the edges at which Vector fails.

use std::sync::Arc;

use jiff::SignedDuration;
use nettally_source::{LossReason, Remote};
use prost::bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint};

use super::message::{Value, ValueKind};
use super::*;
use crate::live::testing::{batch, degraded_health, flow, instant};

fn encoder(telemetry: Telemetry) -> Encoder {
    let origin = Origin {
        host: "h1".to_owned(),
        pid: 4242,
    };
    Encoder::new(telemetry, origin)
}

fn events(encoder: &mut Encoder, event: &Event) -> Vec<VectorEvent> {
    let all: Vec<u8> = encoder.pushed(event).flat_map(|one| one.request).collect();
    let request = PushEventsRequest::decode(&*all).unwrap();
    request
        .events
        .into_iter()
        .map(|wrapper| wrapper.event.unwrap())
        .collect()
}

fn metrics(usage: UsageBatch) -> Vec<Metric> {
    let events = events(
        &mut encoder(Telemetry::Metrics),
        &Event::Usage(Arc::new(usage)),
    );
    events
        .into_iter()
        .map(|event| match event {
            VectorEvent::Metric(metric) => metric,
            VectorEvent::Log(log) => panic!("{log:?}"),
        })
        .collect()
}

fn logs(event: &Event) -> Vec<std::collections::BTreeMap<String, Value>> {
    events(&mut encoder(Telemetry::Logs), event)
        .into_iter()
        .map(|event| match event {
            VectorEvent::Log(log) => match log.value.and_then(|value| value.kind) {
                Some(ValueKind::Map(map)) => map.fields,
                value => panic!("a record is a map, and not {value:?}"),
            },
            VectorEvent::Metric(metric) => panic!("{metric:?}"),
        })
        .collect()
}

fn kind<'a>(log: &'a std::collections::BTreeMap<String, Value>, field: &str) -> &'a ValueKind {
    log[field].kind.as_ref().unwrap()
}

/// Field numbers of a message, and the bytes of those that have a length.
fn fields(mut bytes: &[u8]) -> Vec<(u32, WireType, Vec<u8>)> {
    let mut fields = Vec::new();
    while bytes.has_remaining() {
        let (number, wire) = decode_key(&mut bytes).unwrap();
        let content = match wire {
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut bytes).unwrap()).unwrap();
                bytes.copy_to_bytes(length).to_vec()
            }
            WireType::Varint => decode_varint(&mut bytes).unwrap().to_le_bytes().to_vec(),
            WireType::SixtyFourBit => bytes.copy_to_bytes(8).to_vec(),
            WireType::StartGroup | WireType::EndGroup | WireType::ThirtyTwoBit => {
                panic!("nothing here is written so: {wire:?}")
            }
        };
        fields.push((number, wire, content));
    }
    fields
}

/// Without the structures that wrote it.
#[test]
fn a_counter_has_the_field_numbers_that_vector_reads() {
    use WireType::{LengthDelimited, SixtyFourBit, Varint};

    let event = Event::Usage(Arc::new(batch(
        0,
        vec![flow("curl", 7, "192.0.2.1", 1500, 0)],
    )));
    let mut encoder = encoder(Telemetry::Metrics);
    let pushed: Vec<_> = encoder.pushed(&event).collect();
    assert_eq!(pushed.len(), 1);
    let only = |bytes: &[u8], number| {
        let fields = fields(bytes);
        assert_eq!(fields.len(), 1);
        assert_eq!((fields[0].0, fields[0].1), (number, LengthDelimited));
        fields[0].2.clone()
    };
    let wrapper = only(&pushed[0].request, 1);
    let metric = fields(&only(&wrapper, 2));
    let shape: Vec<_> = metric
        .iter()
        .map(|(number, wire, _)| (*number, *wire))
        .collect();
    // Kind 4 is incremental, 0, which protobuf leaves out.
    let tag = (3, LengthDelimited);
    let expected = [
        (1, LengthDelimited),
        (2, LengthDelimited),
        tag,
        tag,
        tag,
        tag,
        (5, LengthDelimited),
        (11, LengthDelimited),
        (18, Varint),
    ];
    assert_eq!(shape, expected);
    assert_eq!(metric[0].2, b"process_network_transmit_bytes_total");
    assert_eq!(
        fields(&metric[1].2),
        [(1, Varint, 1_700_000_001_u64.to_le_bytes().to_vec())]
    );
    assert_eq!(
        fields(&metric[2].2),
        [
            (1, LengthDelimited, b"collector".to_vec()),
            (2, LengthDelimited, b"process_network".to_vec())
        ]
    );
    assert_eq!(
        fields(&metric[6].2),
        [(1, SixtyFourBit, 1500_f64.to_le_bytes().to_vec())]
    );
    assert_eq!(metric[7].2, b"host");
    assert_eq!(metric[8].2, 1000_u64.to_le_bytes());
    let content = LossCount {
        events: 1,
        sent_bytes: 1500,
        received_bytes: 0,
    };
    assert_eq!(pushed[0].content, content);
}

/// Without the structures that wrote it.
#[test]
fn a_record_has_the_field_numbers_that_vector_reads() {
    let usage = batch(0, vec![flow("curl", 7, "192.0.2.1", 1500, 0)]);
    let event = Event::Usage(Arc::new(usage));
    let mut encoder = encoder(Telemetry::Logs);
    let pushed: Vec<_> = encoder.pushed(&event).collect();
    let mut message = pushed[0].request.clone();
    // Request to event, to log, to its value, to a map.
    for number in [1, 1, 2, 7] {
        let inner = fields(&message);
        assert_eq!((inner.len(), inner[0].0), (1, number));
        message = inner[0].2.clone();
    }
    let numbers: std::collections::BTreeMap<String, u32> = fields(&message)
        .into_iter()
        .map(|(number, _, entry)| {
            assert_eq!(number, 1);
            let entry = fields(&entry);
            assert_eq!((entry[0].0, entry[1].0), (1, 2));
            let name = String::from_utf8(entry[0].2.clone()).unwrap();
            (name, fields(&entry[1].2)[0].0)
        })
        .collect();
    let (text, instant, integer) = (1, 2, 4);
    for (name, number) in [
        ("host", text),
        ("timestamp", instant),
        ("window_start", instant),
        ("window_end", instant),
        ("pid", integer),
        ("sent_bytes", integer),
        ("received_bytes", integer),
    ] {
        assert_eq!(numbers[name], number, "{name}");
    }
}

#[test]
fn an_interval_that_vector_would_reject_is_left_out() {
    for (milliseconds, expected) in [
        (10_000, 10_000),
        (0, 0),
        (-5, 0),
        (i64::from(u32::MAX) + 1, 0),
    ] {
        let mut usage = batch(0, vec![flow("curl", 7, "192.0.2.1", 1, 0)]);
        usage.window.end = usage.window.start + SignedDuration::from_millis(milliseconds);
        assert_eq!(metrics(usage)[0].interval_ms, expected, "{milliseconds}");
    }
}

#[test]
fn the_largest_count_is_a_finite_float() {
    let usage = flow("curl", 7, "192.0.2.1", u64::MAX, u64::MAX);
    let event = Event::Usage(Arc::new(batch(0, vec![usage.clone(), usage])));
    let Event::Usage(usage) = &event else {
        unreachable!()
    };
    for metric in metrics((**usage).clone()) {
        let Some(MetricValue::Counter(counter)) = metric.value else {
            panic!("{metric:?}")
        };
        assert_eq!(counter.value, 18_446_744_073_709_551_615.0);
    }
    for log in logs(&event) {
        assert_eq!(
            kind(&log, "sent_bytes"),
            &ValueKind::Float(18_446_744_073_709_551_615.0)
        );
    }
}

#[test]
fn a_flow_is_a_flat_record_with_instants_and_its_own_process() {
    let unresolved = nettally_source::Usage {
        remote: Remote::Unresolved,
        ..flow("curl", 7, "192.0.2.1", 3, 4)
    };
    let event = Event::Usage(Arc::new(batch(
        0,
        vec![flow("curl", 7, "192.0.2.1", 1500, 20), unresolved],
    )));
    let logs = logs(&event);
    let text = |text: &str| ValueKind::RawBytes(text.as_bytes().to_vec());
    let second = |seconds| ValueKind::Timestamp(message::Timestamp { seconds, nanos: 0 });
    let expected = [
        ("timestamp", second(1_700_000_001)),
        ("window_start", second(1_700_000_000)),
        ("window_end", second(1_700_000_001)),
        ("host", text("h1")),
        ("process", text("curl")),
        ("pid", ValueKind::Integer(7)),
        ("remote_ip", text("192.0.2.1")),
        ("remote_port", ValueKind::Integer(443)),
        ("sent_bytes", ValueKind::Integer(1500)),
        ("received_bytes", ValueKind::Integer(20)),
    ];
    for (field, value) in expected {
        assert_eq!(kind(&logs[0], field), &value, "{field}");
    }
    assert_eq!(kind(&logs[1], "remote_ip"), &text("unresolved"));
    assert!(!logs[1].contains_key("remote_port"));
    for value in logs.iter().flat_map(|log| log.values()) {
        assert!(value.kind.is_some());
    }
}

#[test]
fn a_fraction_of_a_second_is_never_negative() {
    let cases = [
        (
            SignedDuration::from_millis(1518),
            1_700_000_001,
            518_000_000,
        ),
        (SignedDuration::from_secs(-1_700_000_000), 0, 0),
        (
            SignedDuration::from_millis(-1_700_000_000_250),
            -1,
            750_000_000,
        ),
    ];
    for (offset, seconds, nanos) in cases {
        let found = value::instant(instant(0) + offset);
        assert_eq!(found, message::Timestamp { seconds, nanos }, "{offset:?}");
    }
    for edge in [Timestamp::MIN, Timestamp::MAX] {
        let message::Timestamp { nanos, .. } = value::instant(edge);
        assert!((0..1_000_000_000).contains(&nanos), "{edge}");
    }
}

#[test]
fn trouble_is_a_record_about_this_process() {
    let mut lossy = batch(0, vec![]);
    lossy.losses.add(
        LossReason::FlowsFull,
        LossCount {
            events: 2,
            sent_bytes: 100,
            received_bytes: 0,
        },
    );
    let text = |text: &str| ValueKind::RawBytes(text.as_bytes().to_vec());
    let loss = &logs(&Event::Usage(Arc::new(lossy)))[0];
    assert_eq!(kind(loss, "reason"), &text("flows_full"));
    assert_eq!(kind(loss, "sent_bytes"), &ValueKind::Integer(100));
    assert_eq!(kind(loss, "pid"), &ValueKind::Integer(4242));

    let mut encoder = encoder(Telemetry::Metrics);
    let degraded = Event::Health(Arc::new(degraded_health()));
    assert_eq!(events(&mut encoder, &degraded).len(), 1);
    assert_eq!(events(&mut encoder, &degraded).len(), 0);
}
