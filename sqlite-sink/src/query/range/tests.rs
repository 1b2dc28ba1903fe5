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
        ("week", "2026-11-22T22:00:00Z"),
        ("last month", "2026-09-30T22:00:00Z"),
        ("2026", "2025-12-31T22:00:00Z"),
        ("2026-11", "2026-10-31T22:00:00Z"),
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
        "since: `soon` is no time; allowed: now, 15m or -15m (units s, m, h, d, w), today, yesterday, week, month, year (their first instant), 2026-11, 2026-11-23, 2026-11-23 14:00, 2026-11-23T14:00:00Z, or Unix seconds"
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

/// Clocks go forward on the last Sunday of March at 2:00, back on that of October at 3:00.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

#[track_caller]
fn named(text: &str, now: &str) -> (String, String) {
    let TimeRange { since, until } =
        TimeRange::named(text, now.parse().unwrap(), &berlin()).unwrap();
    (since.to_string(), until.to_string())
}

#[test]
fn a_period_is_that_of_the_zone_and_ends_now_if_it_is_not_over() {
    const NOON: &str = "2026-11-26T12:00:00Z";
    for (text, since, until) in [
        ("today", "2026-11-25T23:00:00Z", NOON),
        ("Yesterday", "2026-11-24T23:00:00Z", "2026-11-25T23:00:00Z"),
        ("week", "2026-11-22T23:00:00Z", NOON),
        ("this-week", "2026-11-22T23:00:00Z", NOON),
        ("last week", "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"),
        ("month", "2026-10-31T23:00:00Z", NOON),
        ("last-month", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
        ("year", "2025-12-31T23:00:00Z", NOON),
        ("last_year", "2024-12-31T23:00:00Z", "2025-12-31T23:00:00Z"),
        ("last 24h", "2026-11-25T12:00:00Z", NOON),
        ("last-7d", "2026-11-19T12:00:00Z", NOON),
        (" 90m ", "2026-11-26T10:30:00Z", NOON),
        ("-90m", "2026-11-26T10:30:00Z", NOON),
        ("2025", "2024-12-31T23:00:00Z", "2025-12-31T23:00:00Z"),
        ("2026-10", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
        ("2026-11", "2026-10-31T23:00:00Z", NOON),
        ("2026-10-03", "2026-10-02T22:00:00Z", "2026-10-03T22:00:00Z"),
    ] {
        assert_eq!(named(text, NOON), (since.into(), until.into()), "{text}");
    }
}

#[test]
fn days_and_months_have_the_hours_that_the_clocks_give_them() {
    for (text, hours) in [
        ("2026-03-28", 24),
        ("2026-03-29", 23),
        ("2026-10-25", 25),
        ("2026-03", 31 * 24 - 1),
        ("2026-10", 31 * 24 + 1),
        ("2024-02", 29 * 24),
        ("2025", 365 * 24),
    ] {
        let now = "2026-11-26T12:00:00Z".parse().unwrap();
        let TimeRange { since, until } = TimeRange::named(text, now, &berlin()).unwrap();
        assert_eq!(until.duration_since(since).as_hours(), hours, "{text}");
    }
    // In the hour that comes twice, and on the Sunday before a Monday.
    assert_eq!(
        named("today", "2026-10-25T01:30:00Z").0,
        "2026-10-24T22:00:00Z"
    );
    assert_eq!(
        named("week", "2026-03-29T12:00:00Z").0,
        "2026-03-22T23:00:00Z"
    );
}

#[test]
fn what_is_no_period_is_told_what_is_allowed() {
    let message = |text: &str| {
        let now = NOW.parse().unwrap();
        let error = TimeRange::named(text, now, &TimeZone::UTC).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        message("fortnight"),
        "range: `fortnight` is no range; allowed: today, yesterday, week, month, year, last week, \
         last month, last year, last 24h (units s, m, h, d, w), 2026, 2026-11, 2026-11-23"
    );
    assert_eq!(message("2026-13"), "range: `2026-13` is in no calendar");
    assert_eq!(
        message("2027"),
        "range: `2027` begins at 2027-01-01T00:00:00Z, after now"
    );
    for text in [
        "",
        "last",
        "last soon",
        "last 99999999999999999w",
        "15",
        "1500",
        "9999-12-31",
    ] {
        assert!(message(text).starts_with("range: "), "{text}");
    }
}
