//! Spans of time as people write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// What an end may look like, for messages.
const ALLOWED: &str = "now, today, yesterday, 15m or -15m (units s, m, h, d, w), \
                       2026-11-23, 2026-11-23 14:00, 2026-11-23T14:00:00Z, or Unix seconds";

/// Fewer Unix seconds (before March 1973) are more likely a number without its unit.
const LEAST_UNIX_SECONDS: f64 = 1e8;

/// A half-open span `[since, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimeRange {
    /// First instant inside.
    pub since: Timestamp,
    /// First instant after.
    pub until: Timestamp,
}

/// Why a text is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {message}")]
pub struct RangeError {
    /// `since` or `until`.
    pub parameter: &'static str,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl TimeRange {
    /// Parses two ends in the time zone of this machine; absent ends are 24 hours ago and now.
    ///
    /// An end is `now`, `today`, `yesterday` (their first instant), a time ago (`-15m`, `24h`,
    /// `7d`, `2w`; a day is 24 hours), a date or date and time, RFC 3339, or Unix seconds.
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

    fn parse_in(
        since: Option<&str>,
        until: Option<&str>,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<Self, RangeError> {
        let end = |parameter, text: Option<&str>, absent| match text {
            None => Ok(absent),
            Some(text) => {
                instant(text, now, zone).map_err(|message| RangeError { parameter, message })
            }
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
}

fn instant(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    let start_of_day = |days_ago: i64| {
        let date = zone
            .to_datetime(now)
            .date()
            .saturating_sub(SignedDuration::from_hours(24 * days_ago));
        local(date.to_datetime(jiff::civil::Time::midnight()), zone)
    };
    match text {
        "now" => return Ok(now),
        "today" => return start_of_day(0),
        "yesterday" => return start_of_day(1),
        _ => {}
    }
    if let Some(ago) = ago(text) {
        return ago
            .and_then(|ago| now.checked_sub(ago).ok())
            .ok_or_else(|| format!("`{text}` is longer ago than any calendar goes"));
    }
    if let Some(seconds) = unix_seconds(text) {
        return seconds;
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    match text.parse::<DateTime>() {
        Ok(civil) => local(civil, zone),
        Err(_) => Err(format!("`{text}` is no time; allowed: {ALLOWED}")),
    }
}

/// A local time that a clock change repeats is its first, one that it skips moves on by the gap.
fn local(civil: DateTime, zone: &TimeZone) -> Result<Timestamp, String> {
    zone.to_timestamp(civil)
        .map_err(|_beyond| format!("{civil} is beyond any calendar"))
}

/// `-15m`, `15m`: a time before now. The inner `None` is one that is too long.
fn ago(text: &str) -> Option<Option<SignedDuration>> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let unit = text.chars().next_back()?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = number.parse::<i64>().ok();
    Some(
        number
            .and_then(|number| number.checked_mul(seconds))
            .map(SignedDuration::from_secs),
    )
}

/// All digits, with or without a fraction.
fn unix_seconds(text: &str) -> Option<Result<Timestamp, String>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let approximate: f64 = text.parse().ok()?;
    if approximate < LEAST_UNIX_SECONDS {
        return Some(Err(format!(
            "`{text}` has no unit, and is too small for Unix seconds; write {whole}m for minutes"
        )));
    }
    // Nine digits are nanoseconds; an f64 would not hold them.
    let nanoseconds = format!("{fraction:0<9}")[..9].parse::<i32>().ok()?;
    let instant = whole
        .parse::<i64>()
        .ok()
        .and_then(|seconds| Timestamp::new(seconds, nanoseconds).ok());
    Some(instant.ok_or_else(|| {
        format!("`{text}` is beyond any calendar; Unix time is in seconds, not milliseconds")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T12:30:00Z";

    /// In a zone two hours east, so that local times are told from UTC.
    fn parse(since: Option<&str>, until: Option<&str>) -> Result<TimeRange, RangeError> {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        TimeRange::parse_in(since, until, NOW.parse().unwrap(), &zone)
    }

    #[test]
    fn every_allowed_form_is_the_instant_that_it_says() {
        for (text, expected) in [
            ("-15m", "2026-11-23T12:15:00Z"),
            ("15m", "2026-11-23T12:15:00Z"),
            ("90s", "2026-11-23T12:28:30Z"),
            ("24h", "2026-11-22T12:30:00Z"),
            ("7d", "2026-11-16T12:30:00Z"),
            ("-2w", "2026-11-09T12:30:00Z"),
            ("today", "2026-11-22T22:00:00Z"),
            ("yesterday", "2026-11-21T22:00:00Z"),
            ("2026-11-23", "2026-11-22T22:00:00Z"),
            ("2026-11-23 14:00", "2026-11-23T12:00:00Z"),
            ("2026-11-23T14:00:30", "2026-11-23T12:00:30Z"),
            ("2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"),
            ("2026-11-23T12:00:00+01:00", "2026-11-23T11:00:00Z"),
            (" 2026-11-23T12:00:00.5Z ", "2026-11-23T12:00:00.5Z"),
            ("1790000000", "2026-09-21T14:13:20Z"),
            ("1790000000.25", "2026-09-21T14:13:20.25Z"),
            ("1790000000.123456789123", "2026-09-21T14:13:20.123456789Z"),
        ] {
            let range = parse(Some(text), None).unwrap();
            assert_eq!(range.since.to_string(), expected, "{text}");
            assert_eq!(range.until.to_string(), NOW);
        }
    }

    #[test]
    fn absent_ends_are_a_day_ago_and_now() {
        let range = parse(None, None).unwrap();
        assert_eq!(range.since.to_string(), "2026-11-22T12:30:00Z");
        assert_eq!(range.until.to_string(), NOW);
    }

    #[test]
    fn errors_name_the_parameter_and_what_is_allowed() {
        let message = |since, until| parse(since, until).unwrap_err().to_string();
        assert_eq!(
            message(Some("soon"), None),
            "since: `soon` is no time; allowed: now, today, yesterday, 15m or -15m (units s, m, h, d, w), 2026-11-23, 2026-11-23 14:00, 2026-11-23T14:00:00Z, or Unix seconds"
        );
        assert_eq!(
            message(Some("15"), None),
            "since: `15` has no unit, and is too small for Unix seconds; write 15m for minutes"
        );
        assert_eq!(
            message(None, Some("1790000000000")),
            "until: `1790000000000` is beyond any calendar; Unix time is in seconds, not milliseconds"
        );
        assert_eq!(
            message(Some("now"), None),
            "since: 2026-11-23T12:30:00Z is not before until, which is 2026-11-23T12:30:00Z (now)"
        );
        assert_eq!(
            message(None, Some("2d")),
            "until: 2026-11-21T12:30:00Z is not after since, which is 2026-11-22T12:30:00Z (24 hours ago); give since too"
        );
    }

    #[test]
    fn absurd_numbers_are_errors_not_panics() {
        for text in [
            "99999999999999999999w",
            "9223372036854775807w",
            "-9999999999999s",
            "99999999999999999999999999999999",
            "1e400",
            "-",
            "m",
            "-m",
            "",
            "ä",
            "1790000000.",
            "--15m",
            "2026-13-01",
            "9999-12-31",
            "-9999-01-01",
            "2026-11-23T25:00:00Z",
        ] {
            let error = parse(Some(text), None).unwrap_err();
            assert_eq!(error.parameter, "since", "{text}");
        }
    }
}
