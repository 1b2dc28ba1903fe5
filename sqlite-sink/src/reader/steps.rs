//! What answers over time are cut into.

use crate::moment::{floor_ms, from_ms};
use crate::query::Calendar;
use crate::tier::{Rows, Tier};

/// Steps, each told by its start in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Steps<'c> {
    /// One of everything.
    One,
    /// The same, and it matters when the first and the last bytes were moved, to so many milliseconds.
    Seen(i64),
    /// Of so many milliseconds each, beginning at multiples of it since 1970.
    Each(i64),
    /// Those of a calendar.
    Calendar(&'c Edges),
}

/// The steps of a calendar.
#[derive(Clone, Debug)]
pub(super) struct Edges {
    calendar: Calendar,
    /// Starts of the steps that a range touches, in order, and the end of the last.
    edges: Vec<i64>,
}

impl Edges {
    /// Those that `[since_ms, until_ms)` touches are found fast.
    pub(super) fn of(calendar: &Calendar, since_ms: i64, until_ms: i64) -> Self {
        let mut date = calendar.date_of(from_ms(since_ms));
        let mut edges = vec![floor_ms(calendar.start_of(date))];
        while edges.last().is_some_and(|last| *last < until_ms) {
            let next = calendar.next(date);
            if next == date {
                break;
            }
            date = next;
            edges.push(floor_ms(calendar.start_of(date)));
        }
        // A day that a place left out begins when the next one does.
        edges.dedup();
        Self {
            calendar: calendar.clone(),
            edges,
        }
    }

    fn start_of(&self, ms: i64) -> i64 {
        let after = self.edges.partition_point(|edge| *edge <= ms);
        match after.checked_sub(1) {
            Some(last) if after < self.edges.len() => self.edges[last],
            Some(_) | None => floor_ms(self.calendar.step(from_ms(ms)).0),
        }
    }
}

/// The step that a row counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InStep {
    /// Its start.
    pub(super) start_ms: i64,
    /// Whether the row may belong to another: of its bucket nothing finer is left, and it reaches into
    /// several steps.
    pub(super) is_uncertain: bool,
}

