//! The length of a step of a chart.

use std::str::FromStr;

use nettally_sqlite_sink::TimeRange;

/// Seconds between two points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step(pub(super) u32);

/// Why a text is not a step.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a step; write a whole number with s, m, h or d, such as 10s or 1m")]
pub(super) struct StepError(String);

/// Steps that people read easily.
const ROUND_SECS: [u32; 17] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
];

const DAY_SECS: u32 = 86_400;

/// How many points a chart should have.
const POINTS: u64 = 120;

impl Step {
    /// The shortest round step that needs at most about 120 points.
    pub(super) fn fitting(range: &TimeRange) -> Self {
        let wanted = seconds(range).div_ceil(POINTS);
        let round = ROUND_SECS
            .into_iter()
            .find(|step| u64::from(*step) >= wanted);
        Self(round.unwrap_or_else(|| {
            let days = wanted.div_ceil(u64::from(DAY_SECS));
            u32::try_from(days)
                .unwrap_or(u32::MAX)
                .saturating_mul(DAY_SECS)
        }))
    }

    /// How many steps a range needs.
    pub(super) fn count(self, range: &TimeRange) -> u64 {
        seconds(range).div_ceil(u64::from(self.0))
    }
}

/// Whole seconds, at least one.
fn seconds(range: &TimeRange) -> u64 {
    let TimeRange { since, until } = *range;
    until
        .as_second()
        .saturating_sub(since.as_second())
        .max(1)
        .unsigned_abs()
}

impl FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, StepError> {
        let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
            Some(end) => text.split_at(end),
            None => (text, "s"),
        };
        let unit = match unit {
            "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3_600),
            "d" => Some(DAY_SECS),
            _ => None,
        };
        unit.zip(number.parse::<u32>().ok())
            .and_then(|(unit, number)| unit.checked_mul(number))
            .filter(|secs| *secs > 0)
            .map(Self)
            .ok_or_else(|| StepError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::testing::instant;

    #[test]
    fn a_step_is_a_number_with_a_unit() {
        let parsed = ["10s", "1m", "2h", "1d", "45"].map(|text| text.parse().map(|Step(s)| s));
        assert_eq!(parsed, [Ok(10), Ok(60), Ok(7_200), Ok(86_400), Ok(45)]);
        for text in [
            "",
            "0s",
            "-1s",
            "1.5m",
            "s",
            "1 m",
            "1w",
            "99999999d",
            "１s",
        ] {
            assert!(text.parse::<Step>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_fitting_step_gives_about_120_points() {
        let step = |secs| {
            let range = TimeRange {
                since: instant(0),
                until: instant(secs),
            };
            Step::fitting(&range).0
        };
        let hour = 3_600;
        let steps = [1, 60, hour, 24 * hour, 7 * 24 * hour, 365 * 24 * hour].map(step);
        assert_eq!(steps, [1, 1, 30, 900, 7_200, 4 * 86_400]);
    }
}
