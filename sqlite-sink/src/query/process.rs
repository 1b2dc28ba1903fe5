//! Which processes were there, and all that is known of them.

use jiff::Timestamp;
use nettally_source::pipeline::{Attribution, Parent};
use schemars::JsonSchema;
use serde::Serialize;

use super::{ByteTotals, Filter, Order, OutsideTotal, TimeRange};

/// Each process that moved bytes in a span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessQuery {
    /// When.
    pub range: TimeRange,
    /// Only rows of which this is true. Without a word about the protocol, `packet` is left out.
    pub filter: Option<Filter>,
    /// Which come first; by bytes, or by a field that a process decides.
    pub order: Order,
    /// At most this many; `None` is all.
    pub limit: Option<u32>,
    /// Skip this many; from [`ProcessAnswer::next_cursor`].
    pub offset: u32,
}

/// The answer to a [`ProcessQuery`].
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ProcessAnswer {
    /// The range used: the one asked for, rounded outward to the windows that are stored.
    #[serde(flatten)]
    pub range: TimeRange,
    /// The processes asked for. One of which something changed (it became another program, or more
    /// became known) has a row for each.
    pub processes: Vec<ProcessRow>,
    /// Of everything that matches, not only of `processes`.
    pub total: ByteTotals,
    /// The share of `total` of which only days or months are left, which do not tell processes apart
    /// that are alike, and what is not in `total` because the filter tests what was folded away, though
    /// it might match.
    pub other: ByteTotals,
    /// What is in neither, because other protocols may count the same bytes; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database; null if there is none.
    #[schemars(with = "Option<crate::query::json::Instant>")]
    pub flushed_until: Option<Timestamp>,
    /// Ask again with this offset for those that follow; null at the end.
    pub next_cursor: Option<u32>,
}

/// A process, or all that are alike where days and months do not tell them apart: then `pid`,
/// `start_boottime_ns`, `boot_id`, `gid`, `command_line` and `parents` are null.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ProcessRow {
    /// Number in the initial PID namespace.
    pub pid: Option<u32>,
    /// Nanoseconds from boot to its start; with `pid` and `boot_id` it tells a process from all others.
    pub start_boottime_ns: Option<u64>,
    /// The boot it belongs to: `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Option<String>,
    /// Name (`comm`).
    pub process: String,
    /// What it is grouped by over weeks.
    pub app: String,
    /// Path of its executable; null where not known.
    pub exe: Option<String>,
    /// Arguments; null where not known or not wanted.
    pub command_line: Option<String>,
    /// Real user id; null where not known.
    pub uid: Option<u32>,
    /// Name of that user, or the number where it has none; null where not known.
    pub user: Option<String>,
    /// Real group id; null where not known.
    pub gid: Option<u32>,
    /// Parent, its parent, and so on, as far as known; null where it stands for several.
    #[schemars(with = "Option<Vec<std::collections::BTreeMap<String, serde_json::Value>>>")]
    pub parents: Option<Vec<Parent>>,
    /// Innermost systemd unit that is not a slice; null for none.
    pub unit: Option<String>,
    /// Container as it is shown and filtered by, such as `docker:3f2a9c1b7d55`; null for none.
    pub container: Option<String>,
    /// The container as its runtime names it; null for none.
    pub container_id: Option<String>,
    /// Kubernetes pod uid; null for none.
    pub pod: Option<String>,
    /// Sandboxed package; null for none.
    pub package: Option<String>,
    /// Path of its control group; null where not known.
    pub cgroup: Option<String>,
    /// Inode number of its network namespace; null where not known.
    pub network_namespace: Option<u32>,
    /// Whether it sends once more what others send through its tun or tap device.
    pub tunnel: bool,
    /// Where this comes from.
    #[schemars(with = "String")]
    pub attribution: Attribution,
    /// Start of the first window in the range in which it moved bytes: to the minute in a range of more
    /// than an hour, to the hour beyond two days, to the day or month where nothing finer is left.
    #[schemars(with = "crate::query::json::Instant")]
    pub first_seen: Timestamp,
    /// End of the last, likewise.
    #[schemars(with = "crate::query::json::Instant")]
    pub last_seen: Timestamp,
    /// What it moved.
    #[serde(flatten)]
    pub bytes: ByteTotals,
}
