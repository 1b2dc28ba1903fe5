//! Vector's codec `native_json`: one event of its model on each line.
//!
//! It rejects a whole event for a tag that is not a text, an interval of 0, or a time that is not
//! RFC 3339; the types here cannot say any of these. Its values are 64-bit floats: a count above
//! 2^53 bytes in one window loses its last digits.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::Timestamp;
use nettally_source::{Protocol, UsageBatch, Window};
use serde::Serialize;

use super::record::Flow;
use super::who::Ancestry;
use super::{Origin, line};

const TRANSMIT: &str = "process_network_transmit_bytes_total";
const RECEIVE: &str = "process_network_receive_bytes_total";

/// An event of Vector's model.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Event<'a, L> {
    Log(L),
    Metric(Metric<'a>),
}

/// A counter. What moved nothing in a window has none.
#[derive(Serialize)]
struct Metric<'a> {
    name: &'static str,
    /// As the metrics of Vector's `host_metrics` have it, beside which these belong.
    namespace: &'static str,
    tags: BTreeMap<&'static str, &'a str>,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_ms: Option<NonZeroU32>,
    kind: &'static str,
    counter: Counter,
}

#[derive(Serialize)]
struct Counter {
    value: f64,
}

#[derive(Serialize)]
struct FlowLog<'a> {
    timestamp: Timestamp,
    message: &'static str,
    #[serde(flatten)]
    flow: Flow<'a>,
}

/// What each process name moved over each protocol, as increments.
pub(super) fn metrics<'a>(
    batch: &'a UsageBatch,
    origin: &'a Origin,
) -> impl Iterator<Item = String> + 'a {
    let mut sums = BTreeMap::<(&str, Protocol), (u64, u64)>::new();
    for usage in &batch.usage {
        let (sent, received) = sums
            .entry((&usage.process.name, usage.protocol))
            .or_default();
        *sent = sent.saturating_add(usage.sent_bytes);
        *received = received.saturating_add(usage.received_bytes);
    }
    sums.into_iter()
        .flat_map(move |((process, protocol), (sent, received))| {
            [(TRANSMIT, sent), (RECEIVE, received)]
                .into_iter()
                .filter(|(_, bytes)| *bytes > 0)
                .map(move |(name, bytes)| {
                    let tags = tags(process, protocol, origin);
                    metric(name, tags, batch.window, bytes)
                })
        })
}

/// A log record for each flow.
pub(super) fn flows<'a>(
    batch: &'a UsageBatch,
    origin: &'a Origin,
) -> impl Iterator<Item = String> + 'a {
    batch.usage.iter().map(|usage| {
        log(FlowLog {
            timestamp: batch.window.end,
            message: "usage",
            flow: Flow::of(usage, batch.window, origin, Ancestry::Text),
        })
    })
}

/// A record as a log event.
pub(super) fn log(record: impl Serialize) -> String {
    line(&Event::Log(record))
}

/// Vector adds nothing to metrics, so the host is here. Nothing with more values than there are
/// process names: that is for log records.
fn tags<'a>(
    process: &'a str,
    protocol: Protocol,
    origin: &'a Origin,
) -> BTreeMap<&'static str, &'a str> {
    let mut tags = BTreeMap::from([
        ("collector", "process_network"),
        ("host", origin.host.as_str()),
        ("name", process),
        ("protocol", protocol.name()),
    ]);
    // Many servers refuse a tag without a value.
    tags.retain(|_, value| !value.is_empty());
    tags
}

fn metric(
    name: &'static str,
    tags: BTreeMap<&'static str, &str>,
    window: Window,
    bytes: u64,
) -> String {
    let Window { start, end } = window;
    let interval = u32::try_from(end.duration_since(start).as_millis());
    #[expect(clippy::cast_precision_loss, reason = "Vector's counters are floats")]
    let value = bytes as f64;
    line(&Event::<()>::Metric(Metric {
        name,
        namespace: "host",
        tags,
        timestamp: end,
        interval_ms: interval.ok().and_then(NonZeroU32::new),
        kind: "incremental",
        counter: Counter { value },
    }))
}
