//! Which rows are walked for a question.

use rusqlite::{named_params, params_from_iter};

use super::super::Snapshot;
use super::super::plan::{Extent, Part};
use super::super::steps::Steps;
use crate::detail::Detail;
use crate::error::StoreError;
use crate::moment::{ceil_ms, floor_ms, from_ms};
use crate::query::{Sql, TimeRange};
use crate::tier::{KeptFrom, RolledUntil, Rows, Tier};

/// Rows to walk, and the condition on their windows or buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// All of a part.
    Part(Part),
    /// Windows that start before a range and reach into it.
    Reaching {
        /// No window that reaches into the range starts before this.
        earliest_ms: i64,
        since_ms: i64,
        until_ms: i64,
    },
}

impl Walk {
    pub(super) const fn rows(self) -> Rows {
        match self {
            Self::Part(Part { rows, .. }) => rows,
            Self::Reaching { .. } => Rows::Windows,
        }
    }

    /// Appends which windows `w`, or buckets of a column, are walked.
    pub(super) fn condition(self, bucket: &'static str, sql: &mut Sql) {
        match self {
            Self::Part(Part {
                rows,
                from_ms,
                until_ms,
            }) => {
                let (column, from, until) = match rows {
                    Rows::Windows => ("w.start_ms", from_ms, until_ms),
                    Rows::Tier(tier) => (bucket, tier.bucket(from_ms), tier.bucket(until_ms)),
                };
                sql.push(column)
                    .push(" >= ")
                    .bind(from)
                    .push(" AND ")
                    .push(column)
                    .push(" < ")
                    .bind(until);
            }
            Self::Reaching {
                earliest_ms,
                since_ms,
                until_ms,
            } => {
                sql.push("w.start_ms >= ")
                    .bind(earliest_ms)
                    .push(" AND w.start_ms < ")
                    .bind(since_ms.min(until_ms))
                    .push(" AND w.end_ms > ")
                    .bind(since_ms);
            }
        }
    }
}

pub(super) fn walks(
    snapshot: &Snapshot<'_>,
    range: TimeRange,
    (detail, most_rows): (Detail, i64),
    steps: Steps<'_>,
) -> Result<Vec<Walk>, StoreError> {
    let since_ms = floor_ms(range.since);
    let until_ms = ceil_ms(range.until);
    let longest_ms: Option<i64> = snapshot.ask(|file| {
        file.query_row(
            "SELECT max(end_ms - start_ms) FROM time_window",
            [],
            |row| row.get(0),
        )
    })?;
    let extent = Extent {
        telling: telling(snapshot, (since_ms, until_ms), detail, most_rows)?,
        rolled: snapshot.ask(RolledUntil::read)?,
        kept: snapshot.ask(KeptFrom::read)?,
    };
    let reaching = Walk::Reaching {
        earliest_ms: since_ms.saturating_sub(longest_ms.unwrap_or(0)),
        since_ms,
        until_ms,
    };
    let parts = extent.parts(since_ms, until_ms, steps);
    Ok([reaching]
        .into_iter()
        .chain(parts.into_iter().map(Walk::Part))
        .collect())
}

/// The tiers to answer from. A tier that has folded what is asked for is left out if the rows it was
/// made from are at most `most_rows`.
fn telling(
    snapshot: &Snapshot<'_>,
    (since_ms, until_ms): (i64, i64),
    detail: Detail,
    most_rows: i64,
) -> Result<Vec<Tier>, StoreError> {
    let mut telling = Tier::ALL.to_vec();
    if detail == Detail::NONE {
        return Ok(telling);
    }
    for tier in Tier::ALL.into_iter().rev() {
        let (is_folded, source_rows): (bool, i64) = snapshot.ask(|file| {
            file.query_row(
                "SELECT coalesce(max(folded & :detail), 0) > 0, coalesce(sum(source_rows), 0)
                   FROM tier_bucket
                  WHERE tier_id = :tier AND bucket BETWEEN :first AND :last",
                named_params! {
                    ":detail": detail.bits(),
                    ":tier": tier.id(),
                    ":first": tier.bucket(since_ms),
                    ":last": tier.bucket(until_ms),
                },
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })?;
        if !is_folded {
            continue;
        }
        if source_rows > most_rows {
            break;
        }
        telling.retain(|candidate| *candidate != tier);
    }
    Ok(telling)
}

/// The range used: that of everything walked, but not less than was asked for.
pub(super) fn rounded(
    snapshot: &Snapshot<'_>,
    TimeRange {
        mut since,
        mut until,
    }: TimeRange,
    walks: &[Walk],
) -> Result<TimeRange, StoreError> {
    for walk in walks {
        let mut sql = Sql::default();
        sql.push(match walk.rows() {
            Rows::Windows => "SELECT min(w.start_ms), max(w.end_ms) FROM time_window w WHERE ",
            Rows::Tier(_) => "SELECT min(f.first_ms), max(f.last_ms) FROM tier_bucket f WHERE ",
        });
        if let Rows::Tier(tier) = walk.rows() {
            sql.push("f.tier_id = ").bind(tier.id()).push(" AND ");
        }
        walk.condition("f.bucket", &mut sql);
        let (first, last): (Option<i64>, Option<i64>) = snapshot.ask(|file| {
            file.query_row(&sql.text, params_from_iter(&sql.values), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        })?;
        since = first.map_or(since, |first| since.min(from_ms(first)));
        until = last.map_or(until, |last| until.max(from_ms(last)));
    }
    Ok(TimeRange { since, until })
}
