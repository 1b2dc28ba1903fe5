//! One window, made small: what each process moved, and with whom.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use nettally_source::{Process, ProcessId, Protocol, Remote, Usage, UsageBatch, Window};

use super::limits::{Folds, Limits};
use super::moved::{self, Moved};

/// A kept window. `other` and `processes` together are exactly what was moved, and `outside` comes on
/// top.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeptWindow {
    pub(super) window: Window,
    /// Largest first.
    pub(super) processes: Vec<ProcessShare>,
    /// Largest first. Detail of `processes`: a share without rows here was folded.
    pub(super) remotes: Vec<RemoteShare>,
    /// Processes beyond the limit.
    pub(super) other: Moved,
    /// What all processes moved over protocols that are in no total.
    pub(super) outside: Moved,
}

/// What one process moved in a window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ProcessShare {
    pub(super) process: Arc<Process>,
    /// In the order of [`Protocol::ALL`].
    pub(super) protocols: [Moved; Protocol::ALL.len()],
    /// How many different addresses it talked to.
    pub(super) remotes: u32,
}

/// What one process moved with one remote in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RemoteShare {
    pub(super) process: ProcessId,
    pub(super) protocol: Protocol,
    pub(super) remote: Remote,
    pub(super) moved: Moved,
}

impl ProcessShare {
    /// What it moved, as far as that is in totals.
    pub(super) fn moved(&self) -> Moved {
        moved::in_totals(&self.protocols)
    }

    /// What it moved over the protocols that `is_meant`.
    pub(super) fn moved_over(&self, is_meant: impl Fn(Protocol) -> bool) -> Moved {
        moved::over(&self.protocols, is_meant)
    }

    fn outside(&self) -> Moved {
        moved::outside_totals(&self.protocols)
    }

    /// The same process in a window in which it moved nothing.
    pub(super) fn idle(&self) -> Self {
        Self {
            process: Arc::clone(&self.process),
            protocols: Default::default(),
            remotes: 0,
        }
    }
}

impl KeptWindow {
    /// Sums up a batch and folds what exceeds `limits`; the folded processes are returned too.
    pub(super) fn of(
        batch: &UsageBatch,
        limits: &Limits,
        folds: &mut Folds,
    ) -> (Self, Vec<ProcessShare>) {
        let UsageBatch {
            window,
            usage,
            losses: _,
        } = batch;
        let (mut processes, mut remotes) = sums(usage);

        let outside = processes.iter().map(ProcessShare::outside).sum();
        processes.sort_by_key(|share| {
            let (moved, outside) = (share.moved().both(), share.outside().both());
            (Reverse(moved), Reverse(outside), share.process.id)
        });
        let folded = processes.split_off(limits.processes_per_window.min(processes.len()));
        let other = folded.iter().map(ProcessShare::moved).sum();
        folds.processes += folded.len() as u64;

        remotes.sort_by_key(|share| (Reverse(share.moved.both()), share.process));
        folds.remotes += remotes.len().saturating_sub(limits.remotes_per_window) as u64;
        remotes.truncate(limits.remotes_per_window);

        let kept = Self {
            window: *window,
            processes,
            remotes,
            other,
            outside,
        };
        (kept, folded)
    }

    /// Everything that was moved and is in totals.
    pub(super) fn moved(&self) -> Moved {
        let mut sum = self.processes.iter().map(ProcessShare::moved).sum();
        sum += self.other;
        sum
    }
}

/// Flows summed by process, and by process and remote.
fn sums(usage: &[Usage]) -> (Vec<ProcessShare>, Vec<RemoteShare>) {
    let mut processes: HashMap<ProcessId, ProcessShare> = HashMap::new();
    let mut remotes: HashMap<(ProcessId, Protocol, Remote), Moved> = HashMap::new();
    for row in usage {
        let moved = Moved {
            sent_bytes: row.sent_bytes,
            received_bytes: row.received_bytes,
        };
        let share = processes
            .entry(row.process.id)
            .or_insert_with(|| ProcessShare {
                process: Arc::clone(&row.process),
                protocols: Default::default(),
                remotes: 0,
            });
        share.protocols[row.protocol as usize] += moved;
        *remotes
            .entry((row.process.id, row.protocol, row.remote))
            .or_default() += moved;
    }
    let addresses: HashSet<_> = remotes
        .keys()
        .filter(|(_, _, remote)| *remote != Remote::None)
        .map(|(process, _, remote)| (*process, remote.ip_text()))
        .collect();
    for (process, _) in addresses {
        if let Some(share) = processes.get_mut(&process) {
            share.remotes += 1;
        }
    }
    let remotes = remotes
        .into_iter()
        .map(|((process, protocol, remote), moved)| RemoteShare {
            process,
            protocol,
            remote,
            moved,
        })
        .collect();
    (processes.into_values().collect(), remotes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::testing::{batch, flow};

    #[test]
    fn the_smallest_processes_fold_and_no_byte_is_missing() {
        let limits = Limits {
            processes_per_window: 2,
            ..Limits::default()
        };
        let mut folds = Folds::default();
        let rows = vec![
            flow("small", 1, "10.0.0.1", 1, 2),
            flow("big", 2, "10.0.0.1", 500, 0),
            flow("tiny", 3, "10.0.0.1", 0, 1),
            flow("medium", 4, "10.0.0.1", 0, 300),
        ];
        let (kept, _) = KeptWindow::of(&batch(0, rows), &limits, &mut folds);
        let names: Vec<_> = kept.processes.iter().map(|p| &*p.process.name).collect();
        assert_eq!(names, ["big", "medium"]);
        let moved = |sent_bytes, received_bytes| Moved {
            sent_bytes,
            received_bytes,
        };
        assert_eq!(kept.other, moved(1, 3));
        assert_eq!(kept.moved(), moved(501, 303));
        assert_eq!(folds.processes, 2);
    }

    #[test]
    fn protocols_are_numbered_in_the_order_they_are_listed() {
        let numbers = Protocol::ALL.map(|protocol| protocol as usize);
        assert!(numbers.into_iter().eq(0..Protocol::ALL.len()));
    }

    #[test]
    fn two_ports_of_one_address_are_one_remote() {
        let mut second = flow("curl", 1, "10.0.0.1", 5, 5);
        second.remote = Remote::Address {
            ip: "10.0.0.1".parse().unwrap(),
            port: 8443,
        };
        let rows = vec![flow("curl", 1, "10.0.0.1", 1, 1), second];
        let (kept, _) = KeptWindow::of(&batch(0, rows), &Limits::default(), &mut Folds::default());
        assert_eq!((kept.processes[0].remotes, kept.remotes.len()), (1, 2));
    }

    #[test]
    fn folded_remotes_stay_in_the_process() {
        let limits = Limits {
            remotes_per_window: 1,
            ..Limits::default()
        };
        let mut folds = Folds::default();
        let rows = vec![
            flow("curl", 1, "10.0.0.1", 10, 0),
            flow("curl", 1, "10.0.0.2", 1, 0),
        ];
        let (kept, _) = KeptWindow::of(&batch(0, rows), &limits, &mut folds);
        assert_eq!(kept.remotes[0].moved.sent_bytes, 10);
        assert_eq!(kept.processes[0].moved().sent_bytes, 11);
        assert_eq!(folds.remotes, 1);
    }
}
