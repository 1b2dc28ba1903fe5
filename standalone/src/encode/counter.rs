//! What was moved in one window, as counters of Vector's model: one for each series and direction.
//! What moved nothing has none.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::Timestamp;
use nettally_source::{LossCount, UsageBatch, Window};

use super::Origin;
use crate::cardinality::{Group, Label, Row, SeriesConfig, groups};
use crate::live::Moved;

/// As the metrics of Vector's `host_metrics` have it, beside which these belong.
pub(super) const NAMESPACE: &str = "host";

const TRANSMIT: &str = "process_network_transmit_bytes_total";
const RECEIVE: &str = "process_network_receive_bytes_total";

/// What was added to a counter in one window.
pub(super) struct Counter<'a> {
    pub(super) name: &'static str,
    /// None of them empty: many servers refuse a tag without a value.
    pub(super) tags: BTreeMap<&'static str, Cow<'a, str>>,
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
    series: &SeriesConfig,
) -> impl Iterator<Item = Counter<'a>> + use<'a> {
    let labels = series.labels();
    let groups = groups(&batch.usage, series, &labels);
    let Window { start, end } = batch.window;
    let interval = u32::try_from(end.duration_since(start).as_millis());
    let interval_ms = interval.ok().and_then(NonZeroU32::new);
    groups
        .into_iter()
        .flat_map(move |Group { values, protocols }| {
            let mut tags: BTreeMap<_, _> = labels
                .of_group()
                .iter()
                .map(|&label| tag_name(label))
                .zip(values)
                .collect();
            // Vector adds nothing to metrics, so the host is here.
            tags.insert("collector", Cow::from("process_network"));
            tags.insert("host", Cow::from(origin.host.as_str()));
            tags.retain(|_, value| !value.is_empty());
            let rows: Vec<_> = labels.rows(&protocols).collect();
            rows.into_iter().flat_map(move |Row { protocol, moved }| {
                let mut tags = tags.clone();
                tags.extend(protocol.map(|protocol| ("protocol", Cow::from(protocol.name()))));
                let Moved {
                    sent_bytes,
                    received_bytes,
                } = moved;
                [(TRANSMIT, sent_bytes, 0), (RECEIVE, 0, received_bytes)]
                    .into_iter()
                    .filter(|(_, sent, received)| sent | received > 0)
                    .map(move |(name, sent_bytes, received_bytes)| Counter {
                        name,
                        tags: tags.clone(),
                        timestamp: end,
                        interval_ms,
                        content: LossCount {
                            events: 1,
                            sent_bytes,
                            received_bytes,
                        },
                    })
            })
        })
}

/// As the metrics of `host_metrics` call it, where they have it.
const fn tag_name(label: Label) -> &'static str {
    match label {
        Label::Process => "name",
        Label::App
        | Label::Pid
        | Label::Exe
        | Label::User
        | Label::Unit
        | Label::Container
        | Label::LocalPort
        | Label::Remote
        | Label::RemotePort
        | Label::Protocol => label.name(),
    }
}
