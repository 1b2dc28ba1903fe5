//! Vector's gRPC protocol: events of its model as protobuf. [`message`] has the messages.

pub mod message;
#[cfg(test)]
mod tests;
mod value;

use jiff::Timestamp;
use nettally_source::{Event, HealthReport, LossCount, UsageBatch};
use prost::Message as _;
use serde::Serialize;

use super::counter::{Counter, NAMESPACE, counters};
use super::native_json::FlowLog;
use super::record::{Flow, Notice};
use super::told::Told;
use super::who::Ancestry;
use super::{NOTICE, Origin, Telemetry, flow_content};
use crate::cardinality::SeriesConfig;
use message::{
    Event as VectorEvent, EventWrapper, Log, Metric, MetricKind, MetricValue, PushEventsRequest,
};

/// One event, and what is lost if it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// A request with this event alone. Requests one after the other are one request with all.
    pub request: Vec<u8>,
    /// The events and bytes that it tells of.
    pub content: LossCount,
}

/// Turns events into requests.
#[derive(Clone, Debug)]
pub struct Encoder {
    telemetry: Telemetry,
    origin: Origin,
    series: SeriesConfig,
    told: Told,
}

impl Encoder {
    /// One that has told nothing yet.
    #[must_use]
    pub fn new(telemetry: Telemetry, origin: Origin) -> Self {
        Self {
            telemetry,
            origin,
            series: SeriesConfig::default(),
            told: Told::default(),
        }
    }

    /// With these series of metrics.
    #[must_use]
    pub fn with_series(self, series: SeriesConfig) -> Self {
        Self { series, ..self }
    }

    /// What one event is to Vector.
    pub fn pushed<'a>(
        &'a mut self,
        event: &'a Event,
    ) -> Box<dyn Iterator<Item = Pushed> + Send + 'a> {
        match event {
            Event::Usage(batch) => self.usage(batch),
            Event::Health(report) => self.health(report),
        }
    }

    fn usage<'a>(&'a self, batch: &'a UsageBatch) -> Box<dyn Iterator<Item = Pushed> + Send + 'a> {
        let origin = &self.origin;
        let UsageBatch {
            window,
            usage,
            losses,
        } = batch;
        let losses = losses.0.iter().map(|(&reason, &count)| {
            let notice = Notice::loss(*window, origin, reason, count);
            log(&notice, &[("timestamp", window.end)], NOTICE)
        });
        match self.telemetry {
            Telemetry::Metrics => Box::new(
                counters(batch, origin, &self.series)
                    .map(|counter| metric(&counter))
                    .chain(losses),
            ),
            Telemetry::Logs => {
                let times = [
                    ("timestamp", window.end),
                    ("window_start", window.start),
                    ("window_end", window.end),
                ];
                let flows = usage.iter().map(move |usage| {
                    let flow = Flow::of(usage, *window, origin, Ancestry::Text);
                    let record = FlowLog::of(flow, window.end);
                    log(&record, &times, flow_content(usage))
                });
                Box::new(flows.chain(losses))
            }
        }
    }

    fn health<'a>(
        &'a mut self,
        report: &'a HealthReport,
    ) -> Box<dyn Iterator<Item = Pushed> + Send + 'a> {
        let new = self.told.new_in(report);
        let time = report.time;
        Box::new(new.map(move |new| {
            let notice = Notice::degradation(time, &self.origin, new);
            log(&notice, &[("timestamp", time)], NOTICE)
        }))
    }
}

fn metric(counter: &Counter<'_>) -> Pushed {
    let Counter {
        name,
        tags,
        timestamp,
        interval_ms,
        content,
    } = counter;
    let metric = Metric {
        name: (*name).to_owned(),
        timestamp: Some(value::instant(*timestamp)),
        tags_v1: tags
            .iter()
            .map(|(&name, value)| (name.to_owned(), value.clone().into_owned()))
            .collect(),
        kind: MetricKind::Incremental.into(),
        value: Some(MetricValue::Counter(message::Counter {
            value: counter.value(),
        })),
        namespace: NAMESPACE.to_owned(),
        interval_ms: interval_ms.map_or(0, std::num::NonZeroU32::get),
    };
    pushed(VectorEvent::Metric(metric), *content)
}

/// A record whose `times` are instants, which JSON does not have.
fn log(record: &impl Serialize, times: &[(&str, Timestamp)], content: LossCount) -> Pushed {
    let value = value::record(record, times);
    pushed(VectorEvent::Log(Log { value: Some(value) }), content)
}

fn pushed(event: VectorEvent, content: LossCount) -> Pushed {
    let request = PushEventsRequest {
        events: vec![EventWrapper { event: Some(event) }],
    };
    Pushed {
        request: request.encode_to_vec(),
        content,
    }
}
