//! How far time has come: what is old is decided by it, so a clock that is set far ahead, by a flat
//! battery or a typing error, must not make the whole history old at once.
//!
//! Windows say what the clock said; the time since boot says how long it was. Where windows run
//! ahead of both, rows of buckets are neither made nor deleted for them until the clock has kept to
//! it for hours. Nothing is lost by waiting: after a long time off, rows just stay a little longer.

use std::time::Duration;

use rusqlite::{Connection, Result};

use super::retention::flushed_until_ms;
use crate::tier::{RolledUntil, Tier};

/// A clock may be that much ahead at once: it was set by a little, or the machine slept unnoticed.
const LEAP: Duration = Duration::from_secs(3600);

/// The same until the first window of a run that is believed: the machine was off before.
const FIRST_LEAP: Duration = Duration::from_secs(24 * 3600);

/// A clock that stays ahead for so long is right.
const SETTLED: Duration = Duration::from_secs(6 * 3600);

/// What the windows, checked against the time since boot, say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    believed_ms: Option<i64>,
    /// How much windows may be ahead.
    leap: Duration,
    /// Time since boot at the last look.
    looked: Option<Duration>,
    /// Since when windows are too far ahead.
    ahead_since: Option<Duration>,
}

impl Clock {
    /// Begins where the minutes of a file end, as none are made for times that are not believed; or
    /// with its windows, if it has no minutes.
    pub(super) fn of_file(file: &Connection) -> Result<Self> {
        let minutes_ms = RolledUntil::read(file)?.of(Tier::Minute);
        let windows_ms = flushed_until_ms(file)?;
        Ok(Self::new(minutes_ms.or(windows_ms)))
    }

    const fn new(believed_ms: Option<i64>) -> Self {
        Self {
            believed_ms,
            leap: FIRST_LEAP,
            looked: None,
            ahead_since: None,
        }
    }

    /// What time to go by as long as there is no window.
    pub(super) fn believed_ms(&self) -> i64 {
        self.believed_ms.unwrap_or(i64::MAX)
    }

    /// Takes the end of the newest window and the time since boot; returns what time to go by.
    pub(super) fn look(&mut self, newest_ms: i64, since_boot: Duration) -> i64 {
        let looked = self.looked.replace(since_boot).unwrap_or(since_boot);
        let elapsed = since_boot.saturating_sub(looked);
        let before_ms = self.believed_ms.unwrap_or(newest_ms);
        let passed_ms = before_ms.saturating_add(milliseconds(elapsed));
        let is_near = newest_ms <= passed_ms.saturating_add(milliseconds(self.leap));
        let is_settled = self
            .ahead_since
            .is_some_and(|since| since_boot.saturating_sub(since) >= SETTLED);
        let believed_ms = if is_near || is_settled {
            self.ahead_since = None;
            self.leap = LEAP;
            newest_ms
        } else {
            self.ahead_since.get_or_insert(since_boot);
            passed_ms
        };
        self.believed_ms = Some(believed_ms);
        believed_ms
    }

    /// Whether windows are further ahead than is believed.
    pub(super) const fn is_ahead(&self) -> bool {
        self.ahead_since.is_some()
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    /// What is believed after each pair of window's end and time since boot, all in seconds.
    fn believed(stored_until: Option<i64>, looks: &[(i64, u64)]) -> Vec<i64> {
        let mut clock = Clock::new(stored_until.map(|seconds| seconds * 1000));
        looks
            .iter()
            .map(|&(newest, boot)| clock.look(newest * 1000, Duration::from_secs(boot)) / 1000)
            .collect()
    }

    #[test]
    fn time_that_passes_is_believed() {
        let looks = [(100, 1000), (105, 1005), (105 + 8 * HOUR, 1005 + 8 * 3600)];
        assert_eq!(believed(None, &looks), [100, 105, 105 + 8 * HOUR]);
        // Off overnight: the time since boot begins anew.
        assert_eq!(believed(Some(0), &[(10 * HOUR, 60)]), [10 * HOUR]);
        // Set by half an hour, then back.
        let looks = [(100, 0), (1900, 1), (101, 2), (102, 3)];
        assert_eq!(believed(None, &looks), [100, 1900, 101, 102]);
    }

    #[test]
    fn a_clock_far_ahead_is_believed_after_hours_only() {
        let year = 365 * DAY;
        let looks = [
            (100, 0),
            (year, 10),
            (year + HOUR, 10 + 3600),
            (year + 6 * HOUR - 1, 10 + 6 * 3600 - 1),
            (year + 6 * HOUR, 10 + 6 * 3600),
            (year + 6 * HOUR + 5, 10 + 6 * 3600 + 5),
        ];
        assert_eq!(
            believed(None, &looks),
            [
                100,
                110,
                110 + HOUR,
                110 + 6 * HOUR - 1,
                year + 6 * HOUR,
                year + 6 * HOUR + 5
            ]
        );
    }

    #[test]
    fn a_clock_that_is_set_right_again_starts_over() {
        let year = 365 * DAY;
        let looks = [
            (100, 0),
            (year, 10),
            (120, 20),
            (year, 30),
            (year + 5 * HOUR, 30 + 5 * 3600),
        ];
        assert_eq!(believed(None, &looks), [100, 110, 120, 130, 130 + 5 * HOUR]);
    }

    #[test]
    fn a_month_off_is_believed_after_hours() {
        let looks = [(30 * DAY, 60), (30 * DAY + 6 * HOUR, 60 + 6 * 3600)];
        assert_eq!(believed(Some(0), &looks), [0, 30 * DAY + 6 * HOUR]);
    }
}
