//! Where the events of one source go. May change while the source runs, and outlives the source when
//! that is restarted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use nettally_source::{
    ComponentCounters, Event, LossCount, LossReason, Losses, SendError, UsageBatch, Window,
};
use serde::Serialize;

use super::fanout::Fanout;
use super::queue::{Inlet, Queue};

/// The queues that a source fills.
#[derive(Default)]
pub struct Routes(Mutex<State>);

#[derive(Default)]
struct State {
    inlets: Vec<Inlet>,
    is_closed: bool,
    /// Where the next window should begin.
    counted_until: Option<Timestamp>,
    has_restarted: bool,
    gaps: Gaps,
    sent: LossCount,
}

/// Spans in which nothing was counted, as a source was being restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Gaps {
    /// How many.
    pub count: u64,
    /// How long they were in sum.
    pub seconds: f64,
    /// The latest.
    pub last: Option<Window>,
}

impl Routes {
    /// Into these queues.
    #[must_use]
    pub fn into(queues: &[Arc<Queue>]) -> Arc<Self> {
        let routes = Arc::new(Self::default());
        routes.lead_to(queues);
        routes
    }

    pub(super) fn of(inlets: Vec<Inlet>) -> Arc<Self> {
        let state = State {
            inlets,
            ..State::default()
        };
        Arc::new(Self(Mutex::new(state)))
    }

    /// From the next window on, into these queues and no others.
    pub fn lead_to(&self, queues: &[Arc<Queue>]) {
        let mut state = self.state();
        let inlets = queues
            .iter()
            .map(|queue| {
                let known = state.inlets.iter().position(|inlet| inlet.is_into(queue));
                known.map_or_else(|| Inlet::into(queue), |at| state.inlets.swap_remove(at))
            })
            .collect();
        let left = std::mem::replace(&mut state.inlets, inlets);
        drop(state);
        // Their queues may end now.
        drop(left);
    }

    /// No more events: the queues end once no other source fills them.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let left = std::mem::take(&mut state.inlets);
        drop(state);
        drop(left);
    }

    /// The source ended and another comes in its place: what was not counted between them is told.
    pub fn restarted(&self) {
        self.state().has_restarted = true;
    }

    /// Where a source puts its events.
    #[must_use]
    pub fn fanout(self: &Arc<Self>) -> Fanout {
        Fanout::along(Arc::clone(self))
    }

    /// Spans in which nothing was counted.
    #[must_use]
    pub fn gaps(&self) -> Gaps {
        self.state().gaps
    }

    /// The same as losses, since start.
    #[must_use]
    pub fn losses(&self) -> Losses {
        gap_losses(self.gaps().count)
    }

    /// What the source has sent.
    #[must_use]
    pub fn counters(&self) -> ComponentCounters {
        ComponentCounters {
            sent: self.state().sent,
            ..ComponentCounters::default()
        }
    }

    /// Never waits.
    pub(super) fn send(&self, events: Vec<Event>) -> Result<(), SendError> {
        let mut state = self.state();
        let has_takers = state.inlets.is_empty() || !state.inlets.iter().all(Inlet::is_deserted);
        if state.is_closed || !has_takers {
            return Err(SendError::Closed);
        }
        for event in events {
            if let Event::Usage(batch) = &event {
                if let Some(gap) = state.pass(batch) {
                    state.put(&Event::Usage(Arc::new(gap)));
                }
                state.sent.add(LossCount::of_rows(&batch.usage));
            }
            state.put(&event);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&self, event: &Event) {
        for inlet in &self.inlets {
            inlet.put(event.clone());
        }
    }

    /// Notes how far is counted; the first window after a restart may have a gap before it.
    fn pass(&mut self, batch: &UsageBatch) -> Option<UsageBatch> {
        let Window { start, end } = batch.window;
        let counted_until = self.counted_until.replace(end);
        let has_restarted = std::mem::take(&mut self.has_restarted);
        let window = counted_until
            .filter(|until| has_restarted && *until < start)
            .map(|until| Window {
                start: until,
                end: start,
            })?;
        self.gaps.count += 1;
        self.gaps.seconds += window.end.duration_since(window.start).as_secs_f64();
        self.gaps.last = Some(window);
        Some(UsageBatch {
            window,
            usage: Vec::new(),
            losses: gap_losses(1),
        })
    }
}

fn gap_losses(gaps: u64) -> Losses {
    let mut losses = Losses::default();
    let count = LossCount {
        events: gaps,
        ..LossCount::default()
    };
    losses.add(LossReason::SourceRestarted, count);
    losses
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use futures::StreamExt as _;
    use nettally_source::Protocol;

    use super::*;
    use crate::topology::WhenFull;
    use crate::topology::testing::{batch, moved, row, second};

    fn queue() -> Arc<Queue> {
        Queue::new(NonZeroUsize::new(9).unwrap(), WhenFull::Block)
    }

    fn window(number: i64) -> Vec<Event> {
        let usage = [row("curl", Protocol::Tcp, 1).moved(10, 1)];
        vec![Event::Usage(Arc::new(batch(number, usage)))]
    }

    async fn batches(queue: &Arc<Queue>) -> Vec<Arc<UsageBatch>> {
        let events: Vec<_> = queue.outlet().collect().await;
        let batch = |event| match event {
            Event::Usage(batch) => batch,
            Event::Health(_) => unreachable!("none was put in"),
        };
        events.into_iter().map(batch).collect()
    }

    #[tokio::test]
    async fn each_window_goes_where_routes_lead_when_it_comes() {
        let (left, stays, comes) = (queue(), queue(), queue());
        let routes = Routes::into(&[Arc::clone(&left), Arc::clone(&stays)]);
        routes.send(window(0)).unwrap();
        routes.lead_to(&[Arc::clone(&stays), Arc::clone(&comes)]);
        routes.send(window(1)).unwrap();
        routes.close();
        assert_eq!(routes.send(window(2)), Err(SendError::Closed));
        for (queue, expected) in [(&left, 1), (&stays, 2), (&comes, 1)] {
            assert_eq!(batches(queue).await.len(), expected);
        }
        assert_eq!(routes.counters().sent.sent_bytes, 20);
        assert_eq!(routes.gaps(), Gaps::default());
    }

    #[tokio::test]
    async fn the_span_that_a_restart_took_is_told_once() {
        let into = queue();
        let routes = Routes::into(&[Arc::clone(&into)]);
        routes.send(window(0)).unwrap();
        routes.restarted();
        for number in [3, 5] {
            routes.send(window(number)).unwrap();
        }
        routes.close();
        let batches = batches(&into).await;
        let spans: Vec<_> = batches.iter().map(|batch| batch.window.start).collect();
        assert_eq!(spans, [second(0), second(1), second(3), second(5)]);
        let gap = &batches[1];
        assert_eq!((gap.window.end, moved(gap)), (second(3), (0, 0)));
        assert_eq!(gap.losses.get(LossReason::SourceRestarted).events, 1);
        let Gaps { count, seconds, .. } = routes.gaps();
        assert_eq!((count, seconds), (1, 2.0));
    }

    #[test]
    fn a_source_that_nobody_takes_from_is_not_told_to_end() {
        assert_eq!(Routes::into(&[]).send(window(0)), Ok(()));
    }
}
