//! What an invoice asks for: what the running month will come to, and the 95th percentile.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use nettally_sqlite_sink::{
    Calendar, CalendarUnit, EstimateAnswer, EstimateQuery, Filter, MonthStartDay, PercentileAnswer,
    PercentileQuery, Reader, StoreError, TimeRange,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::table::{Style, amounts};
use super::units::Units;

/// The share of intervals that carriers bill.
const PERCENT: u8 = 95;

/// A month is not told from less than this.
const SHORTEST: SignedDuration = SignedDuration::from_hours(24);
const TOO_SHORT: &str =
    "less than a day was measured: what the whole month will come to is not told yet\n";

/// The words of a range that is a month.
const RUNNING: &str = "month";
const LAST: &str = "last month";

/// Whether a range is a month, and the one that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Month {
    Running,
    Last,
}

impl Month {
    /// The one that the words of a range name.
    pub(super) fn named(words: &str) -> Option<Self> {
        match words {
            RUNNING => Some(Self::Running),
            LAST => Some(Self::Last),
            _ => None,
        }
    }

    /// From when to when it is, in a time zone, where months begin on `day`.
    pub(super) fn range(self, now: Timestamp, zone: &TimeZone, day: MonthStartDay) -> TimeRange {
        let calendar = calendar(zone, day);
        let (start, _end) = calendar.step(now);
        match self {
            Self::Running => TimeRange {
                since: start,
                until: now,
            },
            Self::Last => {
                let before = start
                    .checked_sub(SignedDuration::from_secs(1))
                    .unwrap_or(start);
                let (since, until) = calendar.step(before);
                TimeRange { since, until }
            }
        }
    }
}

fn calendar(zone: &TimeZone, day: MonthStartDay) -> Calendar {
    Calendar::new(zone.clone(), CalendarUnit::Month, day)
}

/// What is said of a month beyond its rows.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Billing {
    /// Of the running month alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) estimate: Option<EstimateAnswer>,
    pub(super) percentile: PercentileAnswer,
}

impl Billing {
    /// Asks for it.
    pub(super) fn of(
        reader: &Reader,
        month: Month,
        range: TimeRange,
        filter: Option<&Filter>,
        now: Timestamp,
        zone: &TimeZone,
        day: MonthStartDay,
    ) -> Result<Self, StoreError> {
        let estimate = match month {
            Month::Running => Some(reader.estimate(&EstimateQuery {
                calendar: calendar(zone, day),
                now,
                filter: filter.cloned(),
            })?),
            Month::Last => None,
        };
        let percentile = reader.percentile(&PercentileQuery {
            range,
            percent: PERCENT,
            filter: filter.cloned(),
        })?;
        Ok(Self {
            estimate,
            percentile,
        })
    }

    /// Lines below the table.
    pub(super) fn text(&self, style: &Style) -> String {
        let Self {
            estimate,
            percentile,
        } = self;
        let mut text = String::new();
        let estimated = estimate.as_ref().and_then(|answer| {
            let TimeRange { since, until } = answer.based_on?;
            if until.duration_since(since) < SHORTEST {
                return Some(TOO_SHORT.to_owned());
            }
            let [sent, received, both] = amounts(answer.estimated?, style.units);
            let share = answer.elapsed_share * 100.0;
            Some(format!(
                "the whole month at this rate: sent {sent}, received {received}, together {both} \
                 ({share:.0} % of it is over)\n"
            ))
        });
        text.push_str(estimated.as_deref().unwrap_or_default());
        let PercentileAnswer {
            percent,
            intervals,
            sent_bits_per_second,
            received_bits_per_second,
            ..
        } = percentile;
        if let (Some(sent), Some(received)) = (sent_bits_per_second, received_bits_per_second) {
            let rate = |bits: u64| format!("{}/s", Units::Bits.shown(bits / 8));
            text.push_str(&format!(
                "{percent}th percentile of {intervals} intervals of 5 minutes: sent {}, received {}\n",
                rate(*sent),
                rate(*received)
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_on_the_day_that_is_asked_for() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        for (month, day, since, until) in [
            (
                Month::Running,
                1,
                "2026-10-31T23:00:00Z",
                "2026-11-23T12:00:00Z",
            ),
            (
                Month::Running,
                24,
                "2026-10-23T22:00:00Z",
                "2026-11-23T12:00:00Z",
            ),
            (
                Month::Last,
                1,
                "2026-09-30T22:00:00Z",
                "2026-10-31T23:00:00Z",
            ),
            (
                Month::Last,
                15,
                "2026-10-14T22:00:00Z",
                "2026-11-14T23:00:00Z",
            ),
        ] {
            let range = month.range(now, &zone, MonthStartDay::new(day).unwrap());
            let shown = (range.since.to_string(), range.until.to_string());
            assert_eq!(
                shown,
                (since.to_owned(), until.to_owned()),
                "{month:?} {day}"
            );
        }
    }
}
