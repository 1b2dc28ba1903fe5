//! The state of the screen: what was counted, what the person has chosen. No terminal in here.

pub(crate) mod amount;
pub(crate) mod ledger;
pub(crate) mod processes;
pub(crate) mod remotes;
pub(crate) mod settings;
pub(crate) mod who;

use std::sync::Arc;
use std::time::Duration;

use nettally_source::HealthReport;

use ledger::{FlowKey, Ledger};
use processes::{ProcessTable, RowKey, processes};
use remotes::{RemoteTable, remotes};
use settings::Settings;

/// The state of the screen.
#[derive(Debug)]
pub(crate) struct Model {
    /// Counts on, whatever is shown.
    pub(crate) ledger: Ledger,
    /// What is shown while paused.
    pub(crate) paused: Option<Box<Ledger>>,
    pub(crate) health: Option<Arc<HealthReport>>,
    pub(crate) screen: Screen,
    /// Whether the help covers the screen.
    pub(crate) help: bool,
    /// While a filter is typed: the text it replaces.
    pub(crate) typing: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) process_cursor: Cursor<RowKey>,
    pub(crate) remote_cursor: Cursor<FlowKey>,
    pub(crate) size: Size,
    /// For how long nothing has come, if that is longer than it should be.
    pub(crate) silent_for: Option<Duration>,
    pub(crate) quit: bool,
}

/// What is shown. More tabs go here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Screen {
    Processes,
    /// Who one row is, and its remotes; its name for the title.
    Remotes {
        of: RowKey,
        title: String,
    },
    Health,
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
            ledger: Ledger::default(),
            paused: None,
            health: None,
            screen: Screen::Processes,
            help: false,
            typing: None,
            settings: Settings::default(),
            process_cursor: Cursor::default(),
            remote_cursor: Cursor::default(),
            size,
            silent_for: None,
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

    /// The filter of this screen.
    pub(crate) fn filter(&self) -> &str {
        match self.screen {
            Screen::Processes | Screen::Health => &self.settings.process_filter,
            Screen::Remotes { .. } => &self.settings.remote_filter,
        }
    }

    pub(crate) fn filter_mut(&mut self) -> &mut String {
        match self.screen {
            Screen::Processes | Screen::Health => &mut self.settings.process_filter,
            Screen::Remotes { .. } => &mut self.settings.remote_filter,
        }
    }
}
