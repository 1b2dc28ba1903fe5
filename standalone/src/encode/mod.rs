//! Events as lines of text for other programs. Pure: values in, lines out, each one JSON value that
//! ends with a line feed and has nothing in it that a terminal could act on.
//!
//! [`Encoder`] chooses; `record` has what both formats say of a flow and of trouble, `who` what of
//! a process, `json` is our
//! own format, `native_json` that of Vector's codec of the same name.

mod json;
mod native_json;
mod record;
#[cfg(test)]
mod tests;
mod who;

use std::collections::BTreeMap;

use clap::ValueEnum;
use jiff::Timestamp;
use nettally_source::{Degradation, Event, HealthReport, UsageBatch};
use serde::Serialize;

use crate::text::harmless_json;
use record::Notice;

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

/// Turns events into lines.
#[derive(Clone, Debug)]
pub struct Encoder {
    format: Format,
    flows: bool,
    origin: Origin,
    /// By source, so that each degradation is told once and not with every window.
    told: BTreeMap<String, Vec<Degradation>>,
}

impl Encoder {
    /// With `flows`, `native_json` has a log record for each flow too; `json` always has.
    #[must_use]
    pub fn new(format: Format, flows: bool, origin: Origin) -> Self {
        Self {
            format,
            flows,
            origin,
            told: BTreeMap::new(),
        }
    }

    /// The lines of one event.
    pub fn lines<'a>(&'a mut self, event: &'a Event) -> Box<dyn Iterator<Item = String> + 'a> {
        match event {
            Event::Usage(batch) => self.usage(batch),
            Event::Health(report) => self.health(report),
        }
    }

    /// The line that says why there will be no more.
    #[must_use]
    pub fn failure(&self, time: Timestamp, message: &str) -> String {
        self.notice(&Notice::failure(time, &self.origin, message))
    }

    fn usage<'a>(&'a self, batch: &'a UsageBatch) -> Box<dyn Iterator<Item = String> + 'a> {
        let losses = batch.losses.0.iter().map(move |(&reason, &count)| {
            self.notice(&Notice::loss(batch.window, &self.origin, reason, count))
        });
        match self.format {
            Format::Json => Box::new(json::flows(batch, &self.origin).chain(losses)),
            Format::NativeJson => {
                let flows = self.flows.then(|| native_json::flows(batch, &self.origin));
                let metrics = native_json::metrics(batch, &self.origin);
                Box::new(metrics.chain(flows.into_iter().flatten()).chain(losses))
            }
        }
    }

    fn health<'a>(&'a mut self, report: &'a HealthReport) -> Box<dyn Iterator<Item = String> + 'a> {
        let HealthReport {
            time,
            source,
            degradations,
            ..
        } = report;
        let before = self
            .told
            .insert(source.clone(), degradations.clone())
            .unwrap_or_default();
        let new = degradations.iter().filter(move |now| !before.contains(now));
        Box::new(new.map(|new| self.notice(&Notice::degradation(*time, &self.origin, new))))
    }

    fn notice(&self, notice: &Notice<'_>) -> String {
        match self.format {
            Format::Json => line(notice),
            Format::NativeJson => native_json::log(notice),
        }
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
