//! The tiers: minutes, hours and days (UTC) that windows are rolled up into.
//!
//! A window counts, as a whole, in the bucket that it starts in. So the windows that start in a
//! range are those of the buckets inside it and of its two edges, whatever their lengths.

use rusqlite::{Connection, Result};

/// A length of buckets, finest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    Minute,
    Hour,
    Day,
}

impl Tier {
    /// All, finest first.
    pub(crate) const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Its number in the table `tier`.
    pub(crate) const fn id(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Hour => 2,
            Self::Day => 3,
        }
    }

    /// The table of its rows.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Minute => "minute_usage",
            Self::Hour => "hour_usage",
            Self::Day => "day_usage",
        }
    }

    /// How long a bucket is.
    pub(crate) const fn length_ms(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// The tier that it is rolled up from; the finest is made from windows.
    pub(crate) const fn finer(self) -> Option<Self> {
        match self {
            Self::Minute => None,
            Self::Hour => Some(Self::Minute),
            Self::Day => Some(Self::Hour),
        }
    }

    /// The number of the bucket that an instant is in.
    pub(crate) const fn bucket(self, ms: i64) -> i64 {
        ms.div_euclid(self.length_ms())
    }

    /// The last start of a bucket that is not after an instant.
    pub(crate) const fn floor(self, ms: i64) -> i64 {
        self.bucket(ms) * self.length_ms()
    }

    /// The first start of a bucket that is not before an instant.
    pub(crate) const fn ceil(self, ms: i64) -> i64 {
        self.floor(ms + self.length_ms() - 1)
    }
}

/// Where rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Those of windows.
    Windows,
    /// Those of buckets.
    Tier(Tier),
}

impl Rows {
    /// All, finest first.
    pub(crate) const ALL: [Self; 4] = [
        Self::Windows,
        Self::Tier(Tier::Minute),
        Self::Tier(Tier::Hour),
        Self::Tier(Tier::Day),
    ];

    /// Its number in the table `tier`.
    pub(crate) const fn id(self) -> i64 {
        match self {
            Self::Windows => 0,
            Self::Tier(tier) => tier.id(),
        }
    }

    /// The tier that is rolled up from it.
    pub(crate) const fn coarser(self) -> Option<Tier> {
        match self {
            Self::Windows => Some(Tier::Minute),
            Self::Tier(Tier::Minute) => Some(Tier::Hour),
            Self::Tier(Tier::Hour) => Some(Tier::Day),
            Self::Tier(Tier::Day) => None,
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
            .unwrap_or(Rows::Tier(Tier::Day))
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

    #[test]
    fn buckets_meet_before_1970_too() {
        for ms in [-60_001, -60_000, -1, 0, 1, 59_999, 60_000] {
            let floor = Tier::Minute.floor(ms);
            assert!(floor <= ms && ms < floor + 60_000, "{ms}");
            assert_eq!(Tier::Minute.bucket(floor), Tier::Minute.bucket(ms));
            assert_eq!(
                Tier::Minute.ceil(ms) - floor,
                if ms == floor { 0 } else { 60_000 }
            );
        }
    }

    #[test]
    fn a_bucket_is_made_of_whole_finer_ones() {
        for tier in Tier::ALL {
            let finer_ms = tier.finer().map_or(1, Tier::length_ms);
            assert_eq!(tier.length_ms() % finer_ms, 0);
        }
    }
}
