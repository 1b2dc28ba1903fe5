//! A window of usage as StatsD datagrams.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use cadence::MetricSink;
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_statsd::{StatsdBuilder, StatsdRecorder};
use nettally_source::{LossCount, Protocol, UsageBatch};

use super::name::metric_part;

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// Turns windows into datagrams.
pub(super) struct Encoder {
    recorder: StatsdRecorder,
    lines: Lines,
    datagram_bytes: usize,
}

/// One datagram, and what its counters add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) payload: Vec<u8>,
    /// Its counters and their bytes: what is lost if it is.
    pub(super) content: LossCount,
}

/// Collects the lines that the recorder writes.
///
/// The exporter's own UDP sink drops lines without a word when its queue is full; here they are
/// packed and sent by code that counts.
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
    /// Metrics begin with `prefix`; a datagram has at most `datagram_bytes`, unless one line alone
    /// is longer.
    pub(super) fn new(
        prefix: &str,
        datagram_bytes: usize,
    ) -> Result<Self, metrics_exporter_statsd::StatsdError> {
        let lines = Lines::default();
        let recorder = StatsdBuilder::default()
            .with_sink(lines.clone())
            .build(Some(prefix))?;
        Ok(Self {
            recorder,
            lines,
            datagram_bytes,
        })
    }

    /// The counters of a window. A counter of 0 is left out.
    pub(super) fn encode(&self, batch: &UsageBatch) -> Vec<Datagram> {
        let mut packing = Packing::new(self.datagram_bytes);
        for ((name, protocol), Moved { sent, received }) in totals(batch) {
            for (direction, bytes) in [("sent_bytes", sent), ("received_bytes", received)] {
                if bytes == 0 {
                    continue;
                }
                let key = Key::from_parts(
                    format!("process.{name}.{protocol}.{direction}"),
                    Vec::<Label>::new(),
                );
                self.recorder
                    .register_counter(&key, &METADATA)
                    .increment(bytes);
                let (sent_bytes, received_bytes) = match direction {
                    "sent_bytes" => (bytes, 0),
                    _received => (0, bytes),
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
        packing.finish()
    }
}

#[derive(Clone, Copy, Default)]
struct Moved {
    sent: u64,
    received: u64,
}

fn totals(batch: &UsageBatch) -> BTreeMap<(String, Protocol), Moved> {
    let mut totals = BTreeMap::<_, Moved>::new();
    for usage in &batch.usage {
        let moved = totals
            .entry((metric_part(&usage.process.name), usage.protocol))
            .or_default();
        moved.sent = moved.sent.saturating_add(usage.sent_bytes);
        moved.received = moved.received.saturating_add(usage.received_bytes);
    }
    totals
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
