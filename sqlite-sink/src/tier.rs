//! The tiers: minutes, hours, days and months (UTC) that windows are rolled up into.
//!
//! A window counts, as a whole, in the bucket that it starts in. So the windows that start in a
//! range are those of the buckets inside it and of its two edges, whatever their lengths.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::{Connection, Result};

use crate::moment::{floor_ms, from_ms};

/// A length of buckets, finest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    Minute,
    Hour,
    Day,
    Month,
}

impl Tier {
    /// All, finest first.
    pub(crate) const ALL: [Self; 4] = [Self::Minute, Self::Hour, Self::Day, Self::Month];

    /// Its number in the table `tier`.
    pub(crate) const fn id(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Hour => 2,
            Self::Day => 3,
            Self::Month => 4,
        }
    }

    /// The table of its rows.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Minute => "minute_usage",
            Self::Hour => "hour_usage",
            Self::Day => "day_usage",
            Self::Month => "month_usage",
        }
    }

    /// The table of what each process moved in its buckets by each protocol, whatever the remotes and
    /// ports; minutes have none.
    pub(crate) const fn sum_table(self) -> Option<&'static str> {
        match self {
            Self::Minute => None,
            Self::Hour => Some("hour_sum"),
            Self::Day => Some("day_sum"),
            Self::Month => Some("month_sum"),
        }
    }

    /// The tier that it is rolled up from; the finest is made from windows.
    pub(crate) const fn finer(self) -> Option<Self> {
        match self {
            Self::Minute => None,
            Self::Hour => Some(Self::Minute),
            Self::Day => Some(Self::Hour),
            Self::Month => Some(Self::Day),
        }
    }

    /// Whether processes that are alike are one in it: it is kept for so long that those that lived
    /// for a moment would fill the file.
    pub(crate) const fn folds_processes(self) -> bool {
        match self {
            Self::Minute | Self::Hour => false,
            Self::Day | Self::Month => true,
        }
    }

    const fn length(self) -> Length {
        match self {
            Self::Minute => Length::Milliseconds(60_000),
            Self::Hour => Length::Milliseconds(3_600_000),
            Self::Day => Length::Milliseconds(86_400_000),
            Self::Month => Length::Month,
        }
    }

    /// The number of the bucket that an instant is in.
    pub(crate) fn bucket(self, ms: i64) -> i64 {
        match self.length() {
            Length::Milliseconds(length_ms) => ms.div_euclid(length_ms),
            Length::Month => {
                let date = TimeZone::UTC.to_datetime(from_ms(ms)).date();
                (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1
            }
        }
    }

    /// The first millisecond of a bucket; the next begins where it ends.
    pub(crate) fn start_ms(self, bucket: i64) -> i64 {
        match self.length() {
            Length::Milliseconds(length_ms) => bucket.saturating_mul(length_ms),
            Length::Month => first_of_month_ms(bucket),
        }
    }

    /// The last start of a bucket that is not after an instant.
    pub(crate) fn floor(self, ms: i64) -> i64 {
        self.start_ms(self.bucket(ms))
    }

    /// The first start of a bucket that is not before an instant.
    pub(crate) fn ceil(self, ms: i64) -> i64 {
        let floor_ms = self.floor(ms);
        if floor_ms == ms {
            ms
        } else {
            self.start_ms(self.bucket(ms) + 1)
        }
    }

    /// Whether each bucket is within one of the steps that are so long and begin at multiples of it
    /// since 1970.
    pub(crate) const fn divides(self, step_ms: i64) -> bool {
        match self.length() {
            Length::Milliseconds(length_ms) => step_ms % length_ms == 0,
            Length::Month => false,
        }
    }
}

/// How long the buckets of a tier are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// All are: bucket number n begins n lengths after 1970.
    Milliseconds(i64),
    /// That of a calendar month of UTC: bucket number n is the month n months after January 1970.
    Month,
}

/// Start of a month, by its number since January 1970; what no calendar knows becomes the nearest
/// instant that one does.
fn first_of_month_ms(number: i64) -> i64 {
    let year = i16::try_from(number.div_euclid(12) + 1970);
    let month = i8::try_from(number.rem_euclid(12) + 1).expect("a remainder of 12 is below 12");
    let start = year
        .ok()
        .and_then(|year| Date::new(year, month, 1).ok())
        .and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
    match start {
        Some(start) => floor_ms(start),
        None if number < 0 => floor_ms(jiff::Timestamp::MIN),
        None => floor_ms(jiff::Timestamp::MAX),
    }
}

/// Where rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rows {
    /// Those of windows.
    Windows,
    /// Those of buckets.
    Tier(Tier),
}

impl Rows {
    /// All, finest first.
    pub(crate) const ALL: [Self; 5] = [
        Self::Windows,
        Self::Tier(Tier::Minute),
        Self::Tier(Tier::Hour),
        Self::Tier(Tier::Day),
        Self::Tier(Tier::Month),
    ];

    /// Its number in the table `tier`.
    pub(crate) const fn id(self) -> i64 {
        match self {
            Self::Windows => 0,
            Self::Tier(tier) => tier.id(),
        }
    }

