//! Which rows answer for which part of a range: the coarsest tier that does exactly, and windows at
//! the edges.

use super::steps::Steps;
use crate::tier::{KeptFrom, RolledUntil, Rows, Tier};

/// The windows that start in `[from_ms, until_ms)`, and where the rows of all of them are. The
/// ends are those of buckets where the rows are of buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) rows: Rows,
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
}

/// What there is to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The tiers whose rows tell enough apart; others answer only where nothing finer is left.
    pub(super) telling: Vec<Tier>,
    pub(super) rolled: RolledUntil,
    pub(super) kept: KeptFrom,
}

impl Extent {
    /// Cuts `[from_ms, until_ms)` into parts, in order and without gaps, after rounding it outward
    /// to the finest buckets where windows are gone. A bucket stands for its windows if all of it
    /// is in one step and it tells enough apart, or if nothing finer is left.
    pub(super) fn parts(&self, from_ms: i64, until_ms: i64, steps: Steps<'_>) -> Vec<Part> {
        let mut parts = Vec::new();
        if from_ms >= until_ms {
            return parts;
        }
        let from_ms = match self.kept.finest(from_ms) {
            Rows::Windows => from_ms,
            Rows::Tier(tier) => tier.floor(from_ms),
        };
        let until_ms = match self.kept.finest(until_ms - 1) {
            Rows::Windows => until_ms,
            Rows::Tier(tier) => tier.ceil(until_ms),
        };
        self.cover(&Tier::ALL, from_ms, until_ms, steps, &mut parts);
        parts
    }

    /// Takes the last of `tiers` for whole buckets, and the ones before it for what is left.
    fn cover(
        &self,
        tiers: &[Tier],
        from_ms: i64,
        until_ms: i64,
        steps: Steps<'_>,
        parts: &mut Vec<Part>,
    ) {
        if from_ms >= until_ms {
            return;
        }
        let Some((tier, finer)) = tiers.split_last() else {
            parts.push(Part {
                rows: Rows::Windows,
                from_ms,
                until_ms,
            });
            return;
        };
        let mut at_ms = from_ms;
        for (first_ms, last_ms) in
            self.runs(*tier, finer.last().copied(), (from_ms, until_ms), steps)
        {
            self.cover(finer, at_ms, first_ms, steps, parts);
            parts.push(Part {
                rows: Rows::Tier(*tier),
                from_ms: first_ms,
                until_ms: last_ms,
            });
            at_ms = last_ms;
        }
        self.cover(finer, at_ms, until_ms, steps, parts);
    }

