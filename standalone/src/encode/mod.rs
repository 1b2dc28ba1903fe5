//! Events for other programs. Pure: values in, bytes out. A line of text is one JSON value that ends
//! with a line feed and has nothing in it that a terminal could act on.
//!
//! [`Encoder`] chooses; `record` has what all formats say of a flow and of trouble, `who` what of a
//! process, `counter` what is a metric, `json` is our own format, `native_json` that of Vector's
//! codec of the same name, [`protobuf`] that of Vector's gRPC protocol,
//! [`wire`] is how a nettally tells another on the same machine everything.

mod counter;
mod json;
mod native_json;
pub mod protobuf;
mod record;
#[cfg(test)]
mod tests;
mod told;
mod who;
pub mod wire;

use clap::ValueEnum;
use jiff::Timestamp;
use nettally_source::{Event, HealthReport, LossCount, Usage, UsageBatch};
use serde::{Deserialize, Serialize};

use crate::cardinality::SeriesConfig;
use crate::text::harmless_json;
use record::Notice;
use told::Told;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A record for each flow and window, with the field names of the database.
    Json,
    /// Metrics and log records as Vector's `native_json` codec reads them.
    #[value(name = "native_json")]
    NativeJson,
}

/// Who tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of this machine; may be empty if it is not known.
    pub host: String,
    /// This process: whose trouble is told. Without it, Vector takes flows to be this process's.
    pub pid: u32,
}

/// What is said of usage in Vector's model. Trouble is a log record in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Telemetry {
    /// Counters, by default of each process name and protocol.
    Metrics,
    /// A log record for each flow.
    Logs,
}

/// One line, and what is lost if it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// JSON and a line feed.
    pub text: String,
    /// The events and bytes that it tells of.
    pub content: LossCount,
}

/// Turns events into lines.
#[derive(Clone, Debug)]
pub struct Encoder {
    format: Format,
    metrics: bool,
    flows: bool,
    origin: Origin,
    series: SeriesConfig,
    told: Told,
}

impl Encoder {
    /// With `flows`, `native_json` has a log record for each flow too; `json` always has.
    #[must_use]
    pub fn new(format: Format, flows: bool, origin: Origin) -> Self {
        Self {
            format,
            metrics: true,
            flows,
            origin,
            series: SeriesConfig::default(),
            told: Told::default(),
        }
    }

    /// With either metrics or logs in `native_json`, so that no byte is told twice.
    #[must_use]
    pub fn of(format: Format, telemetry: Telemetry, origin: Origin) -> Self {
        let (metrics, flows) = match telemetry {
            Telemetry::Metrics => (true, false),
            Telemetry::Logs => (false, true),
        };
        Self {
            metrics,
            ..Self::new(format, flows, origin)
        }
    }

    /// With these series of metrics.
    #[must_use]
    pub fn with_series(self, series: SeriesConfig) -> Self {
        Self { series, ..self }
    }

    /// The lines of one event.
    pub fn lines<'a>(&'a mut self, event: &'a Event) -> impl Iterator<Item = String> + 'a {
        self.counted_lines(event).map(|line| line.text)
    }

    /// The lines of one event, each with what it tells of.
    pub fn counted_lines<'a>(
        &'a mut self,
        event: &'a Event,
    ) -> Box<dyn Iterator<Item = Line> + Send + 'a> {
        match event {
            Event::Usage(batch) => self.usage(batch),
            Event::Health(report) => self.health(report),
        }
    }

    /// The line that says why there will be no more.
    #[must_use]
    pub fn failure(&self, time: Timestamp, message: &str) -> String {
        let Line { text, content: _ } = self.notice(&Notice::failure(time, &self.origin, message));
        text
    }

    fn usage<'a>(&'a self, batch: &'a UsageBatch) -> Box<dyn Iterator<Item = Line> + Send + 'a> {
        let losses = batch.losses.0.iter().map(move |(&reason, &count)| {
            self.notice(&Notice::loss(batch.window, &self.origin, reason, count))
        });
        match self.format {
            Format::Json => Box::new(json::flows(batch, &self.origin).chain(losses)),
            Format::NativeJson => {
                let metrics = self
                    .metrics
                    .then(|| native_json::metrics(batch, &self.origin, &self.series));
                let flows = self.flows.then(|| native_json::flows(batch, &self.origin));
                let metrics = metrics.into_iter().flatten();
                Box::new(metrics.chain(flows.into_iter().flatten()).chain(losses))
            }
        }
    }

    fn health<'a>(
        &'a mut self,
        report: &'a HealthReport,
    ) -> Box<dyn Iterator<Item = Line> + Send + 'a> {
        let new = self.told.new_in(report);
        Box::new(new.map(|new| self.notice(&Notice::degradation(report.time, &self.origin, new))))
    }

    /// What is lost with it are no bytes of a flow.
    fn notice(&self, notice: &Notice<'_>) -> Line {
        let text = match self.format {
            Format::Json => line(notice),
            Format::NativeJson => native_json::log(notice),
        };
        Line {
            text,
            content: NOTICE,
        }
    }
}

/// What a record of trouble counts as.
const NOTICE: LossCount = LossCount {
    events: 1,
    sent_bytes: 0,
    received_bytes: 0,
};

/// What the record of one flow tells of.
fn flow_content(usage: &Usage) -> LossCount {
    LossCount {
        events: 1,
        sent_bytes: usage.sent_bytes,
        received_bytes: usage.received_bytes,
    }
}

/// One line of JSON.
fn line(value: &impl Serialize) -> String {
    let json =
        serde_json::to_string(value).expect("texts, finite numbers, and keys that are texts");
    let mut line = harmless_json(&json).into_owned();
    line.push('\n');
    line
}
