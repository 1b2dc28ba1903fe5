//! Whom the processes of this machine talked to.

use jiff::Timestamp;
use serde::Serialize;

use super::{ByteTotals, Filter, Order, OutsideTotal, TimeRange};

/// Each remote address that bytes were moved with in a span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteQuery {
    /// When.
    pub range: TimeRange,
    /// Only rows of which this is true. Without a word about the protocol, `packet` is left out.
    pub filter: Option<Filter>,
    /// Which come first; by bytes, or by `remote_ip`.
    pub order: Order,
    /// At most this many; `None` is all.
    pub limit: Option<u32>,
    /// Skip this many; from [`RemoteAnswer::next_cursor`].
    pub offset: u32,
}

/// The answer to a [`RemoteQuery`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemoteAnswer {
    /// The range used: the one asked for, rounded outward to the windows that are stored.
    #[serde(flatten)]
    pub range: TimeRange,
    /// The remotes asked for.
    pub remotes: Vec<RemoteRow>,
    /// Of everything that matches, not only of `remotes`.
    pub total: ByteTotals,
    /// The share of `total` whose remotes were folded away in storage (their row is `other`), and what
    /// is not in `total` because the filter tests what was folded away, though it might match.
    pub other: ByteTotals,
    /// What is in neither, because other protocols may count the same bytes; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database; null if there is none.
    pub flushed_until: Option<Timestamp>,
    /// Ask again with this offset for those that follow; null at the end.
    pub next_cursor: Option<u32>,
}

/// An address of the other end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoteRow {
    /// The address, or `unresolved`, `other` (folded away), `none`.
    pub remote_ip: String,
    /// How many apps moved bytes with it.
    pub apps: u64,
    /// The app that moved most of them.
    pub largest_app: Option<String>,
    /// Start of the first window in the range in which bytes were moved with it: to the minute in a
    /// range of more than an hour, to the hour beyond two days, to the day or month where nothing finer
    /// is left.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "nettally_source::pipeline::schema::Instant")
    )]
    pub first_seen: Timestamp,
    /// End of the last, likewise.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "nettally_source::pipeline::schema::Instant")
    )]
    pub last_seen: Timestamp,
    /// What was moved with it.
    #[serde(flatten)]
    pub bytes: ByteTotals,
}