    /// The buckets of a tier that answer for a part of `[from_ms, until_ms)`.
    fn runs(
        &self,
        tier: Tier,
        finer: Option<Tier>,
        (from_ms, until_ms): (i64, i64),
        steps: Steps<'_>,
    ) -> Vec<(i64, i64)> {
        let from_ms = from_ms.max(self.kept.of(Rows::Tier(tier)).unwrap_or(i64::MIN));
        let until = |ms: Option<i64>| ms.map_or(from_ms, |ms| until_ms.min(ms));
        // Of the time before, nothing finer is left.
        let gone_until_ms = until(self.kept.of(finer.map_or(Rows::Windows, Rows::Tier)));
        let mut runs = Steps::One.runs(tier, from_ms, gone_until_ms);
        if self.telling.contains(&tier) {
            let from_ms = runs.last().map_or(from_ms, |(_from, until_ms)| *until_ms);
            for run in steps.runs(tier, from_ms, until(self.rolled.of(tier))) {
                match runs.last_mut() {
                    Some(last) if last.1 == run.0 => last.1 = run.1,
                    _ => runs.push(run),
                }
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;

    fn rolled(minute: i64, hour: i64, day: i64) -> Extent {
        Extent {
            telling: Tier::ALL.to_vec(),
            rolled: RolledUntil::default()
                .with(Tier::Minute, minute)
                .with(Tier::Hour, hour)
                .with(Tier::Day, day),
            kept: KeptFrom::default(),
        }
    }

    #[test]
    fn what_is_gone_is_answered_from_coarser_buckets_around_it() {
        let mut extent = rolled(9 * DAY, 9 * DAY, 9 * DAY);
        extent.kept = KeptFrom::default()
            .with(Rows::Windows, 8 * DAY + 30 * MINUTE)
            .with(Rows::Tier(Tier::Minute), 8 * DAY)
            .with(Rows::Tier(Tier::Hour), 6 * DAY);
        let part = |rows, from_ms, until_ms| Part {
            rows,
            from_ms,
            until_ms,
        };
        let (minute, hour, day) = (
            Rows::Tier(Tier::Minute),
            Rows::Tier(Tier::Hour),
            Rows::Tier(Tier::Day),
        );
        for (from, until, steps, expected) in [
            (
                8 * DAY + 90_000,
                8 * DAY + 150_000,
                Steps::One,
                vec![part(minute, 8 * DAY + MINUTE, 8 * DAY + 3 * MINUTE)],
            ),
            (
                7 * DAY + 90_000,
                7 * DAY + 150_000,
                Steps::Each(1000),
                vec![part(hour, 7 * DAY, 7 * DAY + HOUR)],
            ),
            (
                5 * DAY + 1,
                5 * DAY + 2,
                Steps::One,
                vec![part(day, 5 * DAY, 6 * DAY)],
            ),
            (
                5 * DAY + 1,
                8 * DAY + 31 * MINUTE + 1,
                Steps::Each(1000),
                vec![
                    part(day, 5 * DAY, 6 * DAY),
                    part(hour, 6 * DAY, 8 * DAY),
                    part(minute, 8 * DAY, 8 * DAY + 30 * MINUTE),
                    part(
                        Rows::Windows,
                        8 * DAY + 30 * MINUTE,
                        8 * DAY + 31 * MINUTE + 1,
                    ),
                ],
            ),
        ] {
            assert_eq!(extent.parts(from, until, steps), expected);
        }
    }

    fn shown(parts: &[Part]) -> Vec<(Rows, i64)> {
        parts
            .iter()
            .map(|part| (part.rows, part.until_ms))
            .collect()
    }

    #[test]
    fn a_long_range_is_days_between_ever_finer_edges() {
        let rolled = rolled(3 * DAY + 2 * MINUTE, 3 * DAY, 3 * DAY);
        let parts = rolled.parts(
            22 * HOUR + 58 * MINUTE + 1,
            3 * DAY + 2 * MINUTE + 5,
            Steps::One,
        );
        assert_eq!(
            shown(&parts),
            [
                (Rows::Windows, 22 * HOUR + 59 * MINUTE),
                (Rows::Tier(Tier::Minute), 23 * HOUR),
                (Rows::Tier(Tier::Hour), DAY),
                (Rows::Tier(Tier::Day), 3 * DAY),
                (Rows::Tier(Tier::Minute), 3 * DAY + 2 * MINUTE),
                (Rows::Windows, 3 * DAY + 2 * MINUTE + 5),
            ]
        );
    }

    #[test]
    fn a_bucket_longer_than_a_step_does_not_answer_for_it() {
        let rolled = rolled(DAY, DAY, DAY);
        for (step_ms, rows) in [
            (1000, Rows::Windows),
            (90_000, Rows::Windows),
            (5 * MINUTE, Rows::Tier(Tier::Minute)),
            (2 * HOUR, Rows::Tier(Tier::Hour)),
            (7 * DAY, Rows::Tier(Tier::Day)),
        ] {
            assert_eq!(
                shown(&rolled.parts(0, DAY, Steps::Each(step_ms))),
                [(rows, DAY)]
            );
        }
    }

    #[test]
    fn a_tier_that_tells_too_little_answers_only_for_what_is_gone() {
        let mut extent = rolled(2 * DAY, 2 * DAY, 2 * DAY);
        extent.telling = vec![Tier::Minute];
        let minute = Rows::Tier(Tier::Minute);
        assert_eq!(
            shown(&extent.parts(0, 2 * DAY, Steps::One)),
            [(minute, 2 * DAY)]
        );
        extent.kept = KeptFrom::default().with(minute, DAY + HOUR);
        assert_eq!(
            shown(&extent.parts(0, 2 * DAY, Steps::One)),
            [(Rows::Tier(Tier::Hour), DAY + HOUR), (minute, 2 * DAY)]
        );
    }

    #[test]
    fn nothing_rolled_up_is_answered_from_windows() {
        let rolled = Extent {
            telling: Tier::ALL.to_vec(),
            rolled: RolledUntil::default(),
            kept: KeptFrom::default(),
        };
        assert_eq!(
            shown(&rolled.parts(0, DAY, Steps::One)),
            [(Rows::Windows, DAY)]
        );
    }

    proptest! {
        #[test]
        fn parts_follow_one_another_and_are_complete(
            from in -3 * DAY..3 * DAY,
            length in 1..4 * DAY,
            minute in -3 * DAY..4 * DAY,
            hour_lag in 0..DAY,
            day_lag in 0..2 * DAY,
        ) {
            let minute = Tier::Minute.floor(minute);
            let hour = Tier::Hour.floor(minute - hour_lag);
            let rolled = rolled(minute, hour, Tier::Day.floor(hour - day_lag));
            let mut at = from;
            for part in rolled.parts(from, from + length, Steps::One) {
                prop_assert_eq!(part.from_ms, at);
                prop_assert!(part.until_ms > at);
                if let Rows::Tier(tier) = part.rows {
                    prop_assert_eq!(tier.floor(part.from_ms), part.from_ms);
                    prop_assert_eq!(tier.floor(part.until_ms), part.until_ms);
                    prop_assert!(rolled.rolled.of(tier).unwrap() >= part.until_ms);
                }
                at = part.until_ms;
            }
            prop_assert_eq!(at, from + length);
        }
    }
}
