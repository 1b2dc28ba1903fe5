//! How much is kept, and what did not fit.

use jiff::SignedDuration;
use serde::Serialize;

/// Bounds of what is kept in memory: about 20 MB when everything is full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    pub(super) windows: usize,
    pub(super) age: SignedDuration,
    pub(super) processes_per_window: usize,
    pub(super) remotes_per_window: usize,
    /// Processes with totals since start.
    pub(super) known_processes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            windows: 120,
            age: SignedDuration::from_mins(2),
            processes_per_window: 500,
            remotes_per_window: 2_000,
            known_processes: 5_000,
        }
    }
}

/// What was folded into *other* because a bound was reached, since start. Totals stay exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Folds {
    /// Processes of a window, counted once for each window.
    #[serde(rename = "folded_processes")]
    pub processes: u64,
    /// Remotes of a window, counted once for each window.
    #[serde(rename = "folded_remotes")]
    pub remotes: u64,
    /// Processes whose total since start was given up.
    #[serde(rename = "forgotten_processes")]
    pub forgotten: u64,
    /// Windows that slow subscribers did not see, summed over all of them.
    #[serde(rename = "skipped_windows")]
    pub skipped: u64,
}
