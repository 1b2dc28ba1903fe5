//! From single readings of sockets to what each moved while nettally counted. Pure.
//!
//! nettally's count begins and ends at a drain of its maps, at some instant between two listings of
//! the sockets. What a socket moved at those instants is known as well as the two listings agree: on
//! a quiet socket exactly, else between two bounds.

use std::collections::HashMap;
use std::time::Duration;

use super::message::Reading;
use super::namespaces::Inode;
use super::span::{Moved, Span};

/// The kernel's clock may tick as rarely as this (`HZ` of 100).
const TICK: Duration = Duration::from_millis(10);

/// The listings, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Listing {
    BeforeStart,
    AfterStart,
    BeforeEnd,
    AfterEnd,
}

/// Every socket that was seen. Times are of a clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    seen: HashMap<(Inode, u64), Seen>,
    /// When the first listing began, and when the second had ended.
    start: (Duration, Duration),
    is_ending: bool,
}

#[derive(Debug)]
struct Seen {
    /// The last reading that still knew the remote.
    last: Reading,
    listed: [Option<Moved>; 4],
    ended: Option<Ended>,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    /// `None` if its counts were set back before.
    moved: Option<Moved>,
    /// When it sent data, or was connected if it sent none: not before the one, not after the other.
    last_sent: (Duration, Duration),
    before_end: bool,
}

/// One socket over the whole period.
#[derive(Clone, Debug)]
pub(super) struct SocketMoved {
    pub(super) reading: Reading,
    pub(super) moved: Moved,
}

impl Sockets {
    /// A listing that took from `began` to `ended`.
    pub(super) fn list(
        &mut self,
        listing: Listing,
        readings: Vec<(Inode, Reading)>,
        began: Duration,
        ended: Duration,
    ) {
        match listing {
            Listing::BeforeStart => {
                // It may be another try.
                self.seen.clear();
                self.start = (began, ended);
            }
            Listing::AfterStart => self.start.1 = ended,
            Listing::BeforeEnd => self.is_ending = true,
            Listing::AfterEnd => {}
        }
        for (inode, reading) in readings {
            let moved = reading.moved;
            let seen = self.seen_at(inode, reading);
            seen.listed[listing as usize] = Some(moved);
        }
    }

    /// The message of a socket's end, written after the one instant and before the other.
    pub(super) fn end(&mut self, inode: Inode, reading: Reading, written: (Duration, Duration)) {
        let (after, before) = written;
        let age = reading.last_sent;
        let ended = Ended {
            moved: (!reading.was_reset).then_some(reading.moved),
            last_sent: (after.saturating_sub(age + TICK), before.saturating_sub(age)),
            before_end: !self.is_ending,
        };
        self.seen_at(inode, reading).ended = Some(ended);
    }

    /// Whether every socket that was listed last time but one is accounted for.
    pub(super) fn all_ends_are_known(&self) -> bool {
        self.seen.values().all(|seen| {
            let [.., before, after] = seen.listed;
            before.is_none() || after.is_some() || seen.ended.is_some()
        })
    }

    /// What each moved.
    pub(super) fn moved(self) -> Vec<SocketMoved> {
        let start = self.start;
        self.seen
            .into_values()
            .map(|seen| SocketMoved {
                moved: seen.at_end().grown_since(seen.at_start(start)),
                reading: seen.last,
            })
            .collect()
    }

    fn seen_at(&mut self, inode: Inode, reading: Reading) -> &mut Seen {
        let seen = self
            .seen
            .entry((inode, reading.cookie))
            .or_insert_with(|| Seen {
                last: reading.clone(),
                listed: [None; 4],
                ended: None,
            });
        seen.last.has_layer |= reading.has_layer;
        seen.last.was_reset |= reading.was_reset;
        if seen.last.inode == 0 {
            seen.last.inode = reading.inode;
        }
        seen
    }
}

impl Seen {
    fn at_start(&self, (began, ended): (Duration, Duration)) -> Moved {
        let [before, after, before_end, after_end] = self.listed;
        match (before, after, self.ended) {
            (_, Some(_), _) => Moved::from_to(before, after),
            // It ended in the instants of the start, or was closed but not given up.
            (Some(_), None, end) => Moved::from_to(before, end.and_then(|end| end.moved)),
            (
                None,
                None,
                Some(Ended {
                    moved, last_sent, ..
                }),
            ) if before_end.is_none() && after_end.is_none() => {
                let (earliest, latest) = last_sent;
                if earliest > ended {
                    return Moved::ZERO;
                }
                let until_the_end = Moved::from_to(None, moved);
                match moved {
                    // Connected before, and closed since, but its process had not let go of it: it
                    // cannot have sent, but what had come may have been read.
                    Some(moved) if latest < began => Moved {
                        sent_bytes: moved.sent_bytes,
                        ..until_the_end
                    },
                    Some(_) | None => until_the_end,
                }
            }
            (None, None, _) => Moved::ZERO,
        }
    }

