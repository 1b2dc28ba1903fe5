//! A bounded queue of events before one sink. Putting never waits; what happens when it is full is
//! its policy.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{self, BoxStream, StreamExt as _};
use nettally_source::{Event, HealthReport, LossCount, LossReason, Losses, UsageBatch};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::merge::Merged;

/// Flows told apart in merged windows; what exceeds them goes to `[other]`.
const MERGED_ROWS: usize = 100_000;

/// What happens to a window that comes to a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It is merged into the newest waiting one: no byte is lost, windows become longer. The source
    /// is never made to wait.
    Block,
    /// It is dropped, and counted.
    DropNewest,
}

/// The queue. Ends when its last [`Inlet`] is gone.
pub struct Queue {
    state: Mutex<State>,
    filled: Notify,
    left: Notify,
    when_full: WhenFull,
    capacity: usize,
    merged_rows: usize,
}

struct State {
    waiting: VecDeque<Waiting>,
    /// Windows among `waiting`; reports of health do not count, there is one for each source.
    windows: usize,
    inlets: usize,
    outlet: bool,
    counts: Counts,
}

enum Waiting {
    Usage(Arc<UsageBatch>),
    Merged(Box<Merged>),
    Health(Arc<HealthReport>),
}

#[derive(Clone, Copy, Default)]
struct Counts {
    delivered_windows: u64,
    merged_windows: u64,
    dropped_windows: u64,
    folded: LossCount,
    dropped: LossCount,
}

/// How a queue is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// What happens when it is full.
    pub when_full: WhenFull,
    /// Windows it holds at most.
    pub capacity_windows: usize,
    /// Windows it holds.
    pub waiting_windows: usize,
    /// Windows that the sink took.
    pub delivered_windows: u64,
    /// Windows that were merged into one that waited.
    pub merged_windows: u64,
    /// Windows that were dropped.
    pub dropped_windows: u64,
    /// Rows whose bytes went to `[other]` in a merge.
    pub folded: LossCount,
    /// Rows that were dropped.
    pub dropped: LossCount,
}

impl Queue {
    /// An empty queue for `capacity` windows.
    #[must_use]
    pub fn new(capacity: std::num::NonZeroUsize, when_full: WhenFull) -> Arc<Self> {
        Self::with_merged_rows(capacity.get(), when_full, MERGED_ROWS)
    }

