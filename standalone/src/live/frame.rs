//! What a watcher sees: the newest window.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::{Process, ProcessId, Protocol, Remote, Window};

use super::moved::{self, Moved};

/// The newest window, with totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// How many windows there have been; 0 before the first.
    pub sequence: u64,
    /// When; `None` before the first.
    pub window: Option<Window>,
    /// Who moved something, largest first.
    pub processes: Vec<ProcessNow>,
    /// What smaller processes moved that are not in `processes`.
    pub other: Moved,
    /// What all processes moved in the window.
    pub moved: Moved,
    /// What all processes moved since start.
    pub since_start: Moved,
    /// What they moved in the window over protocols that are in none of these, because others may
    /// count the same bytes.
    pub outside: Moved,
    /// The same since start.
    pub outside_since_start: Moved,
}

/// One process in a [`Frame`].
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessNow {
    /// Who.
    pub process: Arc<Process>,
    /// What it moved in the window, in the order of [`Protocol::ALL`].
    pub protocols: [Moved; Protocol::ALL.len()],
    /// How many different addresses it talked to in the window.
    pub remotes: u32,
    /// What it moved since `since`, in the same order.
    pub totals: [Moved; Protocol::ALL.len()],
    /// Start of the window in which it was first seen.
    pub since: Timestamp,
    /// What it moved in each of the kept windows, oldest first, the newest last. Only in a
    /// [snapshot](super::Live::snapshot).
    pub recent: Vec<[Moved; Protocol::ALL.len()]>,
}

impl ProcessNow {
    /// What it moved in the window, as far as that is in totals.
    #[must_use]
    pub fn moved(&self) -> Moved {
        moved::in_totals(&self.protocols)
    }

    /// What it moved since `since`, likewise.
    #[must_use]
    pub fn total(&self) -> Moved {
        moved::in_totals(&self.totals)
    }
}

impl Frame {
    /// Length of the window; 0 before the first.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.window.map_or(0.0, |Window { start, end }| {
            end.duration_since(start).as_secs_f64()
        })
    }

    /// Bytes as a rate over the window.
    #[must_use]
    pub fn per_second(&self, bytes: u64) -> f64 {
        let seconds = self.seconds();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate is read with a few digits"
        )]
        let bytes = bytes as f64;
        if seconds > 0.0 { bytes / seconds } else { 0.0 }
    }
}

/// Which flows a question is about; an absent field fits all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowChoice {
    /// What processes are grouped by.
    pub app: Option<String>,
    /// Number of the process.
    pub pid: Option<u32>,
    /// Name of the process.
    pub name: Option<String>,
    /// Over what; absent, over everything that is in totals.
    pub protocol: Option<Protocol>,
}

impl FlowChoice {
    /// Whether flows of `process` are meant.
    #[must_use]
    pub fn has_process(&self, process: &Process) -> bool {
        let ProcessId {
            pid,
            exec_id: _,
            start_boottime_ns: _,
        } = process.id;
        let app = crate::identity::app(process);
        self.pid.is_none_or(|wanted| wanted == pid)
            && self.app.as_ref().is_none_or(|wanted| wanted == app)
            && self.name.as_ref().is_none_or(|name| *name == process.name)
    }

    /// Whether flows over `protocol` are meant.
    #[must_use]
    pub fn has_protocol(&self, protocol: Protocol) -> bool {
        match self.protocol {
            Some(wanted) => wanted == protocol,
            None => protocol.is_in_totals(),
        }
    }
}

/// Whom processes talked to in the kept windows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remotes {
    /// From the start of the oldest kept window to the end of the newest.
    pub span: Option<Window>,
    /// The newest window.
    pub window: Option<Window>,
    /// One row for each protocol and remote, largest first.
    pub rows: Vec<RemoteNow>,
    /// What was moved in the kept windows with remotes that are in no row.
    pub other: Moved,
}

/// One remote in [`Remotes`].
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteNow {
    /// Over what.
    pub protocol: Protocol,
    /// With whom.
    pub remote: Remote,
    /// In the newest window.
    pub now: Moved,
    /// In all kept windows.
    pub recent: Moved,
    /// In each kept window, oldest first; empty where it was not asked for.
    pub history: Vec<Moved>,
}
