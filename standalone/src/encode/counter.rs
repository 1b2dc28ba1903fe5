//! What each process name moved over each protocol in one window, as counters of Vector's model:
//! one for each direction. What moved nothing has none.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::Timestamp;
use nettally_source::{LossCount, Protocol, UsageBatch, Window};

use super::Origin;

/// As the metrics of Vector's `host_metrics` have it, beside which these belong.
pub(super) const NAMESPACE: &str = "host";

const TRANSMIT: &str = "process_network_transmit_bytes_total";
const RECEIVE: &str = "process_network_receive_bytes_total";

/// What was added to a counter in one window.
pub(super) struct Counter<'a> {
    pub(super) name: &'static str,
    /// None of them empty: many servers refuse a tag without a value.
    pub(super) tags: BTreeMap<&'static str, &'a str>,
    pub(super) timestamp: Timestamp,
    /// Length of the window, if Vector takes it: it refuses 0.
    pub(super) interval_ms: Option<NonZeroU32>,
    /// The bytes of its one direction.
    pub(super) content: LossCount,
}

impl Counter<'_> {
    /// A 64-bit float, as all of Vector's values: above 2^53 bytes in one window the last digits
    /// are lost.
    pub(super) fn value(&self) -> f64 {
        let LossCount {
            events: _,
            sent_bytes,
            received_bytes,
        } = self.content;
        #[expect(clippy::cast_precision_loss, reason = "Vector's counters are floats")]
        let value = sent_bytes.saturating_add(received_bytes) as f64;
        value
    }
}

/// The counters of a window.
pub(super) fn counters<'a>(
    batch: &'a UsageBatch,
    origin: &'a Origin,
) -> impl Iterator<Item = Counter<'a>> {
    let mut sums = BTreeMap::<(&str, Protocol), (u64, u64)>::new();
    for usage in &batch.usage {
        let (sent, received) = sums
            .entry((&usage.process.name, usage.protocol))
            .or_default();
        *sent = sent.saturating_add(usage.sent_bytes);
        *received = received.saturating_add(usage.received_bytes);
    }
    let Window { start, end } = batch.window;
    let interval = u32::try_from(end.duration_since(start).as_millis());
    let interval_ms = interval.ok().and_then(NonZeroU32::new);
    sums.into_iter()
        .flat_map(move |((process, protocol), (sent, received))| {
            [(TRANSMIT, sent, 0), (RECEIVE, 0, received)]
                .into_iter()
                .filter(|(_, sent, received)| sent | received > 0)
                .map(move |(name, sent_bytes, received_bytes)| Counter {
                    name,
                    tags: tags(process, protocol, origin),
                    timestamp: end,
                    interval_ms,
                    content: LossCount {
                        events: 1,
                        sent_bytes,
                        received_bytes,
                    },
                })
        })
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
    tags.retain(|_, value| !value.is_empty());
    tags
}
