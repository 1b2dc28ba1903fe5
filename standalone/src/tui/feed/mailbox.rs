//! The bounded way from the collector to the screen. The collector never waits: when the screen is
//! late, the newest window grows by the one that has no room, and the number of windows in it says
//! so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use nettally_source::{Event, EventSink, HealthReport, SendError, UsageBatch};
use tokio::sync::Notify;

use super::merge::merge;

/// One window, or several that were merged because they were not taken in time.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// What was moved.
    pub(crate) batch: Arc<UsageBatch>,
    /// How many windows of the source are in it; 1 unless the reader was late.
    pub(crate) windows: u64,
}

/// What comes out of a mailbox.
#[derive(Clone, Debug)]
pub(crate) enum Update {
    /// Traffic.
    Usage(Delivery),
    /// The newest state of the source.
    Health(Arc<HealthReport>),
    /// The daemon is gone, or back.
    Link(Link),
}

/// Whether the daemon that is followed is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It is not; in words, why.
    Lost(String),
    /// It, or another in its place, is there again.
    Restored,
}

/// A mailbox for up to `capacity` windows.
pub(crate) fn mailbox(capacity: usize) -> (Outlet, Mailbox) {
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        arrived: Notify::new(),
        capacity: capacity.max(1),
    });
    (Outlet(shared.clone()), Mailbox(shared))
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    arrived: Notify,
    capacity: usize,
}

#[derive(Debug, Default)]
struct State {
    windows: VecDeque<Delivery>,
    health: Option<Arc<HealthReport>>,
    link: Option<Link>,
    outlet_gone: bool,
    mailbox_gone: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing below panics between two steps of a change, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The collector's end.
#[derive(Debug)]
pub(crate) struct Outlet(Arc<Shared>);

impl Outlet {
    fn put(&self, events: Vec<Event>) -> Result<(), SendError> {
        let mut state = self.0.state();
        if state.mailbox_gone {
            return Err(SendError::Closed);
        }
        for event in events {
            match event {
                Event::Usage(batch) if state.windows.len() < self.0.capacity => {
                    state.windows.push_back(Delivery { batch, windows: 1 });
                }
                Event::Usage(batch) => {
                    let newest = state.windows.back_mut().expect("capacity is at least 1");
                    merge(Arc::make_mut(&mut newest.batch), &batch);
                    newest.windows += 1;
                }
                Event::Health(report) => state.health = Some(report),
            }
        }
        drop(state);
        self.0.arrived.notify_one();
        Ok(())
    }

    /// Tells whether the daemon is there; only the newest is kept.
    pub(super) fn tell(&self, link: Link) {
        self.0.state().link = Some(link);
        self.0.arrived.notify_one();
    }
}

#[async_trait]
impl EventSink for Outlet {
    async fn send_batch(&mut self, events: Vec<Event>) -> Result<(), SendError> {
        self.put(events)
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.0.state().outlet_gone = true;
        self.0.arrived.notify_one();
    }
}

/// The reader's end.
#[derive(Debug)]
pub(crate) struct Mailbox(Arc<Shared>);

impl Mailbox {
    /// The next update, oldest window first; `None` once the collector is gone and all is taken.
    /// Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Update> {
        loop {
            {
                let mut state = self.0.state();
                if let Some(link) = state.link.take() {
                    return Some(Update::Link(link));
                }
                if let Some(report) = state.health.take() {
                    return Some(Update::Health(report));
                }
                if let Some(delivery) = state.windows.pop_front() {
                    return Some(Update::Usage(delivery));
                }
                if state.outlet_gone {
                    return None;
                }
            }
            self.0.arrived.notified().await;
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.0.state().mailbox_gone = true;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::tui::testing::{batch, health, process, tcp};

    fn sent(update: Option<Update>) -> (u64, u64) {
        let Some(Update::Usage(Delivery { batch, windows })) = update else {
            panic!("no usage: {update:?}")
        };
        (
            windows,
            batch.usage.iter().map(|usage| usage.sent_bytes).sum(),
        )
    }

    #[tokio::test]
    async fn a_late_reader_gets_the_overflow_in_the_newest_window() {
        let (mut outlet, mut mailbox) = mailbox(2);
        let curl = process(7, "curl");
        for second in 0..5 {
            let event = Event::Usage(Arc::new(batch(
                second,
                vec![tcp(&curl, "192.0.2.1:443", 10, 0)],
            )));
            outlet.send_batch(vec![event]).await.unwrap();
        }
        drop(outlet);
        assert_eq!(sent(mailbox.next().await), (1, 10));
        assert_eq!(sent(mailbox.next().await), (4, 40));
        assert!(mailbox.next().await.is_none());
    }

    #[tokio::test]
    async fn merging_leaves_the_batch_of_other_holders_alone() {
        let (mut outlet, _mailbox) = mailbox(1);
        let curl = process(7, "curl");
        let held = Arc::new(batch(0, vec![tcp(&curl, "192.0.2.1:443", 10, 0)]));
        for _ in 0..2 {
            let event = Event::Usage(held.clone());
            outlet.send_batch(vec![event]).await.unwrap();
        }
        assert_eq!(held.usage[0].sent_bytes, 10);
    }

    #[tokio::test]
    async fn only_the_newest_health_is_kept() {
        let (mut outlet, mut mailbox) = mailbox(1);
        let reports = [1, 2].map(|windows| {
            let mut report = health();
            report.windows = windows;
            Event::Health(Arc::new(report))
        });
        outlet.send_batch(reports.to_vec()).await.unwrap();
        let Some(Update::Health(report)) = mailbox.next().await else {
            panic!("no health")
        };
        assert_eq!(report.windows, 2);
        assert!(mailbox.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn that_the_daemon_is_gone_is_told_before_the_windows_that_wait() {
        let (mut outlet, mut mailbox) = mailbox(1);
        let event = Event::Usage(Arc::new(batch(0, vec![])));
        outlet.send_batch(vec![event]).await.unwrap();
        for link in [Link::Restored, Link::Lost("stopped".to_owned())] {
            outlet.tell(link);
        }
        drop(outlet);
        let Some(Update::Link(Link::Lost(reason))) = mailbox.next().await else {
            panic!("not told")
        };
        assert_eq!(reason, "stopped");
        assert_eq!(sent(mailbox.next().await), (1, 0));
        assert!(mailbox.next().await.is_none());
    }

    #[tokio::test]
    async fn a_collector_learns_that_the_screen_is_gone() {
        let (mut outlet, mailbox) = mailbox(1);
        drop(mailbox);
        assert_eq!(outlet.send_batch(vec![]).await, Err(SendError::Closed));
    }
}
