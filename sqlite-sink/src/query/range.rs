//! Spans of time as people write them.

mod calendar;
mod instant;
#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use calendar::{ALLOWED, Period, period};
use instant::{ago, instant};

/// A half-open span `[since, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimeRange {
    /// First instant inside.
    #[schemars(with = "crate::query::json::Instant")]
    pub since: Timestamp,
    /// First instant after.
    #[schemars(with = "crate::query::json::Instant")]
    pub until: Timestamp,
}

/// Why a text is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {message}")]
pub struct RangeError {
    /// `since`, `until` or `range`.
    pub parameter: &'static str,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl TimeRange {
    /// Parses two ends in the time zone of this machine, as [`parse_in`](Self::parse_in) does.
    ///
    /// # Errors
    /// Says which end cannot be read, or that the span is empty.
    pub fn parse(
        since: Option<&str>,
        until: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, RangeError> {
        Self::parse_in(since, until, now, &TimeZone::system())
    }

    /// Parses two ends; absent ends are 24 hours ago and now.
    ///
    /// An end is `now`, a time ago (`-15m`, `24h`, `7d`, `2w`; a day is 24 hours), the first instant
    /// of a period (`today`, `yesterday`, `week`, `month`, `year`, `last month`, `2026`, `2026-11`,
    /// `2026-11-23`), a date and time, RFC 3339, or Unix seconds. Dates and days are those of the
    /// zone.
    ///
    /// # Errors
    /// Says which end cannot be read, or that the span is empty.
    pub fn parse_in(
        since: Option<&str>,
        until: Option<&str>,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<Self, RangeError> {
        let end = |parameter, text: Option<&str>, absent| match text {
            None => Ok(absent),
            Some(text) => Self::end(parameter, text, now, zone),
        };
        let day_ago = now
            .checked_sub(SignedDuration::from_hours(24))
            .unwrap_or(Timestamp::MIN);
        let range = Self {
            since: end("since", since, day_ago)?,
            until: end("until", until, now)?,
        };
        if range.since < range.until {
            return Ok(range);
        }
        let Self {
            since: from,
            until: to,
        } = range;
        Err(if since.is_some() {
            let default = if until.is_some() { "" } else { " (now)" };
            RangeError {
                parameter: "since",
                message: format!("{from} is not before until, which is {to}{default}"),
            }
        } else {
            RangeError {
                parameter: "until",
                message: format!(
                    "{to} is not after since, which is {from} (24 hours ago); give since too"
                ),
            }
        })
    }

    /// Parses one end, in the forms of [`parse_in`](Self::parse_in).
    ///
    /// # Errors
    /// Says what is allowed; `parameter` is who is to blame.
    pub fn end(
        parameter: &'static str,
        text: &str,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<Timestamp, RangeError> {
        instant(text, now, zone).map_err(|message| RangeError { parameter, message })
    }

    /// Parses the name of a period in a zone: `today`, `yesterday`, `week` (from Monday), `month`,
    /// `year`, each also with `last` before it, `last 24h` or `24h`, `2026`, `2026-11`,
    /// `2026-11-23`. One that is not over ends now.
    ///
    /// # Errors
    /// Says what is allowed, or that the period has not begun.
    pub fn named(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Self, RangeError> {
        let named = match ago(text.trim()) {
            Some(_) => period(&format!("last {}", text.trim()), now, zone),
            None => period(text, now, zone),
        };
        let refused = |message| RangeError {
            parameter: "range",
            message,
        };
        let Period { start, end } = named
            .unwrap_or_else(|| Err(format!("`{text}` is no range; allowed: {ALLOWED}")))
            .map_err(refused)?;
        if start >= now {
            return Err(refused(format!("`{text}` begins at {start}, after now")));
        }
        Ok(Self {
            since: start,
            until: end.min(now),
        })
    }
}