    /// For answers.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Tier(Tier::Minute) => "minutes",
            Self::Tier(Tier::Hour) => "hours",
            Self::Tier(Tier::Day) => "days",
            Self::Tier(Tier::Month) => "months",
        }
    }

    /// Start of a window, which is told by it, or of a bucket, which is told by its number.
    pub(crate) fn start_ms(self, told: i64) -> i64 {
        match self {
            Self::Windows => told,
            Self::Tier(tier) => tier.start_ms(told),
        }
    }

    /// The tier that is rolled up from it.
    pub(crate) const fn coarser(self) -> Option<Tier> {
        match self {
            Self::Windows => Some(Tier::Minute),
            Self::Tier(Tier::Minute) => Some(Tier::Hour),
            Self::Tier(Tier::Hour) => Some(Tier::Day),
            Self::Tier(Tier::Day) => Some(Tier::Month),
            Self::Tier(Tier::Month) => None,
        }
    }
}

/// How far back rows are complete: all that belong to a time from here on are there. It is the
/// start of a bucket of the next coarser tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptFrom([Option<i64>; Rows::ALL.len()]);

impl KeptFrom {
    /// As the file says.
    pub(crate) fn read(file: &Connection) -> Result<Self> {
        let mut statement = file.prepare_cached("SELECT kept_from_ms FROM tier WHERE id = ?")?;
        let mut kept = Self::default();
        for (kept, rows) in kept.0.iter_mut().zip(Rows::ALL) {
            *kept = statement.query_row([rows.id()], |row| row.get(0))?;
        }
        Ok(kept)
    }

    /// None as long as all are there.
    pub(crate) const fn of(&self, rows: Rows) -> Option<i64> {
        match rows {
            Rows::Windows => self.0[0],
            Rows::Tier(tier) => self.0[tier as usize + 1],
        }
    }

    /// The finest rows that are there for an instant.
    pub(crate) fn finest(&self, ms: i64) -> Rows {
        Rows::ALL
            .into_iter()
            .find(|rows| self.of(*rows).is_none_or(|from_ms| from_ms <= ms))
            .unwrap_or(Rows::Tier(Tier::Month))
    }

    /// The same with less of one.
    #[cfg(test)]
    pub(crate) fn with(mut self, rows: Rows, from_ms: i64) -> Self {
        self.0[usize::try_from(rows.id()).unwrap()] = Some(from_ms);
        self
    }
}

/// How far each tier is complete: every window that starts before is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RolledUntil([Option<i64>; Tier::ALL.len()]);

impl RolledUntil {
    /// As the file says.
    pub(crate) fn read(file: &Connection) -> Result<Self> {
        let mut statement = file.prepare_cached("SELECT rolled_until_ms FROM tier WHERE id = ?")?;
        let mut rolled = Self::default();
        for tier in Tier::ALL {
            rolled.0[tier as usize] = statement.query_row([tier.id()], |row| row.get(0))?;
        }
        Ok(rolled)
    }

    /// None as long as nothing is in it.
    pub(crate) const fn of(&self, tier: Tier) -> Option<i64> {
        self.0[tier as usize]
    }

    /// The same with one tier moved on.
    #[cfg(test)]
    pub(crate) const fn with(mut self, tier: Tier, until_ms: i64) -> Self {
        self.0[tier as usize] = Some(until_ms);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn buckets_meet_before_1970_too() {
        for tier in Tier::ALL {
            for ms in [
                -90 * DAY,
                -60_001,
                -60_000,
                -1,
                0,
                1,
                59_999,
                60_000,
                20_000 * DAY,
            ] {
                let (floor, bucket) = (tier.floor(ms), tier.bucket(ms));
                let next = tier.start_ms(bucket + 1);
                assert!(floor <= ms && ms < next, "{tier:?} {ms}");
                assert_eq!(
                    (tier.bucket(floor), tier.bucket(next)),
                    (bucket, bucket + 1)
                );
                assert_eq!(tier.ceil(ms), if ms == floor { ms } else { next });
            }
        }
    }

    #[test]
    fn a_bucket_is_made_of_whole_finer_ones() {
        for tier in Tier::ALL {
            let Some(finer) = tier.finer() else {
                continue;
            };
            for bucket in [-700, -1, 0, 1, 25, 680] {
                let start_ms = tier.start_ms(bucket);
                assert_eq!(finer.floor(start_ms), start_ms, "{tier:?} {bucket}");
            }
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for (instant, bucket, start) in [
            ("1969-12-31T23:59:59Z", -1, "1969-12-01T00:00:00Z"),
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            ("2024-02-29T12:00:00Z", 649, "2024-02-01T00:00:00Z"),
            ("2026-11-30T23:59:59Z", 682, "2026-11-01T00:00:00Z"),
        ] {
            let ms = floor_ms(instant.parse().unwrap());
            assert_eq!(Tier::Month.bucket(ms), bucket, "{instant}");
            assert_eq!(from_ms(Tier::Month.floor(ms)).to_string(), start);
        }
    }

    #[test]
    fn no_instant_is_beyond_the_calendar() {
        for ms in [i64::MIN, i64::MIN / 2, i64::MAX] {
            let month = Tier::Month.bucket(ms);
            assert_eq!(Tier::Month.start_ms(month).signum(), ms.signum());
        }
        assert_eq!(
            Tier::Month.start_ms(i64::MIN),
            floor_ms(jiff::Timestamp::MIN)
        );
    }
}
