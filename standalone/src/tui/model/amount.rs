//! Bytes in two directions, and their course over the last windows.

use std::collections::VecDeque;
use std::ops::{Add, AddAssign};

/// How many windows a course remembers.
pub(crate) const COURSE_WINDOWS: usize = 60;

/// Bytes in two directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Bytes {
    pub(crate) fn both(self) -> u64 {
        self.sent.saturating_add(self.received)
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, Self { sent, received }: Self) {
        self.sent = self.sent.saturating_add(sent);
        self.received = self.received.saturating_add(received);
    }
}

/// Bytes per second in two directions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    pub(crate) sent: f64,
    pub(crate) received: f64,
}

impl Rate {
    /// `bytes` in `seconds`.
    pub(crate) fn of(Bytes { sent, received }: Bytes, seconds: f64) -> Self {
        let per_second = |bytes: u64| {
            #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
            let bytes = bytes as f64;
            if seconds > 0.0 { bytes / seconds } else { 0.0 }
        };
        Self {
            sent: per_second(sent),
            received: per_second(received),
        }
    }

    pub(crate) fn both(self) -> f64 {
        self.sent + self.received
    }
}

impl Add for Rate {
    type Output = Self;

    fn add(self, Self { sent, received }: Self) -> Self {
        Self {
            sent: self.sent + sent,
            received: self.received + received,
        }
    }
}

/// The rates of the last windows, oldest first; at most [`COURSE_WINDOWS`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Course(VecDeque<Rate>);

impl Course {
    pub(crate) fn push(&mut self, rate: Rate) {
        if self.0.len() == COURSE_WINDOWS {
            self.0.pop_front();
        }
        self.0.push_back(rate);
    }

    /// The rate of the newest window.
    pub(crate) fn now(&self) -> Rate {
        self.0.back().copied().unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Rate> + ExactSizeIterator {
        self.0.iter().copied()
    }

    /// Adds another course that ends with the same window.
    pub(crate) fn overlay(&mut self, other: &Self) {
        for _ in self.0.len()..other.0.len() {
            self.0.push_front(Rate::default());
        }
        for (mine, &theirs) in self.0.iter_mut().rev().zip(other.0.iter().rev()) {
            *mine = *mine + theirs;
        }
    }
}

/// What was moved since start, and its course.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) total: Bytes,
    pub(crate) course: Course,
    window: Bytes,
}

impl Tally {
    /// Of which no more is known than the newest window.
    pub(crate) fn of(total: Bytes, now: Rate) -> Self {
        let mut course = Course::default();
        course.push(now);
        Self {
            total,
            course,
            window: Bytes::default(),
        }
    }

    /// Adds to the window that is being read.
    pub(crate) fn add(&mut self, bytes: Bytes) {
        self.total += bytes;
        self.window += bytes;
    }

    /// The window has been read; tells whether it had anything.
    pub(crate) fn close_window(&mut self, seconds: f64) -> bool {
        let window = std::mem::take(&mut self.window);
        self.course.push(Rate::of(window, seconds));
        window != Bytes::default()
    }

    /// Adds another tally that ends with the same window.
    pub(crate) fn overlay(&mut self, other: &Self) {
        self.total += other.total;
        self.course.overlay(&other.course);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(course: &Course) -> Vec<f64> {
        course.iter().map(|rate| rate.sent).collect()
    }

    fn course(sent: &[f64]) -> Course {
        let mut course = Course::default();
        for &sent in sent {
            course.push(Rate {
                sent,
                received: 0.0,
            });
        }
        course
    }

    #[test]
    fn courses_of_different_age_meet_at_the_newest_window() {
        let mut young = course(&[5.0]);
        young.overlay(&course(&[1.0, 2.0, 3.0]));
        assert_eq!(sent(&young), [1.0, 2.0, 8.0]);
        let mut old = course(&[1.0, 2.0, 3.0]);
        old.overlay(&course(&[5.0]));
        assert_eq!(sent(&old), [1.0, 2.0, 8.0]);
    }

    #[test]
    fn a_course_forgets_the_oldest_window() {
        let rates: Vec<f64> = (0..70).map(f64::from).collect();
        assert_eq!(sent(&course(&rates)), rates[10..]);
    }

    #[test]
    fn a_window_without_length_has_no_rate() {
        let bytes = Bytes {
            sent: 1,
            received: 1,
        };
        assert_eq!(Rate::of(bytes, 0.0), Rate::default());
    }
}