    fn with_merged_rows(capacity: usize, when_full: WhenFull, merged_rows: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                windows: 0,
                inlets: 0,
                outlet: true,
                counts: Counts::default(),
            }),
            filled: Notify::new(),
            left: Notify::new(),
            when_full,
            capacity,
            merged_rows,
        })
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        let state = self.state();
        let Counts {
            delivered_windows,
            merged_windows,
            dropped_windows,
            folded,
            dropped,
        } = state.counts;
        QueueStats {
            when_full: self.when_full,
            capacity_windows: self.capacity,
            waiting_windows: state.windows,
            delivered_windows,
            merged_windows,
            dropped_windows,
            folded,
            dropped,
        }
    }

    /// What was dropped here. Folded rows are not lost: their bytes are in `[other]`.
    #[must_use]
    pub fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        losses.add(LossReason::SinkQueueFull, self.state().counts.dropped);
        losses
    }

    /// The events, until the last inlet is gone and the queue is empty. There is one receiver:
    /// once the stream is dropped, everything that comes is counted as dropped.
    pub fn outlet(self: &Arc<Self>) -> BoxStream<'static, Event> {
        let outlet = Outlet(Arc::clone(self));
        stream::unfold(outlet, |outlet| async move {
            let event = outlet.0.next().await?;
            Some((event, outlet))
        })
        .boxed()
    }

    /// Ready once the last inlet is gone: what waits is all that will come. Before the first inlet it
    /// is ready too.
    pub fn ending(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let queue = Arc::clone(self);
        async move {
            loop {
                let left = queue.left.notified();
                if queue.state().inlets == 0 {
                    return;
                }
                left.await;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next(&self) -> Option<Event> {
        loop {
            let filled = self.filled.notified();
            let (waiting, at_end) = {
                let mut state = self.state();
                let waiting = state.waiting.pop_front();
                if matches!(waiting, Some(Waiting::Usage(_) | Waiting::Merged(_))) {
                    state.windows -= 1;
                    state.counts.delivered_windows += 1;
                }
                (waiting, state.inlets == 0)
            };
            match waiting {
                Some(Waiting::Usage(batch)) => return Some(Event::Usage(batch)),
                Some(Waiting::Merged(merged)) => {
                    return Some(Event::Usage(Arc::new(merged.finish())));
                }
                Some(Waiting::Health(report)) => return Some(Event::Health(report)),
                None if at_end => return None,
                None => filled.await,
            }
        }
    }

    fn put(&self, event: Event) {
        let mut state = self.state();
        match event {
            Event::Usage(batch) if !state.outlet => state.drop_window(&batch),
            Event::Usage(batch) if state.windows < self.capacity => {
                state.windows += 1;
                state.waiting.push_back(Waiting::Usage(batch));
            }
            Event::Usage(batch) => match self.when_full {
                WhenFull::Block => state.merge(&batch, self.merged_rows),
                WhenFull::DropNewest => state.drop_window(&batch),
            },
            Event::Health(_) if !state.outlet => {}
            Event::Health(report) => state.put_health(report),
        }
        drop(state);
        self.filled.notify_one();
    }
}

impl State {
    fn drop_window(&mut self, batch: &UsageBatch) {
        let Counts {
            dropped_windows,
            dropped,
            ..
        } = &mut self.counts;
        *dropped_windows += 1;
        for row in &batch.usage {
            dropped.events += 1;
            dropped.sent_bytes = dropped.sent_bytes.saturating_add(row.sent_bytes);
            dropped.received_bytes = dropped.received_bytes.saturating_add(row.received_bytes);
        }
    }

    /// Merges into the newest waiting window.
    fn merge(&mut self, batch: &UsageBatch, merged_rows: usize) {
        let newest = self
            .waiting
            .iter_mut()
            .rev()
            .find(|waiting| !matches!(waiting, Waiting::Health(_)))
            .expect("a full queue has a window, as its capacity is not 0");
        if let Waiting::Usage(first) = newest {
            *newest = Waiting::Merged(Box::new(Merged::of(first, merged_rows)));
        }
        let Waiting::Merged(merged) = newest else {
            unreachable!("windows only, and the plain ones were made merged ones");
        };
        let LossCount {
            events,
            sent_bytes,
            received_bytes,
        } = merged.add(batch);
        self.counts.merged_windows += 1;
        self.counts.folded.events += events;
        self.counts.folded.sent_bytes += sent_bytes;
        self.counts.folded.received_bytes += received_bytes;
    }

    /// Only the newest report of a source is of use.
    fn put_health(&mut self, report: Arc<HealthReport>) {
        self.waiting.retain(
            |waiting| !matches!(waiting, Waiting::Health(old) if old.source == report.source),
        );
        self.waiting.push_back(Waiting::Health(report));
    }
}

/// Where events are put in. The queue ends when all are gone.
pub struct Inlet(Arc<Queue>);

impl Inlet {
    /// A way into `queue`.
    #[must_use]
    pub fn into(queue: &Arc<Queue>) -> Self {
        queue.state().inlets += 1;
        Self(Arc::clone(queue))
    }

    /// Puts an event in; never waits.
    pub fn put(&self, event: Event) {
        self.0.put(event);
    }

    /// Whether nobody takes events any more.
    #[must_use]
    pub fn is_deserted(&self) -> bool {
        !self.0.state().outlet
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.0.state().inlets -= 1;
        self.0.filled.notify_one();
        self.0.left.notify_waiters();
    }
}

/// Owned by the stream, so that the queue knows when nobody reads.
struct Outlet(Arc<Queue>);

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.outlet = false;
        for waiting in std::mem::take(&mut state.waiting) {
            match waiting {
                Waiting::Usage(batch) => state.drop_window(&batch),
                Waiting::Merged(merged) => state.drop_window(&merged.finish()),
                Waiting::Health(_) => {}
            }
        }
        state.windows = 0;
    }
}

#[cfg(test)]
mod tests;