    fn at_end(&self) -> Moved {
        let [before_start, after_start, before, after] = self.listed;
        let ended = self.ended.and_then(|end| end.moved);
        let high = after.or(ended);
        let low = before.or_else(|| {
            ended
                .filter(|_moved| self.ended.is_some_and(|end| end.before_end))
                .or(after_start)
                .or(before_start)
        });
        match high {
            Some(_) => Moved::from_to(low, high),
            // Closed, but its process has not let go of it, so nothing more is told; or set back.
            None => Moved {
                sent_bytes: Span::at_least(low.map_or(0, |low| low.sent_bytes.low)),
                received_bytes: Span::at_least(low.map_or(0, |low| low.received_bytes.low)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: &str = "192.0.2.1:9";

    fn reading(sent: u64, last_sent_ms: u64) -> Reading {
        Reading {
            cookie: 1,
            local: NOBODY.parse().unwrap(),
            remote: NOBODY.parse().unwrap(),
            uid: 0,
            inode: 5,
            moved: Moved {
                sent_bytes: Span::exactly(sent),
                received_bytes: Span::exactly(sent / 10),
            },
            last_sent: at(last_sent_ms),
            has_layer: false,
            was_reset: false,
        }
    }

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Listings begin at 10 s, 11 s, 20 s and 21 s, and take 100 ms; a socket's end is told at `end`.
    fn moved(sent: [Option<u64>; 4], end: Option<(u64, Reading)>) -> Moved {
        let listings = [
            (Listing::BeforeStart, 10_000),
            (Listing::AfterStart, 11_000),
            (Listing::BeforeEnd, 20_000),
            (Listing::AfterEnd, 21_000),
        ];
        let mut sockets = Sockets::default();
        let mut end = end;
        for ((listing, time), sent) in listings.into_iter().zip(sent) {
            if let Some((told, reading)) = end.take_if(|(told, _)| *told < time) {
                sockets.end(1, reading, (at(told - 20), at(told)));
            }
            let readings = sent.map(|sent| (1, reading(sent, 0)));
            sockets.list(
                listing,
                readings.into_iter().collect(),
                at(time),
                at(time + 100),
            );
        }
        if let Some((told, reading)) = end {
            sockets.end(1, reading, (at(told - 20), at(told)));
        }
        let mut all = sockets.moved();
        assert_eq!(all.len(), 1);
        all.remove(0).moved
    }

    fn spans(sent: Span, received: Span) -> Moved {
        Moved {
            sent_bytes: sent,
            received_bytes: received,
        }
    }

    #[test]
    fn a_socket_that_is_quiet_at_both_ends_is_exact() {
        let expected = spans(Span::exactly(900), Span::exactly(90));
        assert_eq!(
            moved([Some(100), Some(100), Some(1000), Some(1000)], None),
            expected
        );
    }

    #[test]
    fn what_moves_at_the_ends_is_between_bounds() {
        let expected = spans(Span::between(800, 950), Span::between(80, 95));
        assert_eq!(
            moved([Some(100), Some(200), Some(1000), Some(1050)], None),
            expected
        );
    }

    #[test]
    fn one_that_was_born_since_begins_at_nothing() {
        let exact = spans(Span::exactly(1000), Span::exactly(100));
        assert_eq!(moved([None, None, Some(1000), Some(1000)], None), exact);
        let ended = Some((15_000, reading(1000, 10)));
        assert_eq!(moved([None, None, None, None], ended), exact);
    }

    #[test]
    fn one_that_ends_is_as_exact_as_its_last_message() {
        let expected = spans(Span::exactly(900), Span::exactly(90));
        let ended = Some((15_000, reading(1000, 10)));
        assert_eq!(moved([Some(100), Some(100), None, None], ended), expected);
        let last = Some((20_500, reading(1000, 10)));
        let expected = spans(Span::between(800, 900), Span::between(80, 90));
        assert_eq!(
            moved([Some(100), Some(100), Some(900), None], last),
            expected
        );
    }

    #[test]
    fn one_that_comes_and_goes_at_the_start_may_have_moved_nothing() {
        let ended = Some((10_800, reading(1000, 300)));
        let expected = spans(Span::between(0, 1000), Span::between(0, 100));
        assert_eq!(moved([None, None, None, None], ended), expected);
        let ended = Some((10_800, reading(1000, 300)));
        let expected = spans(Span::between(0, 900), Span::between(0, 90));
        assert_eq!(moved([Some(100), None, None, None], ended), expected);
    }

    #[test]
    fn one_that_was_closed_before_has_not_sent_but_may_have_been_read() {
        let relic = Some((15_000, reading(1000, 6000)));
        let expected = spans(Span::exactly(0), Span::between(0, 100));
        assert_eq!(moved([None, None, None, None], relic), expected);
    }

    #[test]
    fn one_whose_end_is_not_told_has_no_upper_bound() {
        let expected = spans(Span::at_least(0), Span::at_least(0));
        assert_eq!(moved([Some(100), Some(100), None, None], None), expected);
        let expected = spans(Span::at_least(900), Span::at_least(90));
        assert_eq!(
            moved([Some(100), Some(100), Some(1000), None], None),
            expected
        );
        let reset = Reading {
            was_reset: true,
            ..reading(70_000, 10)
        };
        let expected = spans(Span::at_least(900), Span::at_least(90));
        let moved = moved(
            [Some(100), Some(100), Some(1000), None],
            Some((20_500, reset)),
        );
        assert_eq!(moved, expected);
    }
}
