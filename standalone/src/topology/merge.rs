//! Several windows made one: bytes are kept, the span gets longer.

use std::collections::HashMap;
use std::collections::hash_map;
use std::sync::{Arc, LazyLock};

use nettally_source::{
    LossCount, Losses, Process, ProcessId, Protocol, Remote, Usage, UsageBatch, Window,
};

/// Stands for all processes whose rows did not fit.
static OTHER: LazyLock<Arc<Process>> =
    LazyLock::new(|| Arc::new(Process::named(ProcessId::default(), "[other]")));

/// What makes two rows of different windows the same flow.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct FlowKey {
    process: ProcessId,
    protocol: Protocol,
    local_port: u16,
    remote: Remote,
}

/// Windows being merged.
pub(super) struct Merged {
    window: Window,
    losses: Losses,
    rows: Vec<Usage>,
    places: HashMap<FlowKey, usize>,
    max_rows: usize,
}

impl Merged {
    /// Begins with one window. At most `max_rows` flows are told apart, those of `first` excepted.
    pub(super) fn of(first: &UsageBatch, max_rows: usize) -> Self {
        let UsageBatch {
            window,
            usage,
            losses,
        } = first;
        let places = usage
            .iter()
            .enumerate()
            .map(|(place, row)| (key(row), place));
        Self {
            window: *window,
            losses: losses.clone(),
            places: places.collect(),
            rows: usage.clone(),
            max_rows,
        }
    }

    /// Adds a window. Rows beyond the limit go to the process `[other]`, one row for each protocol;
    /// the answer counts them.
    pub(super) fn add(&mut self, batch: &UsageBatch) -> LossCount {
        let UsageBatch {
            window: Window { start, end },
            usage,
            losses,
        } = batch;
        self.window.start = self.window.start.min(*start);
        self.window.end = self.window.end.max(*end);
        self.losses.merge(losses);
        let mut folded = LossCount::default();
        for row in usage {
            let full = self.rows.len() >= self.max_rows;
            match self.places.entry(key(row)) {
                hash_map::Entry::Occupied(place) => add_row(&mut self.rows[*place.get()], row),
                hash_map::Entry::Vacant(place) if !full => {
                    place.insert(self.rows.len());
                    self.rows.push(row.clone());
                }
                hash_map::Entry::Vacant(_) => {
                    folded.events += 1;
                    folded.sent_bytes = folded.sent_bytes.saturating_add(row.sent_bytes);
                    folded.received_bytes =
                        folded.received_bytes.saturating_add(row.received_bytes);
                    self.fold(row);
                }
            }
        }
        folded
    }

    /// What is in it so far.
    pub(super) fn rows(&self) -> &[Usage] {
        &self.rows
    }

    /// The windows as one.
    pub(super) fn finish(self) -> UsageBatch {
        UsageBatch {
            window: self.window,
            usage: self.rows,
            losses: self.losses,
        }
    }

    fn fold(&mut self, row: &Usage) {
        let other = Usage {
            process: Arc::clone(&OTHER),
            local_port: 0,
            remote: Remote::Unresolved,
            ..row.clone()
        };
        match self.places.entry(key(&other)) {
            hash_map::Entry::Occupied(place) => add_row(&mut self.rows[*place.get()], &other),
            hash_map::Entry::Vacant(place) => {
                place.insert(self.rows.len());
                self.rows.push(other);
            }
        }
    }
}

fn key(row: &Usage) -> FlowKey {
    FlowKey {
        process: row.process.id,
        protocol: row.protocol,
        local_port: row.local_port,
        remote: row.remote,
    }
}

fn add_row(into: &mut Usage, row: &Usage) {
    into.sent_bytes = into.sent_bytes.saturating_add(row.sent_bytes);
    into.received_bytes = into.received_bytes.saturating_add(row.received_bytes);
    into.first_activity = into.first_activity.min(row.first_activity);
    into.last_activity = into.last_activity.max(row.last_activity);
    // The later row may know the name of a program that has replaced the first.
    into.process = Arc::clone(&row.process);
}
