//! The kept windows and the totals since start: values in, values out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::{
    HealthReport, LossCount, Process, ProcessId, Protocol, Remote, UsageBatch, Window,
};

use super::frame::{FlowChoice, Frame, ProcessNow, RemoteNow, Remotes};
use super::limits::{Folds, Limits};
use super::moved::{self, Moved};
use super::window::{KeptWindow, ProcessShare, RemoteShare};
use crate::cardinality::{SeriesConfig, Totals};

/// Everything that is kept.
#[derive(Debug)]
pub(super) struct State {
    limits: Limits,
    /// Oldest first.
    windows: VecDeque<KeptWindow>,
    known: HashMap<ProcessId, Known>,
    sequence: u64,
    since_start: Moved,
    outside_since_start: Moved,
    pub(super) totals: Totals,
    pub(super) folds: Folds,
    /// Rows that were taken in.
    pub(super) taken: LossCount,
    pub(super) reports: BTreeMap<String, Arc<HealthReport>>,
}

/// A process that was seen.
#[derive(Debug)]
struct Known {
    process: Arc<Process>,
    since: Timestamp,
    totals: [Moved; Protocol::ALL.len()],
    /// Number of the last window in which it moved something.
    last_sequence: u64,
}

impl Default for State {
    fn default() -> Self {
        Self::new(&SeriesConfig::of_metrics())
    }
}

impl State {
    /// Nothing seen yet, with these counters.
    pub(super) fn new(series: &SeriesConfig) -> Self {
        Self {
            limits: Limits::default(),
            windows: VecDeque::new(),
            known: HashMap::new(),
            sequence: 0,
            since_start: Moved::default(),
            outside_since_start: Moved::default(),
            totals: Totals::new(series),
            folds: Folds::default(),
            taken: LossCount::default(),
            reports: BTreeMap::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes in a window and returns what watchers should see now.
    pub(super) fn update(&mut self, batch: &UsageBatch) -> Frame {
        let (kept, folded) = KeptWindow::of(batch, &self.limits, &mut self.folds);
        self.taken.add(LossCount::of_rows(&batch.usage));
        self.sequence += 1;
        self.since_start += kept.moved();
        self.outside_since_start += kept.outside;
        for share in kept.processes.iter().chain(&folded) {
            let known = self.known.entry(share.process.id).or_insert_with(|| Known {
                process: Arc::clone(&share.process),
                since: kept.window.start,
                totals: Default::default(),
                last_sequence: 0,
            });
            known.process = Arc::clone(&share.process);
            for (total, moved) in known.totals.iter_mut().zip(share.protocols) {
                *total += moved;
            }
            known.last_sequence = self.sequence;
        }
        self.forget_processes();
        self.totals.add(batch);

        let oldest = kept.window.end - self.limits.age;
        self.windows.push_back(kept);
        while self.windows.len() > self.limits.windows
            || self.windows.front().is_some_and(|w| w.window.end < oldest)
        {
            self.windows.pop_front();
        }
        self.frame()
    }

    /// Keeps the latest report of each source.
    pub(super) fn report(&mut self, report: Arc<HealthReport>) {
        self.reports.insert(report.source.clone(), report);
    }

    pub(super) fn frame(&self) -> Frame {
        let Some(newest) = self.windows.back() else {
            return Frame::default();
        };
        Frame {
            sequence: self.sequence,
            window: Some(newest.window),
            processes: newest
                .processes
                .iter()
                .filter_map(|share| self.now(share))
                .collect(),
            other: newest.other,
            moved: newest.moved(),
            since_start: self.since_start,
            outside: newest.outside,
            outside_since_start: self.outside_since_start,
        }
    }

    /// The frame, with every process of the kept windows and what it moved in each of them.
    pub(super) fn snapshot(&self) -> Frame {
        let mut frame = self.frame();
        let mut places: HashMap<ProcessId, usize> = frame
            .processes
            .iter()
            .enumerate()
            .map(|(place, now)| (now.process.id, place))
            .collect();
        for (index, kept) in self.windows.iter().enumerate() {
            for share in &kept.processes {
                let place = match places.get(&share.process.id) {
                    Some(place) => *place,
                    None => {
                        let Some(idle) = self.now(&share.idle()) else {
                            continue;
                        };
                        places.insert(share.process.id, frame.processes.len());
                        frame.processes.push(idle);
                        frame.processes.len() - 1
                    }
                };
                let recent = &mut frame.processes[place].recent;
                recent.resize(self.windows.len(), Default::default());
                recent[index] = share.protocols;
            }
        }
        frame
    }

    /// With whom the chosen flows were in the kept windows, at most `limit` rows.
    pub(super) fn remotes(&self, choice: &FlowChoice, limit: usize) -> Remotes {
        let (Some(oldest), Some(newest)) = (self.windows.front(), self.windows.back()) else {
            return Remotes::default();
        };
        let mut rows: HashMap<(Protocol, Remote), (Moved, Moved)> = HashMap::new();
        let mut other = Moved::default();
        let last = self.windows.len() - 1;
        for (index, kept) in self.windows.iter().enumerate() {
            for share in &kept.processes {
                if choice.has_process(&share.process) {
                    other += share.moved_over(|protocol| choice.has_protocol(protocol));
                }
            }
            for share in self.chosen(choice, kept) {
                let (now, recent) = rows.entry((share.protocol, share.remote)).or_default();
                *recent += share.moved;
                if index == last {
                    *now += share.moved;
                }
            }
        }
        let mut rows: Vec<_> = rows
            .into_iter()
            .map(|((protocol, remote), (now, recent))| RemoteNow {
                protocol,
                remote,
                now,
                recent,
                history: Vec::new(),
            })
            .collect();
        rows.sort_by_key(|row| {
            let RemoteNow {
                protocol,
                remote,
                recent,
                now: _,
                history: _,
            } = *row;
            (std::cmp::Reverse(recent.both()), protocol, remote)
        });
        rows.truncate(limit);
        Remotes {
            span: Some(Window {
                start: oldest.window.start,
                end: newest.window.end,
            }),
            window: Some(newest.window),
            other: other.without(rows.iter().map(|row| row.recent).sum()),
            rows,
        }
    }

    pub(super) fn remotes_with_history(&self, choice: &FlowChoice, limit: usize) -> Remotes {
        let mut remotes = self.remotes(choice, limit);
        let mut places = HashMap::new();
        for (place, row) in remotes.rows.iter_mut().enumerate() {
            row.history.resize(self.windows.len(), Moved::default());
            places.insert((row.protocol, row.remote), place);
        }
        for (index, kept) in self.windows.iter().enumerate() {
            for share in self.chosen(choice, kept) {
                if let Some(place) = places.get(&(share.protocol, share.remote)) {
                    remotes.rows[*place].history[index] += share.moved;
                }
            }
        }
        remotes
    }

    /// The chosen flows of one window.
    fn chosen<'s>(
        &'s self,
        choice: &'s FlowChoice,
        kept: &'s KeptWindow,
    ) -> impl Iterator<Item = &'s RemoteShare> {
        kept.remotes.iter().filter(|share| {
            choice.has_protocol(share.protocol) && self.is_chosen(choice, share.process)
        })
    }

