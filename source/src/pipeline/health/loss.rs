//! The loss ledger: a name for every way to lose bytes or detail, its meaning in words, and counts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pipeline::event::Usage;

/// Why bytes or rows were lost, or could not be attributed fully.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    /// Detail reduced: the kernel's flow table was full. The bytes are exact and in a row of their
    /// process and protocol, without remote and ports.
    FlowsFull,
    /// Even the rows of processes were too many for the kernel's flow table. The bytes are exact
    /// and in one row without a process.
    OverflowFull,
    /// The kernel's process table was full: bytes are in a row, the process was named from `/proc`.
    ProcessesFull,
    /// Who a process is could not be recorded at its first bytes: it was completed from `/proc`, if it
    /// lived long enough.
    SnapshotMissed,
    /// Bytes are exact and in a row, its remote is `unresolved`.
    RemoteUnresolved,
    /// The kernel had no memory for a socket's state: splice and zero-copy receives are uncounted.
    SocketStorage,
    /// A TCP socket was closed with received bytes that no known process had read.
    OwnerUnknown,
    /// The kernel's memory could not be read: a row has a zero where a fact about it should be, and
    /// bytes may be missing.
    ReadFailed,
    /// Too many calls were under way to follow each to its end (backend `kprobe`): the bytes of
    /// those that were not followed are in no row.
    CallsFull,
    /// The kernel skipped a return probe (backend `kprobe`); the bytes are unknown.
    ProbeMissed,
    /// A kernel program was skipped because it was running already; the bytes are unknown.
    RecursionMissed,
    /// A drain returned fewer or more bytes than the kernel had summed up.
    DrainMismatch,
    /// A correction exceeded what the flow moved in its window: bytes were over-reported earlier.
    OverReported,
    /// A row's process could not be named.
    ProcessUnknown,
    /// The source was restarted, as its configuration had changed: what was moved until it counted
    /// again is unknown.
    SourceRestarted,
    /// The pipeline did not take a window in time.
    NotDelivered,
    /// A sink's queue was full: rows were dropped before it.
    SinkQueueFull,
    /// A sink could not store or deliver rows.
    SinkFailed,
}

/// What a loss does to the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LossClass {
    /// Totals are wrong: bytes are missing in them, or too many are in them.
    Bytes,
    /// Totals are exact; who or where these bytes went is known less well.
    Detail,
    /// All was counted, but a sink or reader did not get it.
    Delivery,
}

impl LossClass {
    /// The word used in JSON and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Detail => "detail",
            Self::Delivery => "delivery",
        }
    }

    /// What it means in a few words, to be put before the reason.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Bytes => "totals are off",
            Self::Detail => "detail is reduced",
            Self::Delivery => "not delivered",
        }
    }
}

impl fmt::Display for LossClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl LossReason {
    /// All, in the order they are shown.
    pub const ALL: [Self; 18] = [
        Self::FlowsFull,
        Self::OverflowFull,
        Self::ProcessesFull,
        Self::SnapshotMissed,
        Self::RemoteUnresolved,
        Self::SocketStorage,
        Self::OwnerUnknown,
        Self::ReadFailed,
        Self::CallsFull,
        Self::ProbeMissed,
        Self::RecursionMissed,
        Self::DrainMismatch,
        Self::OverReported,
        Self::ProcessUnknown,
        Self::SourceRestarted,
        Self::NotDelivered,
        Self::SinkQueueFull,
        Self::SinkFailed,
    ];

