//! How a source says what it sees less of, and what it lost.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why bytes or rows were lost, or could not be attributed fully.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    /// The kernel's flow table was full: bytes are in no row.
    FlowsFull,
    /// The kernel's process table was full: bytes are in a row, the process was named from `/proc`.
    ProcessesFull,
    /// Bytes are exact and in a row, its remote is `unresolved`.
    RemoteUnresolved,
    /// The kernel had no memory for a socket's state: splice and zero-copy receives are uncounted.
    SocketStorage,
    /// A TCP socket was closed with received bytes that no known process had read.
    OwnerUnknown,
    /// A kernel program was skipped because it was running already; the bytes are unknown.
    RecursionMissed,
    /// A drain returned fewer or more bytes than the kernel had summed up.
    DrainMismatch,
    /// A correction exceeded what the flow moved in its window: bytes were over-reported earlier.
    OverReported,
    /// A row's process could not be named.
    ProcessUnknown,
    /// The pipeline did not take a window in time.
    NotDelivered,
    /// A sink's queue was full: rows were dropped before it.
    SinkQueueFull,
    /// A sink could not store or deliver rows.
    SinkFailed,
}

impl LossReason {
    /// The word used in JSON, metrics and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlowsFull => "flows_full",
            Self::ProcessesFull => "processes_full",
            Self::RemoteUnresolved => "remote_unresolved",
            Self::SocketStorage => "socket_storage",
            Self::OwnerUnknown => "owner_unknown",
            Self::RecursionMissed => "recursion_missed",
            Self::DrainMismatch => "drain_mismatch",
            Self::OverReported => "over_reported",
            Self::ProcessUnknown => "process_unknown",
            Self::NotDelivered => "not_delivered",
            Self::SinkQueueFull => "sink_queue_full",
            Self::SinkFailed => "sink_failed",
        }
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much one reason has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossCount {
    /// How often.
    pub events: u64,
    /// Bytes sent, where known.
    pub sent_bytes: u64,
    /// Bytes received, where known.
    pub received_bytes: u64,
}

impl LossCount {
    /// Whether nothing was lost.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// Losses by reason; a reason without loss has no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Losses(pub BTreeMap<LossReason, LossCount>);

impl Losses {
    /// Adds to one reason; adding zero leaves no entry.
    pub fn add(&mut self, reason: LossReason, count: LossCount) {
        if count.is_zero() {
            return;
        }
        let LossCount {
            events,
            sent_bytes,
            received_bytes,
        } = count;
        let entry = self.0.entry(reason).or_default();
        entry.events = entry.events.saturating_add(events);
        entry.sent_bytes = entry.sent_bytes.saturating_add(sent_bytes);
        entry.received_bytes = entry.received_bytes.saturating_add(received_bytes);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        for (&reason, &count) in &other.0 {
            self.add(reason, count);
        }
    }

    /// What one reason has cost.
    #[must_use]
    pub fn get(&self, reason: LossReason) -> LossCount {
        self.0.get(&reason).copied().unwrap_or_default()
    }

    /// Whether nothing was lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Works, but sees less: never an error, always shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degradation {
    /// A stable word for scripts, such as `cgroup_hooks_missing`.
    pub code: String,
    /// What is not seen, and why.
    pub summary: String,
    /// What would help, empty if nothing does.
    pub remedy: String,
}

/// What one kernel program has cost since it was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramStats {
    /// The hook, such as `sock_send_length`.
    pub hook: String,
    /// Runs; 0 unless the kernel's `bpf_stats_enabled` is on.
    pub runs: u64,
    /// Nanoseconds in all runs; 0 unless `bpf_stats_enabled` is on.
    pub run_time_ns: u64,
    /// Runs skipped because the program was running already on that CPU.
    pub recursion_misses: u64,
}

/// The state of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthReport {
    /// When this was true.
    pub time: Timestamp,
    /// Name of the source component.
    pub source: String,
    /// Which set of hooks is attached: `tracepoint`, `fexit`, `kprobe`.
    pub backend: String,
    /// Release of the running kernel.
    pub kernel: String,
    /// What is attached.
    pub programs: Vec<ProgramStats>,
    /// What is not seen.
    pub degradations: Vec<Degradation>,
    /// Since start.
    pub losses: Losses,
    /// Windows delivered since start.
    pub windows: u64,
    /// Flow rows of the last window.
    pub flows: u64,
    /// Flow rows that fit into the kernel's table.
    pub flows_capacity: u64,
    /// Milliseconds that the last drain took.
    pub drain_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_nothing_leaves_no_entry() {
        let mut losses = Losses::default();
        losses.add(LossReason::FlowsFull, LossCount::default());
        assert!(losses.is_empty());
    }

    #[test]
    fn names_are_what_json_says() {
        let json = serde_json::to_value(LossReason::RemoteUnresolved).unwrap();
        assert_eq!(json, LossReason::RemoteUnresolved.name());
    }
}