    pub(super) fn known_processes(&self) -> usize {
        self.known.len()
    }

    pub(super) fn kept_windows(&self) -> usize {
        self.windows.len()
    }

    fn is_chosen(&self, choice: &FlowChoice, id: ProcessId) -> bool {
        self.known
            .get(&id)
            .is_some_and(|known| choice.has_process(&known.process))
    }

    /// `None` for a process that was given up.
    fn now(&self, share: &ProcessShare) -> Option<ProcessNow> {
        let ProcessShare {
            process,
            protocols,
            remotes,
        } = share;
        let known = self.known.get(&process.id)?;
        Some(ProcessNow {
            process: Arc::clone(process),
            protocols: *protocols,
            remotes: *remotes,
            totals: known.totals,
            since: known.since,
            recent: Vec::new(),
        })
    }

    /// Gives up the processes that were quiet for longest once there are too many: a tenth at
    /// once, so that the sort is paid rarely.
    fn forget_processes(&mut self) {
        let limit = self.limits.known_processes;
        if self.known.len() <= limit {
            return;
        }
        let mut ids: Vec<_> = self
            .known
            .iter()
            .map(|(id, known)| {
                (
                    known.last_sequence,
                    moved::in_totals(&known.totals).both(),
                    *id,
                )
            })
            .collect();
        ids.sort_unstable();
        let count = self.known.len() - (limit - limit / 10);
        for (last_sequence, _, id) in ids.into_iter().take(count) {
            if last_sequence == self.sequence {
                break;
            }
            self.known.remove(&id);
            self.folds.forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests;
