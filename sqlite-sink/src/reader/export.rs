//! Everything that is stored, row by row, each byte once: of every time the finest rows that are
//! left of it.

mod losses;
mod rows;
#[cfg(test)]
pub(super) mod tests;

use jiff::Timestamp;
use rusqlite::{Connection, Result as Sqlite, params_from_iter};
use serde::Serialize;
use serde_json::Value;

use super::{Reader, Snapshot};
use crate::error::StoreError;
use crate::moment::{ceil_ms, from_ms};
use crate::query::{Filter, Sql};
use crate::tier::{KeptFrom, Rows};
use losses::losses;
use rows::rows;

/// What to export.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportQuery {
    /// Windows that start from here on.
    pub since: Option<Timestamp>,
    /// Windows that start before.
    pub until: Option<Timestamp>,
    /// Only rows of which this is true; then losses, which are everybody's, are left out.
    pub filter: Option<Filter>,
}

/// A part of an export, in the order that they come: one `Begin`, rows, losses, one `End`.
#[derive(Clone, Debug)]
pub enum ExportRecord<'r> {
    /// What follows.
    Begin(&'r ExportBegin),
    /// What a flow moved.
    Usage {
        /// `window`, `minute`, `hour`, `day`, and so on.
        tier: &'r str,
        /// A value for each of the columns.
        values: &'r [Value],
    },
    /// What was not counted, or not fully.
    Loss(&'r ExportLoss),
    /// Nothing follows.
    End(ExportEnd),
}

/// What an export holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExportBegin {
    /// The columns of its rows: those of the view `usage`.
    pub columns: Vec<String>,
    /// End of the newest window that it can hold.
    pub flushed_until: Option<Timestamp>,
    /// How many rows come, unless a filter decides.
    #[serde(skip)]
    pub rows: Option<u64>,
}

/// What the history does not show of a window, or of a day whose windows are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportLoss {
    /// `window` or `day`.
    pub tier: &'static str,
    /// Start of the window or day.
    pub window_start: String,
    /// Its end.
    pub window_end: String,
    /// Name of the counter.
    pub reason: String,
    /// How often.
    pub events: u64,
    /// Bytes that were sent.
    pub sent_bytes: u64,
    /// Bytes that were received.
    pub received_bytes: u64,
}

/// How much an export has held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExportEnd {
    /// Rows of usage.
    pub rows: u64,
    /// Losses.
    pub losses: u64,
}

/// Rows of one tier, those that start in `[from_ms, until_ms)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    rows: Rows,
    from_ms: i64,
    until_ms: i64,
}

impl Reader {
    /// Hands everything that matches to `each`, in the state of one moment, with little memory. A
    /// row of a bucket has the extent of the windows in it, not of the bucket.
    ///
    /// # Errors
    /// The database could not be read, or what `each` returns.
    pub fn export<E: From<StoreError>>(
        &self,
        query: &ExportQuery,
        mut each: impl FnMut(ExportRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let snapshot = self.snapshot()?;
        let ExportQuery {
            since,
            until,
            filter,
        } = query;
        let from_ms = ceil_ms(since.unwrap_or(Timestamp::MIN));
        let until_ms = ceil_ms(until.unwrap_or(Timestamp::MAX));
        let segments = segments(snapshot.ask(KeptFrom::read)?, from_ms, until_ms);
        let columns = snapshot.ask(columns)?;
        let begin = ExportBegin {
            flushed_until: snapshot
                .flushed_until()?
                .map(|flushed| until.map_or(flushed, |until| flushed.min(until))),
            rows: match filter {
                Some(_) => None,
                None => Some(count(&snapshot, &segments)?),
            },
            columns,
        };
        each(ExportRecord::Begin(&begin))?;
        let mut end = ExportEnd::default();
        for segment in segments {
            let tier = snapshot.ask(|file| tier_name(file, segment.rows))?;
            let mut usage = |values: &[Value]| {
                end.rows += 1;
                each(ExportRecord::Usage {
                    tier: &tier,
                    values,
                })
            };
            rows(
                &snapshot,
                &begin.columns,
                segment,
                filter.as_ref(),
                &mut usage,
            )?;
        }
        if filter.is_none() {
            losses(&snapshot, (from_ms, until_ms), |loss| {
                end.losses += 1;
                each(ExportRecord::Loss(loss))
            })?;
        }
        each(ExportRecord::End(end))
    }
}

/// Cuts a time into what each tier has to tell of it, the coarsest first: that is the order of time.
fn segments(kept: KeptFrom, from_ms: i64, until_ms: i64) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut finer_from_ms = until_ms;
    for rows in Rows::ALL {
        let kept_ms = kept.of(rows).unwrap_or(i64::MIN).max(from_ms);
        if kept_ms < finer_from_ms {
            segments.push(Segment {
                rows,
                from_ms: kept_ms,
                until_ms: finer_from_ms,
            });
            finer_from_ms = kept_ms;
        }
    }
    segments.reverse();
    segments
}

fn columns(file: &Connection) -> Sqlite<Vec<String>> {
    let mut statement = file.prepare("SELECT name FROM pragma_table_info('usage')")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn tier_name(file: &Connection, rows: Rows) -> Sqlite<String> {
    file.query_row("SELECT name FROM tier WHERE id = ?", [rows.id()], |row| {
        row.get(0)
    })
}

impl Segment {
    /// Appends which windows `w`, or buckets of `f`, are in it.
    fn condition(self, sql: &mut Sql) {
        let Self {
            rows,
            from_ms,
            until_ms,
        } = self;
        let (column, from, until) = match rows {
            Rows::Windows => ("w.start_ms", from_ms, until_ms),
            Rows::Tier(tier) => (
                "f.bucket",
                tier.bucket(tier.ceil(from_ms)),
                tier.bucket(tier.ceil(until_ms)),
            ),
        };
        sql.push(column).push(" >= ").bind(from).push(" AND ");
        sql.push(column).push(" < ").bind(until);
    }
}

fn count(snapshot: &Snapshot<'_>, segments: &[Segment]) -> Result<u64, StoreError> {
    let mut count = 0;
    for segment in segments {
        let mut sql = Sql::default();
        match segment.rows {
            Rows::Windows => sql.push(
                "SELECT count(*) FROM time_window w CROSS JOIN flow_usage f ON f.window_id = w.id",
            ),
            Rows::Tier(tier) => sql
                .push("SELECT count(*) FROM ")
                .push(tier.table())
                .push(" f"),
        };
        segment.condition(sql.push(" WHERE "));
        let rows: i64 = snapshot.ask(|file| {
            file.query_row(&sql.text, params_from_iter(&sql.values), |row| row.get(0))
        })?;
        count += rows.unsigned_abs();
    }
    Ok(count)
}

/// As the views show it: RFC 3339 with milliseconds.
fn shown(milliseconds: i64) -> String {
    format!("{:.3}", from_ms(milliseconds))
}
