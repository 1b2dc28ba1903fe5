//! What one reader of the events has been told: who a process is does not change from window to
//! window, and is far longer than what it moved.

use std::collections::HashMap;
use std::sync::Arc;

use nettally_source::{Process, ProcessId};

/// Windows without a process after which its identity is told again. A reader that keeps what it
/// was told for longer than that misses nothing; the page keeps it for 120.
const KEPT_WINDOWS: u64 = 100;

/// The processes whose identity a reader has.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<ProcessId, Heard>);

#[derive(Debug)]
struct Heard {
    process: Arc<Process>,
    /// Number of the last window that had it.
    sequence: u64,
}

impl Told {
    /// Whether the identity of `process` is to be told in window `sequence`. Afterwards it is told.
    pub(super) fn is_news(&mut self, process: &Arc<Process>, sequence: u64) -> bool {
        let heard = Heard {
            process: Arc::clone(process),
            sequence,
        };
        match self.0.insert(process.id, heard) {
            Some(before) => {
                !Arc::ptr_eq(&before.process, process) && before.process != *process
                    || sequence.saturating_sub(before.sequence) > KEPT_WINDOWS
            }
            None => true,
        }
    }

    /// Forgets those that were quiet for long.
    pub(super) fn forget_before(&mut self, sequence: u64) {
        self.0
            .retain(|_, heard| sequence.saturating_sub(heard.sequence) <= KEPT_WINDOWS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_told_once_then_when_it_changes_or_after_a_long_absence() {
        let curl = Arc::new(Process::named(ProcessId::default(), "curl"));
        let same = Arc::new((*curl).clone());
        let renamed = Arc::new(Process::named(ProcessId::default(), "wget"));
        let mut told = Told::default();
        let steps = [
            (&curl, 1, true),
            (&curl, 2, false),
            (&same, 3, false),
            (&renamed, 4, true),
            (&renamed, 104, false),
            (&renamed, 205, true),
        ];
        for (process, sequence, expected) in steps {
            assert_eq!(told.is_news(process, sequence), expected, "{sequence}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_by_the_windows_it_is_remembered_for() {
        let mut told = Told::default();
        for sequence in 0..1_000_u32 {
            let id = ProcessId {
                pid: sequence,
                ..ProcessId::default()
            };
            told.is_news(&Arc::new(Process::named(id, "curl")), sequence.into());
            told.forget_before(sequence.into());
        }
        assert_eq!(told.0.len(), 101);
    }
}