    /// The word used in JSON, metrics and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlowsFull => "flows_full",
            Self::OverflowFull => "overflow_full",
            Self::ProcessesFull => "processes_full",
            Self::SnapshotMissed => "snapshot_missed",
            Self::RemoteUnresolved => "remote_unresolved",
            Self::SocketStorage => "socket_storage",
            Self::OwnerUnknown => "owner_unknown",
            Self::ReadFailed => "read_failed",
            Self::CallsFull => "calls_full",
            Self::ProbeMissed => "probe_missed",
            Self::RecursionMissed => "recursion_missed",
            Self::DrainMismatch => "drain_mismatch",
            Self::OverReported => "over_reported",
            Self::ProcessUnknown => "process_unknown",
            Self::SourceRestarted => "source_restarted",
            Self::NotDelivered => "not_delivered",
            Self::SinkQueueFull => "sink_queue_full",
            Self::SinkFailed => "sink_failed",
        }
    }

    /// What it does to the numbers.
    #[must_use]
    pub const fn class(self) -> LossClass {
        match self {
            Self::SocketStorage
            | Self::OwnerUnknown
            | Self::ReadFailed
            | Self::CallsFull
            | Self::ProbeMissed
            | Self::RecursionMissed
            | Self::DrainMismatch
            | Self::OverReported
            | Self::SourceRestarted => LossClass::Bytes,
            Self::FlowsFull
            | Self::OverflowFull
            | Self::ProcessesFull
            | Self::SnapshotMissed
            | Self::RemoteUnresolved
            | Self::ProcessUnknown => LossClass::Detail,
            Self::NotDelivered | Self::SinkQueueFull | Self::SinkFailed => LossClass::Delivery,
        }
    }

    /// Whether a person should look: bytes are wrong or missing somewhere, or detail is reduced that
    /// need not be. The rest is what a healthy machine has now and then, or what a person asked for.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        if matches!(self, Self::SourceRestarted) {
            return false;
        }
        match self.class() {
            LossClass::Bytes | LossClass::Delivery => true,
            LossClass::Detail => matches!(self, Self::FlowsFull | Self::OverflowFull),
        }
    }

    /// What happened and what it means for the numbers: a sentence for people, without its full
    /// stop.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::FlowsFull => {
                "the kernel's flow table was full: totals are exact, but the remotes and ports of \
                 these bytes are not shown, they are in a row `other` of their process"
            }
            Self::OverflowFull => {
                "more processes than the kernel's flow table holds: totals are exact, but the \
                 processes of these bytes are not shown, they share one row"
            }
            Self::ProcessesFull => {
                "the kernel's process table was full: totals are exact, but these processes were \
                 named from /proc, and one that had ended by then has no name"
            }
            Self::SnapshotMissed => {
                "too many processes moved their first bytes at once: totals are exact, but of these \
                 processes more than name and user is known only if they lived until the next reading"
            }
            Self::RemoteUnresolved => {
                "the kernel did not say who these bytes came from or went to: totals are exact, \
                 the remote is shown as `unresolved`"
            }
            Self::SocketStorage => {
                "a socket could not be given state in the kernel: what was received from it by \
                 splice or zero copy is missing in the totals"
            }
            Self::OwnerUnknown => {
                "a TCP socket was closed with received bytes that no known process had read, so \
                 the kernel or a hidden reader took them: they are missing in the totals"
            }
            Self::ReadFailed => {
                "the kernel's memory could not be read during these calls: their rows may have 0 for \
                 an address or port, and bytes may be missing in the totals"
            }
            Self::CallsFull => {
                "more calls were under way at once than the backend `kprobe` follows: the bytes of \
                 the others are missing in the totals"
            }
            Self::ProbeMissed => {
                "the kernel skipped a return probe of the backend `kprobe`: the bytes of these \
                 calls are missing in the totals, how many is not known"
            }
            Self::RecursionMissed => {
                "the kernel skipped programs that were held up on their CPU: the bytes of so many calls \
                 at most are missing in the totals"
            }
            Self::DrainMismatch => {
                "the kernel's rows did not add up to the kernel's own sum: the totals are wrong by \
                 these bytes"
            }
            Self::OverReported => {
                "bytes that were counted turned out not to have moved after their window was told: \
                 earlier totals are too high by these bytes"
            }
            Self::ProcessUnknown => {
                "a process had ended before it could be named: totals are exact, its rows have a \
                 number in place of a name"
            }
            Self::SourceRestarted => {
                "the source was restarted with a new configuration: what was moved until it counted \
                 again is missing in the totals, how much is not known"
            }
            Self::NotDelivered => {
                "nobody took a window in time: it was counted, but no sink and no view has it"
            }
            Self::SinkQueueFull => {
                "a sink was too slow, so rows were dropped before it: they were counted, but that \
                 sink does not have them"
            }
            Self::SinkFailed => {
                "a sink could not store or send rows: they were counted, but that sink does not \
                 have them"
            }
        }
    }

    /// What would help; empty if nothing does that a user could do.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::FlowsFull | Self::OverflowFull => {
                "raise `flow_table_entries` of the source, or shorten `scrape_interval_secs`"
            }
            Self::ProcessesFull | Self::SnapshotMissed | Self::ProcessUnknown => {
                "shorten `scrape_interval_secs`, so that processes are looked up sooner"
            }
            Self::RemoteUnresolved => {
                "see the degradations: the cgroup hooks of a UDP socket tell most remotes"
            }
            Self::SocketStorage => "give the kernel memory, or raise the memory limit of the group",
            Self::CallsFull | Self::ProbeMissed => {
                "use a kernel on which the backend `fexit` or `tracepoint` loads"
            }
            Self::OwnerUnknown
            | Self::OverReported
            | Self::RecursionMissed
            | Self::SourceRestarted => "",
            Self::ReadFailed | Self::DrainMismatch => {
                "this should not happen: report it with the output of `nettally doctor`"
            }
            Self::NotDelivered | Self::SinkQueueFull => {
                "look for a slow sink or a busy machine, or lengthen `scrape_interval_secs`"
            }
            Self::SinkFailed => "see the error of that sink, in the log or under /api/v1/health",
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LossCount {
    /// How often.
    pub events: u64,
    /// Bytes sent, where known.
    pub sent_bytes: u64,
    /// Bytes received, where known.
    pub received_bytes: u64,
}

impl LossCount {
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        let Self {
            events,
            sent_bytes,
            received_bytes,
        } = other;
        self.events = self.events.saturating_add(events);
        self.sent_bytes = self.sent_bytes.saturating_add(sent_bytes);
        self.received_bytes = self.received_bytes.saturating_add(received_bytes);
    }

    /// The rows of a window, and what they moved.
    #[must_use]
    pub fn of_rows(rows: &[Usage]) -> Self {
        rows.iter().fold(Self::default(), |mut sum, row| {
            sum.add(Self {
                events: 1,
                sent_bytes: row.sent_bytes,
                received_bytes: row.received_bytes,
            });
            sum
        })
    }

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
        self.0.entry(reason).or_default().add(count);
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
        for reason in LossReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
            assert_eq!(
                serde_json::to_value(reason.class()).unwrap(),
                reason.class().name()
            );
        }
    }

    #[test]
    fn what_a_loss_means_agrees_with_its_class() {
        for reason in LossReason::ALL {
            let meaning = reason.meaning();
            let says_exact = meaning.contains("totals are exact");
            assert_eq!(says_exact, reason.class() == LossClass::Detail, "{reason}");
            let says_counted =
                meaning.contains("was counted, but") || meaning.contains("were counted, but");
            assert_eq!(
                says_counted,
                reason.class() == LossClass::Delivery,
                "{reason}"
            );
        }
    }
}
