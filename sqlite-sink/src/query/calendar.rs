//! Days, weeks and months as a calendar of some place has them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a calendar is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalendarUnit {
    /// From midnight to midnight: 23 to 25 hours where clocks are changed.
    Day,
    /// Seven days from Monday.
    Week,
    /// From a day of a month, the [`MonthStartDay`], to the same of the next.
    Month,
}

impl CalendarUnit {
    /// All, the shortest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The word used in JSON, HTTP and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl fmt::Display for CalendarUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CalendarUnit {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Self, CalendarError> {
        Self::ALL
            .into_iter()
            .find(|unit| unit.name() == text)
            .ok_or_else(|| CalendarError::Unit {
                found: text.to_owned(),
            })
    }
}

/// The day of the month that a month of a report, or of an invoice, begins on: 1 to 28, which every
/// month has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MonthStartDay(i8);

impl MonthStartDay {
    /// From a number.
    ///
    /// # Errors
    /// It is not from 1 to 28.
    pub fn new(day: i8) -> Result<Self, CalendarError> {
        if (1..=28).contains(&day) {
            Ok(Self(day))
        } else {
            Err(CalendarError::MonthStartDay { found: day })
        }
    }
}

impl Default for MonthStartDay {
    fn default() -> Self {
        Self(1)
    }
}

/// What cannot be a part of a [`Calendar`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// No unit.
    #[error("unknown step `{found}`; allowed: day, week, month")]
    Unit {
        /// The word.
        found: String,
    },
    /// No day that every month has.
    #[error("month start day {found} is not from 1 to 28")]
    MonthStartDay {
        /// The number.
        found: i8,
    },
    /// No time zone that this machine knows.
    #[error(
        "unknown time zone `{found}`; allowed are IANA names such as Europe/Berlin, UTC and local, and this machine must have their rules (package tzdata)"
    )]
    Zone {
        /// The name.
        found: String,
    },
}

/// Days, weeks or months of a time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    unit: CalendarUnit,
    month_start_day: MonthStartDay,
}

impl Calendar {
    /// Of a time zone that is known already.
    #[must_use]
    pub const fn new(zone: TimeZone, unit: CalendarUnit, month_start_day: MonthStartDay) -> Self {
        Self {
            zone,
            unit,
            month_start_day,
        }
    }

    /// The time zone of an IANA name; of this machine for `local` or without a name.
    ///
    /// # Errors
    /// Nobody has a time zone of that name, or this machine does not know it.
    pub fn zone_named(name: Option<&str>) -> Result<TimeZone, CalendarError> {
        match name {
            None | Some("local") => Ok(TimeZone::system()),
            Some(name) => TimeZone::get(name).map_err(|_unknown| CalendarError::Zone {
                found: name.to_owned(),
            }),
        }
    }

    /// What it is cut into.
    #[must_use]
    pub const fn unit(&self) -> CalendarUnit {
        self.unit
    }

    /// The IANA name of its time zone, if it has one.
    #[must_use]
    pub fn zone_name(&self) -> Option<&str> {
        self.zone.iana_name()
    }

    /// The date on which the step begins that an instant is in.
    #[must_use]
    pub fn date_of(&self, instant: Timestamp) -> Date {
        let date = self.zone.to_datetime(instant).date();
        match self.unit {
            CalendarUnit::Day => date,
            CalendarUnit::Week => earlier(
                date,
                Span::new().days(date.weekday().to_monday_zero_offset()),
            ),
            CalendarUnit::Month => {
                let MonthStartDay(start_day) = self.month_start_day;
                let into = date.day() - start_day;
                if into >= 0 {
                    earlier(date, Span::new().days(into))
                } else {
                    let month_ago = earlier(date, Span::new().months(1));
                    // Days that the month before does not have are beyond the 28th.
                    Date::new(month_ago.year(), month_ago.month(), start_day).unwrap_or(month_ago)
                }
            }
        }
    }

    /// The first instant of a date; where clocks skip midnight, the instant at which they do.
    #[must_use]
    pub fn start_of(&self, date: Date) -> Timestamp {
        self.zone
            .to_timestamp(date.to_datetime(Time::midnight()))
            .unwrap_or(if date.year() < 0 {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            })
    }

