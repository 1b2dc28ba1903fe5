//! A window of usage as StatsD datagrams.

use std::borrow::Cow;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use cadence::MetricSink;
use metrics::{Key, Label as Tag, Level, Metadata, Recorder};
use metrics_exporter_statsd::{StatsdBuilder, StatsdError, StatsdRecorder};
use nettally_source::{LossCount, Protocol, UsageBatch};

use super::config::{StatsdConfig, Tags};
use super::name::{metric_part, tag_value};
use crate::cardinality::{Group, Labels, Row, SeriesConfig, groups};
use crate::live::Moved;

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The largest number that servers take: a larger one is told in parts.
const INCREMENT: u64 = i64::MAX as u64;

/// Turns windows into datagrams.
pub struct Encoder {
    recorder: StatsdRecorder,
    lines: Lines,
    tags: Tags,
    series: SeriesConfig,
    labels: Labels,
    max_packet_bytes: usize,
}

/// One datagram, and what its counters add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datagram {
    /// Lines, with a line feed between each two.
    pub payload: Vec<u8>,
    /// Its counters and their bytes: what is lost if it is.
    pub content: LossCount,
}

/// Collects the lines that the recorder writes.
///
/// `metrics-exporter-statsd` makes the lines, by way of `cadence`. Its own UDP sink buffers, drops
/// lines without a word when its queue is full, and shows neither a flush (the recorder keeps the
/// client to itself) nor errors of sending (its client has no handler for them), and it has no sink
/// for Unix sockets. So what is handed to it here is a sink that never fails, and packing, sending
/// and counting are ours.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl MetricSink for Lines {
    fn emit(&self, line: &str) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.to_owned());
        Ok(line.len())
    }
}

impl Encoder {
    /// One with the options of a sink. A datagram keeps its limit, unless one line alone is longer.
    ///
    /// # Errors
    /// The exporter does not take the prefix.
    pub fn new(config: &StatsdConfig) -> Result<Self, StatsdError> {
        let StatsdConfig {
            address: _,
            prefix,
            tags,
            series,
            max_packet_bytes,
        } = config;
        let lines = Lines::default();
        let recorder = StatsdBuilder::default()
            .with_sink(lines.clone())
            .build(Some(prefix))?;
        Ok(Self {
            recorder,
            lines,
            tags: *tags,
            labels: series.labels(),
            series: series.clone(),
            max_packet_bytes: *max_packet_bytes,
        })
    }

    /// The counters of a window. A counter of 0 is left out.
    #[must_use]
    pub fn encode(&self, batch: &UsageBatch) -> Vec<Datagram> {
        let mut packing = Packing::new(self.max_packet_bytes);
        for group in groups(&batch.usage, &self.series, &self.labels) {
            for Row { protocol, moved } in self.labels.rows(&group.protocols) {
                let Moved {
                    sent_bytes,
                    received_bytes,
                } = moved;
                self.count(&mut packing, &group, protocol, "sent_bytes", sent_bytes);
                self.count(
                    &mut packing,
                    &group,
                    protocol,
                    "received_bytes",
                    received_bytes,
                );
            }
        }
        packing.finish()
    }

    fn count(
        &self,
        packing: &mut Packing,
        group: &Group<'_>,
        protocol: Option<Protocol>,
        direction: &'static str,
        bytes: u64,
    ) {
        if bytes == 0 {
            return;
        }
        let counter = self
            .recorder
            .register_counter(&self.key(group, protocol, direction), &METADATA);
        let whole = (0..bytes / INCREMENT).map(|_part| INCREMENT);
        let left = bytes % INCREMENT;
        for part in whole.chain((left > 0).then_some(left)) {
            counter.increment(part);
            let (sent_bytes, received_bytes) = match direction {
                "sent_bytes" => (part, 0),
                _received => (0, part),
            };
            let content = LossCount {
                events: 1,
                sent_bytes,
                received_bytes,
            };
            for line in self.lines.take() {
                packing.add(&line, content);
            }
        }
    }

    fn key(&self, group: &Group<'_>, protocol: Option<Protocol>, direction: &'static str) -> Key {
        match self.tags {
            Tags::None => {
                let mut name = String::new();
                for (label, value) in self.labels.of_group().iter().zip(&group.values) {
                    name.push_str(label.name());
                    name.push('.');
                    name.push_str(&metric_part(value));
                    name.push('.');
                }
                if let Some(protocol) = protocol {
                    name.push_str(protocol.name());
                    name.push('.');
                }
                name.push_str(direction);
                Key::from_name(name)
            }
            Tags::DogStatsd => {
                let tag =
                    |name: &'static str, value: Cow<'_, str>| Tag::new(name, tag_value(&value));
                let tags = group
                    .labels(&self.labels)
                    .map(|(label, value)| tag(label.name(), Cow::from(value)))
                    .chain(protocol.map(|protocol| tag("protocol", Cow::from(protocol.name()))));
                Key::from_parts(direction, tags.collect::<Vec<_>>())
            }
        }
    }
}

/// Fills datagrams one after the other.
struct Packing {
    limit: usize,
    full: Vec<Datagram>,
    open: Datagram,
}

impl Packing {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            full: Vec::new(),
            open: Datagram::default(),
        }
    }

    fn add(&mut self, line: &str, content: LossCount) {
        let Self { limit, full, open } = self;
        if !open.payload.is_empty() {
            if open.payload.len() + 1 + line.len() > *limit {
                full.push(mem::take(open));
            } else {
                open.payload.push(b'\n');
            }
        }
        open.payload.extend_from_slice(line.as_bytes());
        open.content.events += content.events;
        open.content.sent_bytes += content.sent_bytes;
        open.content.received_bytes += content.received_bytes;
    }

    fn finish(self) -> Vec<Datagram> {
        let Self {
            limit: _,
            mut full,
            open,
        } = self;
        if !open.payload.is_empty() {
            full.push(open);
        }
        full
    }
}
