//! What a user may set on how long rows are kept.

use nettally_source::pipeline::Problem;
use serde::{Deserialize, Serialize};

use crate::writer::Keep;

const HOUR_MS: i64 = 3_600_000;

/// How long the rows of each tier are kept; null keeps them for ever. Rows that are deleted stay as
/// a part of those of coarser tiers, so totals do not change, but ranges are rounded outward to
/// what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Hours that the rows of windows are kept. Default 48.
    pub raw_hours: Option<u32>,
    /// Days that the rows of minutes are kept. Default 30.
    pub minute_days: Option<u32>,
    /// Days that the rows of hours are kept. Default 400.
    pub hour_days: Option<u32>,
    /// Days that the rows of days are kept. Default null: for ever.
    pub day_days: Option<u32>,
    /// Days that the rows of months are kept. Default null: for ever.
    pub month_days: Option<u32>,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            raw_hours: Some(48),
            minute_days: Some(30),
            hour_days: Some(400),
            day_days: None,
            month_days: None,
        }
    }
}

/// The smallest file that may be asked for: less holds no hour of a busy host.
const LEAST_SIZE_BYTES: u64 = 16 << 20;

impl RetentionConfig {
    /// All that is wrong with it.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let ages = self.ages_ms();
        let mut problems = Vec::new();
        for (key, age_ms) in ages {
            if age_ms == Some(0) {
                problems.push(Problem::new(
                    format!("retention.{key}"),
                    "0 keeps nothing; allowed are 1 or more, or null for ever",
                ));
            }
        }
        for pair in ages.windows(2) {
            let [(finer_key, finer_ms), (key, age_ms)] = [pair[0], pair[1]];
            if age_ms.unwrap_or(i64::MAX) < finer_ms.unwrap_or(i64::MAX) {
                problems.push(Problem::new(
                    format!("retention.{key}"),
                    format!(
                        "shorter than {finer_key}, whose rows are finer; make it as long at least"
                    ),
                ));
            }
        }
        problems
    }

    /// As the writer obeys it.
    pub(crate) fn keep(&self, max_size_bytes: Option<u64>) -> Keep {
        let [
            (_, windows_ms),
            (_, minutes_ms),
            (_, hours_ms),
            (_, days_ms),
            (_, months_ms),
        ] = self.ages_ms();
        Keep {
            windows_ms,
            minutes_ms,
            hours_ms,
            days_ms,
            months_ms,
            size_bytes: max_size_bytes,
        }
    }

    fn ages_ms(&self) -> [(&'static str, Option<i64>); 5] {
        let Self {
            raw_hours,
            minute_days,
            hour_days,
            day_days,
            month_days,
        } = *self;
        let age = |count: Option<u32>, hours: i64| count.map(|n| i64::from(n) * hours * HOUR_MS);
        [
            ("raw_hours", age(raw_hours, 1)),
            ("minute_days", age(minute_days, 24)),
            ("hour_days", age(hour_days, 24)),
            ("day_days", age(day_days, 24)),
            ("month_days", age(month_days, 24)),
        ]
    }
}

/// What is wrong with a bound of the file's size.
pub(crate) fn size_problem(max_size_bytes: Option<u64>) -> Option<Problem> {
    let size_bytes = max_size_bytes.filter(|size_bytes| *size_bytes < LEAST_SIZE_BYTES)?;
    Some(Problem::new(
        "max_size_bytes",
        format!("{size_bytes} is too small; allowed are {LEAST_SIZE_BYTES} or more, or null"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(config: &RetentionConfig) -> Vec<String> {
        config.problems().iter().map(Problem::to_string).collect()
    }

    #[test]
    fn coarser_rows_are_kept_as_long_as_finer_ones() {
        assert_eq!(problems(&RetentionConfig::default()), [""; 0]);
        let config = RetentionConfig {
            raw_hours: Some(49),
            minute_days: Some(2),
            hour_days: None,
            day_days: Some(0),
            month_days: None,
        };
        assert_eq!(
            problems(&config),
            [
                "retention.day_days: 0 keeps nothing; allowed are 1 or more, or null for ever",
                "retention.minute_days: shorter than raw_hours, whose rows are finer; make it as long at least",
                "retention.day_days: shorter than hour_days, whose rows are finer; make it as long at least",
            ]
        );
    }

    #[test]
    fn a_file_too_small_for_anything_is_a_problem() {
        assert!(size_problem(None).is_none());
        assert!(size_problem(Some(16 << 20)).is_none());
        assert!(size_problem(Some(1_000_000)).is_some());
    }
}