    /// The date on which the step begins that follows the one that begins on `date`.
    #[must_use]
    pub fn next(&self, date: Date) -> Date {
        let span = match self.unit {
            CalendarUnit::Day => Span::new().days(1),
            CalendarUnit::Week => Span::new().days(7),
            CalendarUnit::Month => Span::new().months(1),
        };
        date.checked_add(span).unwrap_or(Date::MAX)
    }

    /// The start of the step that an instant is in, and that of the next.
    #[must_use]
    pub fn step(&self, instant: Timestamp) -> (Timestamp, Timestamp) {
        let date = self.date_of(instant);
        (self.start_of(date), self.start_of(self.next(date)))
    }
}

fn earlier(date: Date, span: Span) -> Date {
    date.checked_sub(span).unwrap_or(Date::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(zone: &str, unit: CalendarUnit, start_day: i8, instant: &str) -> (String, String) {
        let calendar = Calendar::new(
            Calendar::zone_named(Some(zone)).unwrap(),
            unit,
            MonthStartDay::new(start_day).unwrap(),
        );
        let (start, next) = calendar.step(instant.parse().unwrap());
        (start.to_string(), next.to_string())
    }

    #[test]
    fn steps_are_those_of_the_place() {
        use CalendarUnit::{Day, Month, Week};
        for (zone, unit, start_day, instant, start, next) in [
            (
                "UTC",
                Day,
                1,
                "2026-11-23T12:00:00Z",
                "2026-11-23T00:00:00Z",
                "2026-11-24T00:00:00Z",
            ),
            // Clocks are set back: a day of 25 hours; and forward: one of 23.
            (
                "Europe/Berlin",
                Day,
                1,
                "2026-10-25T12:00:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            (
                "Europe/Berlin",
                Day,
                1,
                "2026-03-28T23:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                "Asia/Kolkata",
                Day,
                1,
                "2026-11-23T18:29:59Z",
                "2026-11-22T18:30:00Z",
                "2026-11-23T18:30:00Z",
            ),
            // Clocks skipped midnight of 4 November 2018.
            (
                "America/Sao_Paulo",
                Day,
                1,
                "2018-11-04T12:00:00Z",
                "2018-11-04T03:00:00Z",
                "2018-11-05T02:00:00Z",
            ),
            (
                "Europe/Berlin",
                Week,
                1,
                "2026-11-29T22:59:59Z",
                "2026-11-22T23:00:00Z",
                "2026-11-29T23:00:00Z",
            ),
            (
                "Europe/Berlin",
                Month,
                1,
                "2026-10-31T22:59:59Z",
                "2026-09-30T22:00:00Z",
                "2026-10-31T23:00:00Z",
            ),
            (
                "UTC",
                Month,
                15,
                "2026-03-14T23:59:59Z",
                "2026-02-15T00:00:00Z",
                "2026-03-15T00:00:00Z",
            ),
            (
                "UTC",
                Month,
                28,
                "2024-03-01T00:00:00Z",
                "2024-02-28T00:00:00Z",
                "2024-03-28T00:00:00Z",
            ),
            (
                "UTC",
                Month,
                28,
                "2026-03-31T00:00:00Z",
                "2026-03-28T00:00:00Z",
                "2026-04-28T00:00:00Z",
            ),
        ] {
            assert_eq!(
                steps(zone, unit, start_day, instant),
                (start.to_owned(), next.to_owned()),
                "{zone} {unit} {instant}"
            );
        }
    }

    #[test]
    fn what_is_no_calendar_is_told() {
        assert_eq!(
            "year".parse::<CalendarUnit>().unwrap_err().to_string(),
            "unknown step `year`; allowed: day, week, month"
        );
        assert!(MonthStartDay::new(0).is_err() && MonthStartDay::new(29).is_err());
        let error = Calendar::zone_named(Some("Mars/Olympus")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("unknown time zone `Mars/Olympus`")
        );
    }
}
