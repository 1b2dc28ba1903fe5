//! What an audit found, as `--json` prints it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nettally_source::{Degradation, LossCount, LossReason, Protocol};
use serde::Serialize;

use super::{Balance, Bytes, Figures, text};

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// When counting began.
    pub since: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// Name of the set of hooks.
    pub backend: String,
    /// Release of the running kernel.
    pub kernel: String,
    /// Whether the difference is within the tolerance, and half of what was attributed could be
    /// compared at all.
    pub agrees: bool,
    /// As it was asked for.
    pub tolerance_percent: f64,
    /// TCP, with a verdict.
    pub tcp: Balance,
    /// What nettally says it lost, by reason; remotes that were not resolved and the like too.
    pub losses: BTreeMap<LossReason, LossCount>,
    /// Of it, what is in no row.
    pub lost: Bytes,
    /// What was attributed over other protocols, without a verdict.
    pub other_protocols: BTreeMap<Protocol, Bytes>,
    /// What the kernel counts of them all.
    pub figures: Figures,
    /// Network namespaces that were read.
    pub namespaces: u64,
    /// Network namespaces that were found after the start, when sockets of theirs may have ended.
    pub namespaces_found_late: u64,
    /// Network namespaces that we may not enter.
    pub namespaces_refused: u64,
    /// Whether there are processes whose namespace we may not even see.
    pub has_hidden_processes: bool,
    /// How often the kernel had no room for messages of ended sockets.
    pub messages_overflowed: u64,
    /// What nettally does not see on this kernel.
    pub degradations: Vec<Degradation>,
}

impl Report {
    /// The report for people, with the largest `rows` differences.
    #[must_use]
    pub fn text(&self, rows: usize) -> String {
        text::text(self, rows)
    }
}
