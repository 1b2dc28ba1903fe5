//! The JSON of a live event.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nettally_source::pipeline::schema::Instant;
use nettally_source::{ProcessId, Protocol, Window};
use schemars::JsonSchema;
use serde::Serialize;

use super::told::Told;
use crate::http::health::Summary;
use crate::identity::{self, Identity};
use crate::live::{Frame, Moved, ProcessNow};

/// One window.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LiveEvent")]
pub(super) struct LiveEvent<'a> {
    /// Number of the window since start; a gap means that this reader was too slow.
    sequence: u64,
    /// Null before the first.
    window: Option<Window>,
    window_secs: f64,
    #[serde(flatten)]
    moved: Moved,
    sent_bytes_per_second: f64,
    received_bytes_per_second: f64,
    /// Of everything, since start.
    since_start: Moved,
    /// What is in no total of all these, though a process may list it among its protocols; absent
    /// as long as that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_total: Option<Outside>,
    /// Largest first.
    processes: Vec<LiveProcess<'a>>,
    /// Processes that are too many to be listed.
    other: Moved,
    health: Summary,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LiveProcess")]
struct LiveProcess<'a> {
    /// Differs between two processes that had the same number one after the other.
    id: String,
    process: &'a str,
    /// What to group by.
    app: &'a str,
    pid: u32,
    exe: Option<&'a str>,
    user: Option<String>,
    #[serde(flatten)]
    moved: Moved,
    sent_bytes_per_second: f64,
    received_bytes_per_second: f64,
    /// The protocols that it ever used.
    protocols: BTreeMap<Protocol, LiveProtocol>,
    /// Different addresses.
    remotes: u32,
    /// Since `since`.
    total: Moved,
    #[schemars(with = "Instant")]
    since: Timestamp,
    /// Only where the reader has it not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Identity<'a>>,
}

/// Frames of the link layer, which may hold what other protocols count too.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LiveOutside")]
struct Outside {
    protocol: Protocol,
    #[serde(flatten)]
    moved: Moved,
    since_start: Moved,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LiveProtocol")]
struct LiveProtocol {
    #[serde(flatten)]
    moved: Moved,
    total: Moved,
    /// `[sent, received]` in each of the kept windows, the newest last; only in a snapshot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recent: Vec<[u64; 2]>,
}

impl<'a> LiveEvent<'a> {
    /// `told`: what its reader knows already.
    pub(super) fn of(frame: &'a Frame, health: Summary, told: &mut Told) -> Self {
        let Frame {
            sequence,
            window,
            processes,
            other,
            moved,
            since_start,
            outside,
            outside_since_start,
        } = frame;
        Self {
            sequence: *sequence,
            window: *window,
            window_secs: frame.seconds(),
            moved: *moved,
            sent_bytes_per_second: frame.per_second(moved.sent_bytes),
            received_bytes_per_second: frame.per_second(moved.received_bytes),
            since_start: *since_start,
            outside_total: (*outside_since_start != Moved::default()).then_some(Outside {
                protocol: Protocol::Packet,
                moved: *outside,
                since_start: *outside_since_start,
            }),
            processes: processes
                .iter()
                .map(|now| {
                    let is_news = told.is_news(&now.process, *sequence);
                    LiveProcess::of(now, frame, is_news)
                })
                .collect(),
            other: *other,
            health,
        }
    }
}

impl<'a> LiveProcess<'a> {
    fn of(now: &'a ProcessNow, frame: &Frame, is_news: bool) -> Self {
        let ProcessNow {
            process,
            protocols,
            remotes,
            totals,
            since,
            recent,
        } = now;
        let ProcessId {
            pid,
            exec_id,
            start_boottime_ns,
        } = process.id;
        let moved = now.moved();
        Self {
            id: format!("{pid}-{start_boottime_ns}-{exec_id}"),
            process: &process.name,
            app: identity::app(process),
            pid,
            exe: process.exe.as_deref(),
            user: identity::user(process),
            moved,
            sent_bytes_per_second: frame.per_second(moved.sent_bytes),
            received_bytes_per_second: frame.per_second(moved.received_bytes),
            protocols: Protocol::ALL
                .into_iter()
                .enumerate()
                .filter(|(index, _)| totals[*index] != Moved::default())
                .map(|(index, protocol)| {
                    let used = LiveProtocol {
                        moved: protocols[index],
                        total: totals[index],
                        recent: recent.iter().map(|moved| pair(moved[index])).collect(),
                    };
                    (protocol, used)
                })
                .collect(),
            remotes: *remotes,
            total: now.total(),
            since: *since,
            identity: is_news.then(|| Identity::of(process)),
        }
    }
}

pub(super) const fn pair(moved: Moved) -> [u64; 2] {
    let Moved {
        sent_bytes,
        received_bytes,
    } = moved;
    [sent_bytes, received_bytes]
}
