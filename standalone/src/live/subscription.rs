//! Following the windows as they come.

use std::sync::Arc;

use tokio::sync::watch;

use super::Live;
use super::frame::Frame;

/// What subscribers look at.
#[derive(Debug, Default)]
pub(super) struct Newest {
    pub(super) frame: Arc<Frame>,
    pub(super) has_ended: bool,
}

/// Sees each window once. One that is slower than the windows come sees the newest and skips the
/// ones before, counted in [`Folds::skipped`](super::Folds); it holds up nobody.
#[derive(Debug)]
pub struct Subscription {
    live: Arc<Live>,
    newest: watch::Receiver<Newest>,
    seen: u64,
}

impl Subscription {
    pub(super) fn new(live: Arc<Live>, mut newest: watch::Receiver<Newest>) -> Self {
        let seen = newest.borrow_and_update().frame.sequence;
        Self { live, newest, seen }
    }

    /// The next window, or `None` when there will be no more.
    pub async fn next(&mut self) -> Option<Arc<Frame>> {
        loop {
            let (frame, has_ended) = {
                let newest = self.newest.borrow_and_update();
                (Arc::clone(&newest.frame), newest.has_ended)
            };
            if frame.sequence > self.seen {
                let skipped = frame.sequence - self.seen - 1;
                if skipped > 0 {
                    self.live.count_skipped(skipped);
                }
                self.seen = frame.sequence;
                return Some(frame);
            }
            if has_ended || self.newest.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Regards windows up to number `sequence` as seen.
    pub fn skip_to(&mut self, sequence: u64) {
        self.seen = self.seen.max(sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::testing::{batch, flow};

    #[tokio::test]
    async fn a_slow_subscriber_sees_the_newest_and_holds_up_nobody() {
        let live = Live::new();
        let mut slow = live.subscribe();
        for second in 0..50 {
            live.update(&batch(second, vec![flow("curl", 1, "10.0.0.1", 1, 0)]));
        }
        let frame = slow.next().await.unwrap();
        assert_eq!((frame.sequence, frame.since_start.sent_bytes), (50, 50));
        assert_eq!(live.kept().folds.skipped, 49);
    }
}
