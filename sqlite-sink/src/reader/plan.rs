//! Which rows answer for which part of a range: the coarsest tier that does exactly, and windows at
//! the edges.

use crate::tier::{RolledUntil, Tier};

/// Where rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// Those of windows.
    Windows,
    /// Those of buckets.
    Tier(Tier),
}

/// The windows that start in `[from_ms, until_ms)`, and where the rows of all of them are. The
/// ends are those of buckets where the rows are of buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) rows: Rows,
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
}

/// Cuts `[from_ms, until_ms)` into parts, in order and without gaps. A bucket may stand for its
/// windows only if all of it is in one step.
pub(super) fn parts(
    from_ms: i64,
    until_ms: i64,
    rolled: &RolledUntil,
    step_ms: Option<i64>,
) -> Vec<Part> {
    let tiers: Vec<Tier> = Tier::ALL
        .into_iter()
        .filter(|tier| step_ms.is_none_or(|step_ms| step_ms % tier.length_ms() == 0))
        .collect();
    let mut parts = Vec::new();
    cover(&tiers, rolled, from_ms, until_ms, &mut parts);
    parts
}

/// Takes the last of `tiers` for whole buckets, and the ones before it for what is left.
fn cover(tiers: &[Tier], rolled: &RolledUntil, from_ms: i64, until_ms: i64, parts: &mut Vec<Part>) {
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
    let first_ms = tier.ceil(from_ms);
    let last_ms = rolled
        .of(*tier)
        .map_or(first_ms, |rolled_ms| tier.floor(until_ms.min(rolled_ms)));
    if first_ms >= last_ms {
        return cover(finer, rolled, from_ms, until_ms, parts);
    }
    cover(finer, rolled, from_ms, first_ms, parts);
    parts.push(Part {
        rows: Rows::Tier(*tier),
        from_ms: first_ms,
        until_ms: last_ms,
    });
    cover(finer, rolled, last_ms, until_ms, parts);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;

    fn rolled(minute: i64, hour: i64, day: i64) -> RolledUntil {
        RolledUntil::default()
            .with(Tier::Minute, minute)
            .with(Tier::Hour, hour)
            .with(Tier::Day, day)
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
        let parts = parts(
            22 * HOUR + 58 * MINUTE + 1,
            3 * DAY + 2 * MINUTE + 5,
            &rolled,
            None,
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
            assert_eq!(shown(&parts(0, DAY, &rolled, Some(step_ms))), [(rows, DAY)]);
        }
    }

    #[test]
    fn nothing_rolled_up_is_answered_from_windows() {
        let rolled = RolledUntil::default();
        assert_eq!(shown(&parts(0, DAY, &rolled, None)), [(Rows::Windows, DAY)]);
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
            for part in parts(from, from + length, &rolled, None) {
                prop_assert_eq!(part.from_ms, at);
                prop_assert!(part.until_ms > at);
                if let Rows::Tier(tier) = part.rows {
                    prop_assert_eq!(tier.floor(part.from_ms), part.from_ms);
                    prop_assert_eq!(tier.floor(part.until_ms), part.until_ms);
                    prop_assert!(rolled.of(tier).unwrap() >= part.until_ms);
                }
                at = part.until_ms;
            }
            prop_assert_eq!(at, from + length);
        }
    }
}
