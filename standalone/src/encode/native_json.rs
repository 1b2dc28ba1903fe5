//! Vector's codec `native_json`: one event of its model on each line.
//!
//! It rejects a whole event for a tag that is not a text, an interval of 0, or a time that is not
//! RFC 3339; the types here cannot say any of these.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::Timestamp;
use nettally_source::UsageBatch;
use serde::Serialize;

use super::counter::{Counter, NAMESPACE, counters};
use super::record::Flow;
use super::who::Ancestry;
use super::{Line, Origin, flow_content, line};
use crate::cardinality::SeriesConfig;

/// An event of Vector's model.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Event<'a, L> {
    Log(L),
    Metric(Metric<'a>),
}

/// A counter.
#[derive(Serialize)]
struct Metric<'a> {
    name: &'static str,
    namespace: &'static str,
    tags: &'a BTreeMap<&'static str, Cow<'a, str>>,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_ms: Option<NonZeroU32>,
    kind: &'static str,
    counter: Value,
}

#[derive(Serialize)]
struct Value {
    value: f64,
}

/// A flow as a log record of Vector's model.
#[derive(Serialize)]
pub(super) struct FlowLog<'a> {
    timestamp: Timestamp,
    message: &'static str,
    #[serde(flatten)]
    flow: Flow<'a>,
}

impl<'a> FlowLog<'a> {
    pub(super) fn of(flow: Flow<'a>, timestamp: Timestamp) -> Self {
        Self {
            timestamp,
            message: "usage",
            flow,
        }
    }
}

/// What was moved, as increments.
pub(super) fn metrics<'a>(
    batch: &'a UsageBatch,
    origin: &'a Origin,
    series: &SeriesConfig,
) -> impl Iterator<Item = Line> + use<'a> {
    counters(batch, origin, series).map(|counter| Line {
        text: metric(&counter),
        content: counter.content,
    })
}

/// A log record for each flow.
pub(super) fn flows<'a>(
    batch: &'a UsageBatch,
    origin: &'a Origin,
) -> impl Iterator<Item = Line> + 'a {
    batch.usage.iter().map(|usage| {
        let flow = Flow::of(usage, batch.window, origin, Ancestry::Text);
        Line {
            text: log(FlowLog::of(flow, batch.window.end)),
            content: flow_content(usage),
        }
    })
}

/// A record as a log event.
pub(super) fn log(record: impl Serialize) -> String {
    line(&Event::Log(record))
}

fn metric(counter: &Counter<'_>) -> String {
    let Counter {
        name,
        tags,
        timestamp,
        interval_ms,
        content: _,
    } = counter;
    line(&Event::<()>::Metric(Metric {
        name,
        namespace: NAMESPACE,
        tags,
        timestamp: *timestamp,
        interval_ms: *interval_ms,
        kind: "incremental",
        counter: Value {
            value: counter.value(),
        },
    }))
}
