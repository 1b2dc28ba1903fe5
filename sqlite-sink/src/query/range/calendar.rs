//! Periods of the calendar, and of the clock, as people name them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan as _};

use super::instant::{ago, local};

/// What a period may be called, for messages.
pub(super) const ALLOWED: &str = "today, yesterday, week, month, year, last week, last month, \
                                  last year, last 24h (units s, m, h, d, w), 2026, 2026-11, \
                                  2026-11-23";

/// From the first to after the last instant, which may not have come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

/// Reads the name of a period; none if it is none.
pub(super) fn period(
    text: &str,
    now: Timestamp,
    zone: &TimeZone,
) -> Option<Result<Period, String>> {
    let words = text.trim().to_lowercase();
    let words: Vec<&str> = words
        .split([' ', '_'])
        .filter(|word| !word.is_empty())
        .collect();
    let words = words.join(" ");
    // `last-24h` is `last 24h`; hyphens of dates and of `-24h` stay.
    let words = match words.strip_prefix("last-").or(words.strip_prefix("this-")) {
        Some(rest) => format!("{} {rest}", &words[..4]),
        None => words,
    };
    let today = zone.to_datetime(now).date();
    let days = |from: Option<Date>, length: Span| Some(days(from, length, zone, text));
    let week = || today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days());
    match words.as_str() {
        "today" => days(Some(today), 1.day()),
        "yesterday" => days(today.yesterday().ok(), 1.day()),
        "week" | "this week" => days(week().ok(), 1.week()),
        "last week" => days(
            week().and_then(|monday| monday.checked_sub(1.week())).ok(),
            1.week(),
        ),
        "month" | "this month" => days(Some(today.first_of_month()), 1.month()),
        "last month" => days(
            today.first_of_month().checked_sub(1.month()).ok(),
            1.month(),
        ),
        "year" | "this year" => days(Some(today.first_of_year()), 1.year()),
        "last year" => days(today.first_of_year().checked_sub(1.year()).ok(), 1.year()),
        words => match words.strip_prefix("last ") {
            Some(length) => Some(last(ago(length)?, now, text)),
            None => dated(words, zone, text),
        },
    }
}

/// `2026`, `2026-11`, `2026-11-23`.
fn dated(words: &str, zone: &TimeZone, text: &str) -> Option<Result<Period, String>> {
    let parts: Vec<&str> = words.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    if !words
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        return None;
    }
    let number = |index: usize| parts.get(index)?.parse::<i16>().ok();
    let date = |month: Option<i16>, day: Option<i16>| {
        let month = i8::try_from(month?).ok()?;
        Date::new(number(0)?, month, i8::try_from(day?).ok()?).ok()
    };
    let (from, length) = match lengths.as_slice() {
        // Other numbers of four digits are more likely ones without their unit.
        [4] if (1970..3000).contains(&number(0)?) => (date(Some(1), Some(1)), 1.year()),
        [4, 2] => (date(number(1), Some(1)), 1.month()),
        [4, 2, 2] => (date(number(1), number(2)), 1.day()),
        _ => return None,
    };
    Some(days(from, length, zone, text))
}

/// Whole days from a midnight to a midnight of the zone.
fn days(from: Option<Date>, length: Span, zone: &TimeZone, text: &str) -> Result<Period, String> {
    let from = from.ok_or_else(|| format!("`{text}` is in no calendar"))?;
    let midnight = |date: Date| local(DateTime::from_parts(date, Time::midnight()), zone);
    let after = from
        .checked_add(length)
        .map_err(|_beyond| format!("`{text}` is beyond any calendar"))?;
    Ok(Period {
        start: midnight(from)?,
        end: midnight(after)?,
    })
}

fn last(ago: Option<SignedDuration>, now: Timestamp, text: &str) -> Result<Period, String> {
    let start = ago
        .and_then(|ago| now.checked_sub(ago).ok())
        .ok_or_else(|| format!("`{text}` is longer ago than any calendar goes"))?;
    Ok(Period { start, end: now })
}
