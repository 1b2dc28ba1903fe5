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

/// Rows that wait at most, whatever the number of windows: beyond, the queue is full. About 100 MB.
const WAITING_ROWS: usize = 500_000;

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
    merged_rows: usize,
}

struct State {
    when_full: WhenFull,
    capacity: usize,
    waiting: VecDeque<Waiting>,
    /// Number of the receiver that may take; those before it are at their end.
    receiver: u64,
    /// Windows among `waiting`; reports of health do not count, there is one for each source.
    windows: usize,
    /// Rows in them.
    rows: usize,
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
    taken: LossCount,
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
    /// Rows that the sink took.
    pub taken: LossCount,
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
                when_full,
                capacity,
                receiver: 0,
                waiting: VecDeque::new(),
                windows: 0,
                rows: 0,
                inlets: 0,
                outlet: true,
                counts: Counts::default(),
            }),
            filled: Notify::new(),
            left: Notify::new(),
            merged_rows,
        })
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        let state = self.state();
        let Counts {
            taken,
            delivered_windows,
            merged_windows,
            dropped_windows,
            folded,
            dropped,
        } = state.counts;
        QueueStats {
            when_full: state.when_full,
            capacity_windows: state.capacity,
            taken,
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

    /// The events, until the last inlet is gone and the queue is empty. There is one receiver, the
    /// newest: the stream of one before it ends. Once the stream of the newest is dropped, everything
    /// that comes is counted as dropped.
    pub fn outlet(self: &Arc<Self>) -> BoxStream<'static, Event> {
        let receiver = {
            let mut state = self.state();
            state.outlet = true;
            state.receiver += 1;
            state.receiver
        };
        self.filled.notify_waiters();
        let outlet = Outlet {
            queue: Arc::clone(self),
            receiver,
        };
        stream::unfold(outlet, |outlet| async move {
            let event = outlet.queue.next(outlet.receiver).await?;
            Some((event, outlet))
        })
        .boxed()
    }

    /// Ends the stream of the receiver. What waits, and what comes, is kept for the next one.
    pub fn hand_over(&self) {
        self.state().receiver += 1;
        self.filled.notify_waiters();
    }

    /// There will be no receiver: what waits is counted as dropped, and so is all that comes.
    pub fn desert(&self) {
        self.state().desert();
    }

    /// Changes the policy. What waits beyond a smaller capacity stays.
    pub fn change(&self, capacity: std::num::NonZeroUsize, when_full: WhenFull) {
        let mut state = self.state();
        state.capacity = capacity.get();
        state.when_full = when_full;
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

    async fn next(&self, receiver: u64) -> Option<Event> {
        loop {
            // Made before looking: who is told in between is not missed.
            let filled = self.filled.notified();
            let (waiting, at_end) = {
                let mut state = self.state();
                if state.receiver != receiver {
                    return None;
                }
                (state.take(), state.inlets == 0)
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
            Event::Usage(batch) if state.has_room() => {
                state.windows += 1;
                state.rows += batch.usage.len();
                state.waiting.push_back(Waiting::Usage(batch));
            }
            Event::Usage(batch) => match state.when_full {
                WhenFull::Block => state.merge(&batch, self.merged_rows),
                WhenFull::DropNewest => state.drop_window(&batch),
            },
            Event::Health(_) if !state.outlet => {}
            Event::Health(report) => state.put_health(report),
        }
        drop(state);
        self.filled.notify_waiters();
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.windows == 0 || (self.windows < self.capacity && self.rows < WAITING_ROWS)
    }

    fn take(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        let rows = match &waiting {
            Waiting::Usage(batch) => &batch.usage,
            Waiting::Merged(merged) => merged.rows(),
            Waiting::Health(_) => return Some(waiting),
        };
        self.windows -= 1;
        self.rows -= rows.len();
        self.counts.delivered_windows += 1;
        self.counts.taken.add(LossCount::of_rows(rows));
        Some(waiting)
    }

    /// Nobody will take what waits.
    fn desert(&mut self) {
        self.outlet = false;
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Usage(batch) => self.drop_window(&batch),
                Waiting::Merged(merged) => self.drop_window(&merged.finish()),
                Waiting::Health(_) => {}
            }
        }
        self.windows = 0;
        self.rows = 0;
    }

    fn drop_window(&mut self, batch: &UsageBatch) {
        self.counts.dropped_windows += 1;
        self.counts.dropped.add(LossCount::of_rows(&batch.usage));
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
        let before = merged.rows().len();
        self.counts.folded.add(merged.add(batch));
        self.rows += merged.rows().len() - before;
        self.counts.merged_windows += 1;
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

    /// Whether it leads there.
    #[must_use]
    pub fn is_into(&self, queue: &Arc<Queue>) -> bool {
        Arc::ptr_eq(&self.0, queue)
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
        self.0.filled.notify_waiters();
        self.0.left.notify_waiters();
    }
}

/// Owned by the stream, so that the queue knows when nobody reads.
struct Outlet {
    queue: Arc<Queue>,
    receiver: u64,
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let Self { queue, receiver } = self;
        let mut state = queue.state();
        if state.receiver == *receiver {
            state.desert();
        }
    }
}

#[cfg(test)]
mod tests;
