//! Instants as people write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::calendar::{Period, period};

/// What an instant may look like, for messages.
const ALLOWED: &str = "now, 15m or -15m (units s, m, h, d, w), today, yesterday, week, month, year \
                       (their first instant), 2026-11, 2026-11-23, 2026-11-23 14:00, \
                       2026-11-23T14:00:00Z, or Unix seconds";

/// Fewer Unix seconds (before March 1973) are more likely a number without its unit.
const LEAST_UNIX_SECONDS: f64 = 1e8;

/// Reads an instant. A period is its first one.
pub(super) fn instant(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(now);
    }
    if let Some(ago) = ago(text) {
        return ago
            .and_then(|ago| now.checked_sub(ago).ok())
            .ok_or_else(|| format!("`{text}` is longer ago than any calendar goes"));
    }
    if let Some(period) = period(text, now, zone) {
        return period.map(|Period { start, .. }| start);
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
pub(super) fn local(civil: DateTime, zone: &TimeZone) -> Result<Timestamp, String> {
    zone.to_timestamp(civil)
        .map_err(|_beyond| format!("{civil} is beyond any calendar"))
}

/// `-15m`, `15m`: a time before now. The inner `None` is one that is too long.
pub(super) fn ago(text: &str) -> Option<Option<SignedDuration>> {
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