impl Steps<'_> {
    /// The step of a row, which is told by the start of its window or the number of its bucket: that
    /// in which a window starts; and that in which most of a bucket is, or its start where steps are
    /// of one length.
    pub(super) fn of(self, rows: Rows, told: i64) -> InStep {
        let start_ms = rows.start_ms(told);
        let end_ms = match rows {
            Rows::Windows => start_ms + 1,
            Rows::Tier(tier) => tier.start_ms(told + 1),
        };
        let counts_at_ms = match self {
            Self::One | Self::Seen(_) | Self::Each(_) => start_ms,
            Self::Calendar(_) => start_ms + (end_ms - start_ms) / 2,
        };
        InStep {
            start_ms: self.start_of(counts_at_ms),
            is_uncertain: self.start_of(start_ms) != self.start_of(end_ms - 1),
        }
    }

    /// Start of the step that an instant is in; 0 if there is only one.
    fn start_of(self, ms: i64) -> i64 {
        match self {
            Self::One | Self::Seen(_) => 0,
            Self::Each(length_ms) => ms - ms.rem_euclid(length_ms),
            Self::Calendar(edges) => edges.start_of(ms),
        }
    }

    /// The longest runs of whole buckets in `[from_ms, until_ms)`, in order, of which each bucket is
    /// within one step.
    pub(super) fn runs(self, tier: Tier, from_ms: i64, until_ms: i64) -> Vec<(i64, i64)> {
        let run = |from_ms: i64, until_ms: i64| (tier.ceil(from_ms), tier.floor(until_ms));
        let mut runs = match self {
            Self::One => vec![run(from_ms, until_ms)],
            Self::Each(length_ms) | Self::Seen(length_ms) if tier.divides(length_ms) => {
                vec![run(from_ms, until_ms)]
            }
            Self::Each(_) | Self::Seen(_) => vec![],
            Self::Calendar(edges) => {
                let mut runs: Vec<(i64, i64)> = Vec::new();
                let mut begin = from_ms;
                let inside = edges
                    .edges
                    .iter()
                    .copied()
                    .filter(|edge| *edge > from_ms && *edge < until_ms);
                for end in inside.chain([until_ms]) {
                    let (from_ms, until_ms) = run(begin, end);
                    match runs.last_mut() {
                        Some(last) if last.1 == from_ms && from_ms < until_ms => last.1 = until_ms,
                        _ => runs.push((from_ms, until_ms)),
                    }
                    begin = end;
                }
                runs
            }
        };
        runs.retain(|(from_ms, until_ms)| from_ms < until_ms);
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{CalendarUnit, MonthStartDay};

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn berlin(unit: CalendarUnit, since: &str, until: &str) -> Edges {
        let zone = Calendar::zone_named(Some("Europe/Berlin")).unwrap();
        let calendar = Calendar::new(zone, unit, MonthStartDay::default());
        Edges::of(&calendar, ms(since), ms(until))
    }

    fn ms(instant: &str) -> i64 {
        floor_ms(instant.parse().unwrap())
    }

    #[test]
    fn an_instant_is_in_the_step_that_began_last() {
        for (ms, start) in [(-1, -10), (0, 0), (9, 0), (10, 10)] {
            assert_eq!(Steps::Each(10).start_of(ms), start, "{ms}");
        }
        assert_eq!(Steps::One.start_of(7), 0);
        let days = berlin(
            CalendarUnit::Day,
            "2026-10-24T00:00:00Z",
            "2026-10-26T00:00:00Z",
        );
        for (instant, start) in [
            ("2026-10-23T22:00:00Z", "2026-10-23T22:00:00Z"),
            ("2026-10-25T22:59:59Z", "2026-10-24T22:00:00Z"),
            ("2026-10-25T23:00:00Z", "2026-10-25T23:00:00Z"),
            // Outside of the range that is prepared.
            ("2026-07-01T21:59:59Z", "2026-06-30T22:00:00Z"),
            ("2027-01-01T00:00:00Z", "2026-12-31T23:00:00Z"),
        ] {
            let found = Steps::Calendar(&days).start_of(ms(instant));
            assert_eq!(found, ms(start), "{instant}");
        }
    }

    #[test]
    fn a_bucket_that_an_edge_cuts_is_in_no_run() {
        let months = berlin(
            CalendarUnit::Month,
            "2026-09-30T22:00:00Z",
            "2026-12-31T23:00:00Z",
        );
        let steps = Steps::Calendar(&months);
        let (from, until) = (ms("2026-10-01T00:00:00Z"), ms("2026-12-01T00:00:00Z"));
        assert_eq!(
            steps.runs(Tier::Day, from, until),
            [
                (from, ms("2026-10-31T00:00:00Z")),
                (ms("2026-11-01T00:00:00Z"), ms("2026-11-30T00:00:00Z")),
            ]
        );
        assert_eq!(steps.runs(Tier::Hour, from, until), [(from, until)]);
        assert_eq!(steps.runs(Tier::Month, from, until), []);
        assert_eq!(Steps::Each(HOUR).runs(Tier::Day, 0, 3 * DAY), []);
        assert_eq!(
            Steps::Each(2 * DAY).runs(Tier::Day, 1, 3 * DAY),
            [(DAY, 3 * DAY)]
        );
    }

    #[test]
    fn a_bucket_counts_where_most_of_it_is() {
        let months = berlin(
            CalendarUnit::Month,
            "2026-09-01T00:00:00Z",
            "2026-12-01T00:00:00Z",
        );
        let october = Tier::Month.bucket(ms("2026-10-15T00:00:00Z"));
        assert_eq!(
            Steps::Calendar(&months).of(Rows::Tier(Tier::Month), october),
            InStep {
                start_ms: ms("2026-09-30T22:00:00Z"),
                is_uncertain: true,
            }
        );
        let day = Tier::Day.bucket(ms("2026-10-15T00:00:00Z"));
        let in_step = Steps::Calendar(&months).of(Rows::Tier(Tier::Day), day);
        assert!(!in_step.is_uncertain);
    }
}
