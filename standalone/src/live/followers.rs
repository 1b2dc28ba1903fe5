//! Readers who want every event, each behind a queue of its own: one that does not read costs a
//! bounded part of memory and no byte, and delays nobody.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use nettally_source::{Event, HealthReport, LossCount};

use crate::topology::{Inlet, Queue, QueueStats, WhenFull};

/// Readers at once.
const MAX_FOLLOWERS: usize = 32;

/// Windows that wait for a late reader before they are merged.
const WAITING_WINDOWS: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not 0");

/// When a reader has enough, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Ended,
    /// After one window.
    OneWindow,
}

/// How readers are doing, for `/api/v1/health`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct FollowerCounts {
    /// Readers now.
    pub readers: usize,
    /// Readers since start.
    pub readers_since_start: u64,
    /// Windows merged into longer ones, because a reader was late. No byte is missing.
    pub merged_windows: u64,
    /// What readers had not read when they went away.
    pub unread: LossCount,
}

/// All of them.
#[derive(Default)]
pub(super) struct Followers(Mutex<State>);

#[derive(Default)]
struct State {
    places: Vec<Place>,
    next: u64,
    has_ended: bool,
    /// Of those that are gone.
    past: FollowerCounts,
}

/// Where events for one reader go.
struct Place {
    number: u64,
    queue: Arc<Queue>,
    inlet: Inlet,
    /// The first window that reaches this time is the last.
    leaves: Option<Timestamp>,
}

impl std::fmt::Debug for Followers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Followers").field(&self.counts()).finish()
    }
}

impl Followers {
    /// A new reader, who is first told `reports`. `None` if there are too many.
    pub(super) fn follow(
        self: &Arc<Self>,
        until: Until,
        reports: Vec<Arc<HealthReport>>,
    ) -> Option<Follower> {
        let mut state = self.lock();
        if state.places.len() >= MAX_FOLLOWERS {
            return None;
        }
        let number = state.next;
        state.next += 1;
        let queue = Queue::new(WAITING_WINDOWS, WhenFull::Block);
        let events = queue.outlet();
        let inlet = Inlet::into(&queue);
        for report in reports {
            inlet.put(Event::Health(report));
        }
        if !state.has_ended {
            state.places.push(Place {
                number,
                queue: Arc::clone(&queue),
                inlet,
                leaves: match until {
                    Until::Ended => None,
                    Until::OneWindow => Some(Timestamp::MIN),
                },
            });
        }
        Some(Follower {
            number,
            events,
            queue,
            all: Arc::clone(self),
        })
    }

    /// The window that reaches `now` is the last for this reader. Whether there is such a reader.
    pub(super) fn leave(&self, number: u64, now: Timestamp) -> bool {
        let mut state = self.lock();
        let found = state.places.iter_mut().find(|place| place.number == number);
        found.map(|place| place.leaves = Some(now)).is_some()
    }

    /// Hands an event to everybody; never waits.
    pub(super) fn put(&self, event: &Event) {
        self.lock().places.retain(|place| {
            place.inlet.put(event.clone());
            match (event, place.leaves) {
                (Event::Usage(batch), Some(time)) => batch.window.end < time,
                (Event::Usage(_) | Event::Health(_), _) => true,
            }
        });
    }

    /// There will be no more.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        state.places.clear();
    }

    pub(super) fn counts(&self) -> FollowerCounts {
        let state = self.lock();
        let merged = state.places.iter();
        let merged: u64 = merged.map(|p| p.queue.stats().merged_windows).sum();
        FollowerCounts {
            readers: state.places.len(),
            readers_since_start: state.next,
            merged_windows: state.past.merged_windows + merged,
            ..state.past
        }
    }

    fn gone(&self, number: u64, stats: QueueStats) {
        let mut state = self.lock();
        state.places.retain(|place| place.number != number);
        let past = &mut state.past;
        past.merged_windows += stats.merged_windows;
        past.unread.events += stats.dropped.events;
        past.unread.sent_bytes += stats.dropped.sent_bytes;
        past.unread.received_bytes += stats.dropped.received_bytes;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reader's events, from now on.
pub struct Follower {
    number: u64,
    events: BoxStream<'static, Event>,
    queue: Arc<Queue>,
    all: Arc<Followers>,
}

impl Follower {
    /// Tells it from the others.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The next event; `None` at the end. Windows that came while nobody asked may be merged.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.next().await
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // To the queue, what nobody has read by now is dropped.
        drop(std::mem::replace(&mut self.events, stream::empty().boxed()));
        self.all.gone(self.number, self.queue.stats());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::testing::{batch, flow, health, instant};

    fn window(second: i64, sent: u64) -> Event {
        let usage = vec![flow("curl", 7, "10.0.0.1", sent, 0)];
        Event::Usage(Arc::new(batch(second, usage)))
    }

    async fn sent(follower: &mut Follower) -> (usize, u64) {
        let (mut windows, mut sent) = (0, 0);
        while let Some(event) = follower.next().await {
            if let Event::Usage(batch) = event {
                windows += 1;
                sent += batch
                    .usage
                    .iter()
                    .map(|usage| usage.sent_bytes)
                    .sum::<u64>();
            }
        }
        (windows, sent)
    }

    #[tokio::test]
    async fn a_reader_that_does_not_read_gets_every_byte_in_longer_windows() {
        let all = Arc::new(Followers::default());
        let mut follower = all.follow(Until::Ended, Vec::new()).unwrap();
        for second in 0..100 {
            all.put(&window(second, 3));
        }
        assert_eq!(all.counts().merged_windows, 92);
        all.end();
        assert_eq!(sent(&mut follower).await, (8, 300));
        drop(follower);
        let expected = FollowerCounts {
            readers_since_start: 1,
            merged_windows: 92,
            ..FollowerCounts::default()
        };
        assert_eq!(all.counts(), expected);
    }

    #[tokio::test]
    async fn whoever_leaves_gets_the_window_that_reaches_the_moment() {
        let all = Arc::new(Followers::default());
        let mut follower = all.follow(Until::Ended, Vec::new()).unwrap();
        let mut once = all.follow(Until::OneWindow, vec![Arc::new(health())]);
        let once = once.as_mut().unwrap();
        // Window 0 ends at 1.
        assert!(all.leave(follower.number(), instant(2)));
        for second in 0..5 {
            all.put(&window(second, 1));
        }
        assert_eq!(sent(&mut follower).await, (2, 2));
        assert!(matches!(once.next().await, Some(Event::Health(_))));
        assert_eq!(sent(once).await, (1, 1));
        assert!(!all.leave(77, instant(0)));
    }

    #[test]
    fn what_was_not_read_is_counted_and_readers_are_bounded() {
        let all = Arc::new(Followers::default());
        let follower = all.follow(Until::Ended, Vec::new()).unwrap();
        all.put(&window(0, 5));
        drop(follower);
        assert_eq!(all.counts().unread.sent_bytes, 5);
        let many: Vec<_> = (0..=MAX_FOLLOWERS)
            .map(|_| all.follow(Until::Ended, Vec::new()))
            .collect();
        assert!(many.last().unwrap().is_none());
        assert_eq!(all.counts().readers, MAX_FOLLOWERS);
    }
}
