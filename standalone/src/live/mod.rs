//! The last windows, in memory: what the page and the terminal show as *now*.
//!
//! [`Live`] is fed by its [sink](Live::sink) and may be asked from anywhere. What is kept is
//! bounded; the rest is folded with exact totals and counted in [`Folds`]. The rules are in
//! `state` and `window` (pure); this file is the lock around them.

mod followers;
mod frame;
mod limits;
mod moved;
mod sink;
mod state;
mod subscription;
#[cfg(test)]
pub(crate) mod testing;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use nettally_source::{ComponentCounters, Event, HealthReport, Sink, Telemetry, UsageBatch};
use tokio::sync::watch;

pub use followers::{Follower, FollowerCounts, Until};
pub use frame::{FlowChoice, Frame, ProcessNow, RemoteNow, Remotes};
pub use limits::Folds;
pub use moved::Moved;
pub use subscription::Subscription;

use crate::topology::Delivery;
use followers::Followers;
use state::State;
use subscription::Newest;

use crate::cardinality::{SeriesConfig, Totals};

/// The last two minutes of usage, and the latest health of each source.
#[derive(Debug)]
pub struct Live {
    state: Mutex<State>,
    newest: watch::Sender<Newest>,
    followers: Arc<Followers>,
}

/// How much is kept, for `/api/v1/health`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Kept {
    /// Windows in memory.
    pub windows: usize,
    /// Processes with a total since start.
    pub processes: usize,
    /// What did not fit.
    #[serde(flatten)]
    pub folds: Folds,
    /// Readers of `/api/v1/stream`.
    pub stream: FollowerCounts,
}

impl Telemetry for Live {
    fn counters(&self) -> ComponentCounters {
        ComponentCounters {
            sent: self.lock().taken,
            ..ComponentCounters::default()
        }
    }
}

impl Delivery for Live {
    fn figures(&self) -> serde_json::Value {
        serde_json::to_value(self.kept()).expect("numbers only")
    }
}

impl Live {
    /// Nothing seen yet, with the usual counters.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::with_series(&SeriesConfig::of_metrics())
    }

    /// Nothing seen yet, with these counters.
    #[must_use]
    pub fn with_series(series: &SeriesConfig) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::new(series)),
            newest: watch::Sender::default(),
            followers: Arc::default(),
        })
    }

    /// A sink that feeds this. When its input ends, so do all subscriptions.
    #[must_use]
    pub fn sink(self: &Arc<Self>) -> Sink {
        Box::new(sink::LiveSink(Arc::clone(self)))
    }

    /// The newest window, and every process of the kept windows with what it moved in each.
    #[must_use]
    pub fn snapshot(&self) -> Frame {
        self.lock().snapshot()
    }

    /// Follows the windows from now on.
    #[must_use]
    pub fn subscribe(self: &Arc<Self>) -> Subscription {
        Subscription::new(Arc::clone(self), self.newest.subscribe())
    }

    /// Every event from now on, and first the latest reports. `None` if too many follow already.
    #[must_use]
    pub fn follow(&self, until: Until) -> Option<Follower> {
        self.followers.follow(until, self.reports())
    }

    /// Ends what a follower gets with the window that reaches `now`. Whether there is one with this
    /// number.
    pub fn leave(&self, number: u64, now: Timestamp) -> bool {
        self.followers.leave(number, now)
    }

    /// Whom processes talked to in the kept windows: the `limit` largest, without their history.
    #[must_use]
    pub fn remotes(&self, choice: &FlowChoice, limit: usize) -> Remotes {
        self.lock().remotes(choice, limit)
    }

    /// As [`Live::remotes`], with what was moved in each window.
    #[must_use]
    pub fn remotes_with_history(&self, choice: &FlowChoice, limit: usize) -> Remotes {
        self.lock().remotes_with_history(choice, limit)
    }

    /// Reads the counters since the start.
    pub fn read_totals<T>(&self, read: impl FnOnce(&Totals) -> T) -> T {
        read(&self.lock().totals)
    }

    /// The latest report of each source, by the source's name.
    #[must_use]
    pub fn reports(&self) -> Vec<Arc<HealthReport>> {
        self.lock().reports.values().cloned().collect()
    }

    /// How much is kept and what did not fit.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let state = self.lock();
        Kept {
            windows: state.kept_windows(),
            processes: state.known_processes(),
            folds: state.folds,
            stream: self.followers.counts(),
        }
    }

    fn hand_on(&self, event: &Event) {
        self.followers.put(event);
    }

    fn update(&self, batch: &UsageBatch) {
        let frame = Arc::new(self.lock().update(batch));
        self.newest.send_replace(Newest {
            frame,
            has_ended: false,
        });
    }

    fn report(&self, report: Arc<HealthReport>) {
        self.lock().report(report);
    }

    fn end(&self) {
        self.followers.end();
        self.newest.send_modify(|newest| newest.has_ended = true);
    }

    fn count_skipped(&self, windows: u64) {
        self.lock().folds.skipped += windows;
    }

    /// A panic elsewhere leaves at worst one window half added up; showing it beats ending.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
