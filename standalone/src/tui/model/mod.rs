//! The state of the screen: what was counted, what the person has chosen. No terminal in here.

pub(crate) mod amount;
pub(crate) mod chart;
pub(crate) mod daemon;
pub(crate) mod ledger;
pub(crate) mod peers;
pub(crate) mod processes;
pub(crate) mod remotes;
pub(crate) mod settings;
pub(crate) mod sieve;
pub(crate) mod who;

use std::sync::Arc;
use std::time::Duration;

use nettally_source::HealthReport;

use chart::Past;
use daemon::DaemonHealth;
use ledger::{FlowKey, Ledger};
use peers::{PeerKey, PeerTable, peers};
use processes::{ProcessTable, RowKey, processes};
use remotes::{RemoteTable, remotes};
use settings::Settings;
use sieve::Sieve;

/// The state of the screen.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) origin: Origin,
    /// Counts on, whatever is shown.
    pub(crate) ledger: Ledger,
    /// What is shown while paused.
    pub(crate) paused: Option<Box<Ledger>>,
    pub(crate) health: Option<Arc<HealthReport>>,
    /// What the daemon says of itself; `None` without one, and until it has said it.
    pub(crate) daemon: Option<DaemonHealth>,
    /// What the daemon remembers, and of whom.
    pub(crate) past: Option<(Subject, Past)>,
    pub(crate) tab: Tab,
    /// Whom the tab of one process is about; `None` before one was chosen.
    pub(crate) chosen: Option<Chosen>,
    /// Whether the help covers the screen.
    pub(crate) help: bool,
    /// While a filter is typed: the one it replaces.
    pub(crate) typing: Option<Sieve>,
    pub(crate) settings: Settings,
    pub(crate) process_cursor: Cursor<RowKey>,
    pub(crate) remote_cursor: Cursor<FlowKey>,
    pub(crate) peer_cursor: Cursor<PeerKey>,
    /// Lines that the health tab is scrolled by.
    pub(crate) health_scroll: usize,
    pub(crate) size: Size,
    /// For how long nothing has come, if that is longer than it should be.
    pub(crate) silent_for: Option<Duration>,
    /// Why the daemon is gone, in words; `None` while it is there, and without one.
    pub(crate) absence: Option<String>,
    pub(crate) quit: bool,
}

/// Whose numbers these are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A collector in this process.
    #[default]
    Own,
    /// A daemon that runs on its own.
    Daemon,
}

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    #[default]
    Processes,
    Remotes,
    /// Who one row of the processes is, and its remotes.
    Process,
    Chart,
    Health,
}

impl Tab {
    /// All, from left to right.
    pub(crate) const ALL: [Self; 5] = [
        Self::Processes,
        Self::Remotes,
        Self::Process,
        Self::Chart,
        Self::Health,
    ];

    /// The one `steps` to the right, around the edge.
    pub(crate) fn moved(self, steps: isize) -> Self {
        let here = Self::ALL.iter().position(|&tab| tab == self);
        let here = here.expect("ALL has every tab").cast_signed();
        let there = (here + steps).rem_euclid(Self::ALL.len().cast_signed());
        Self::ALL[there.cast_unsigned()]
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Remotes => "remotes",
            Self::Process => "process",
            Self::Chart => "chart",
            Self::Health => "health",
        }
    }
}

/// A row of the processes, and its name for the title.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) of: RowKey,
    pub(crate) title: String,
}

/// Whose past is asked of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Everybody,
    Row(RowKey),
}

/// Columns and lines of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// The selected row: follows its key through the order, stays in place if the row leaves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cursor<K> {
    /// `None`: the top, whoever is there.
    key: Option<K>,
    index: usize,
}

impl<K> Default for Cursor<K> {
    fn default() -> Self {
        Self {
            key: None,
            index: 0,
        }
    }
}

impl<K: Clone + PartialEq> Cursor<K> {
    /// Where the cursor is among `keys`; `None` if there are none.
    pub(crate) fn place(&self, keys: &[K]) -> Option<usize> {
        let last = keys.len().checked_sub(1)?;
        let found = self.key.as_ref();
        let found = found.and_then(|key| keys.iter().position(|other| other == key));
        Some(found.unwrap_or(self.index.min(last)))
    }

    /// Puts the cursor on row `index` of `keys`, or the last. The top follows nobody.
    pub(crate) fn put(&mut self, keys: &[K], index: usize) {
        let index = index.min(keys.len().saturating_sub(1));
        self.index = index;
        self.key = keys.get(index).filter(|_| index > 0).cloned();
    }
}

impl Model {
    pub(crate) fn new(size: Size) -> Self {
        Self {
            origin: Origin::default(),
            ledger: Ledger::default(),
            paused: None,
            health: None,
            daemon: None,
            past: None,
            tab: Tab::default(),
            chosen: None,
            help: false,
            typing: None,
            settings: Settings::default(),
            process_cursor: Cursor::default(),
            remote_cursor: Cursor::default(),
            peer_cursor: Cursor::default(),
            health_scroll: 0,
            size,
            silent_for: None,
            absence: None,
            quit: false,
        }
    }

    /// What is shown: the present, or the moment of the pause.
    pub(crate) fn shown(&self) -> &Ledger {
        self.paused.as_deref().unwrap_or(&self.ledger)
    }

    pub(crate) fn process_table(&self) -> ProcessTable {
        processes(self.shown(), &self.settings)
    }

    pub(crate) fn remote_table(&self, of: &RowKey) -> RemoteTable {
        remotes(self.shown(), of, &self.settings)
    }

    pub(crate) fn peer_table(&self) -> PeerTable {
        peers(self.shown(), &self.settings)
    }

    /// Whose past this tab shows.
    pub(crate) fn subject(&self) -> Option<Subject> {
        match (self.tab, &self.chosen) {
            (Tab::Chart, _) => Some(Subject::Everybody),
            (Tab::Process, Some(chosen)) => Some(Subject::Row(chosen.of.clone())),
            (Tab::Process, None) | (Tab::Processes | Tab::Remotes | Tab::Health, _) => None,
        }
    }

    /// What the daemon remembers of whom this tab is about.
    pub(crate) fn past(&self) -> Option<&Past> {
        let (subject, past) = self.past.as_ref()?;
        (Some(subject) == self.subject().as_ref()).then_some(past)
    }
}
