//! Everything that is stored, row by row, each byte once: of every time the finest rows that are
//! left of it.

#[cfg(test)]
pub(super) mod tests;

use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result as Sqlite, Row, named_params, params_from_iter};
use serde::Serialize;
use serde_json::Value;

use super::{READING, Reader, Snapshot};
use crate::error::StoreError;
use crate::moment::{ceil_ms, from_ms};
use crate::query::{Filter, Sql};
use crate::tier::{KeptFrom, Rows, Tier};

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

/// Hands over the rows of a segment in the order of time, with the columns of the view.
fn rows<E: From<StoreError>>(
    snapshot: &Snapshot<'_>,
    columns: &[String],
    segment: Segment,
    filter: Option<&Filter>,
    each: &mut impl FnMut(&[Value]) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |source| StoreError::statement(snapshot.path, READING, source);
    let sql = snapshot.ask(|file| statement(file, columns, segment, filter))?;
    let file = &snapshot.transaction;
    let mut statement = file.prepare(&sql.text).map_err(failed)?;
    let mut rows = statement
        .query(params_from_iter(&sql.values))
        .map_err(failed)?;
    let mut values = Vec::with_capacity(columns.len());
    let mut extent: Option<Extent> = None;
    while let Some(row) = rows.next().map_err(failed)? {
        read(row, columns.len(), &mut values).map_err(failed)?;
        if let Rows::Tier(tier) = segment.rows {
            let bucket = row.get(0).map_err(failed)?;
            let known = extent.take().filter(|extent| extent.bucket == bucket);
            let extent = extent.insert(match known {
                Some(known) => known,
                None => Extent::read(file, tier, bucket).map_err(failed)?,
            });
            extent.put(columns, &mut values);
        }
        each(&values)?;
    }
    Ok(())
}

/// The rows of a view, as its own definition says, of a segment: a view does not show the numbers
/// by which a segment and a filter find them.
fn statement(
    file: &Connection,
    columns: &[String],
    segment: Segment,
    filter: Option<&Filter>,
) -> Sqlite<Sql> {
    let (view, key) = match segment.rows {
        Rows::Windows => ("usage_detail".to_owned(), "w.start_ms"),
        Rows::Tier(_) => (
            format!("usage_by_{}", tier_name(file, segment.rows)?),
            "f.bucket",
        ),
    };
    let definition: String = file.query_row(
        "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?",
        [&view],
        |row| row.get(0),
    )?;
    let select = definition
        .split_once("\nSELECT ")
        .map_or(definition.as_str(), |(_name_and_comment, select)| select);
    let quoted: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{}\"", column.replace('"', "\"\"")))
        .collect();
    let mut sql = Sql {
        text: format!(
            "SELECT position, {} FROM (SELECT {key} AS position, {select} WHERE ",
            quoted.join(", ")
        ),
        values: Vec::new(),
    };
    segment.condition(&mut sql);
    if let Some(filter) = filter {
        sql.push(" AND ");
        filter.compile(&mut sql);
    }
    sql.push(") ORDER BY position");
    Ok(sql)
}

fn read(row: &Row<'_>, columns: usize, values: &mut Vec<Value>) -> Sqlite<()> {
    values.clear();
    for column in 1..=columns {
        values.push(match row.get_ref(column)? {
            ValueRef::Integer(number) => Value::from(number),
            ValueRef::Real(number) => Value::from(number),
            ValueRef::Text(text) => Value::from(String::from_utf8_lossy(text)),
            ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        });
    }
    Ok(())
}

/// From the first to the last window of a bucket, as text.
struct Extent {
    bucket: i64,
    start: String,
    end: String,
}

impl Extent {
    fn read(file: &Connection, tier: Tier, bucket: i64) -> Sqlite<Self> {
        file.prepare_cached(
            "SELECT first_ms, last_ms FROM tier_bucket WHERE tier_id = :tier AND bucket = :bucket",
        )?
        .query_row(
            named_params! { ":tier": tier.id(), ":bucket": bucket },
            |row| {
                Ok(Self {
                    bucket,
                    start: shown(row.get(0)?),
                    end: shown(row.get(1)?),
                })
            },
        )
    }

    fn put(&self, columns: &[String], values: &mut [Value]) {
        for (column, value) in columns.iter().zip(values) {
            match column.as_str() {
                "window_start" => *value = Value::from(self.start.as_str()),
                "window_end" => *value = Value::from(self.end.as_str()),
                _ => {}
            }
        }
    }
}

/// As the views show it: RFC 3339 with milliseconds.
fn shown(milliseconds: i64) -> String {
    format!("{:.3}", from_ms(milliseconds))
}

fn losses<E: From<StoreError>>(
    snapshot: &Snapshot<'_>,
    (from_ms, until_ms): (i64, i64),
    mut each: impl FnMut(&ExportLoss) -> Result<(), E>,
) -> Result<(), E> {
    let path: &Path = snapshot.path;
    let failed = |source| StoreError::statement(path, READING, source);
    let file = &snapshot.transaction;
    let mut statement = file
        .prepare(
            "SELECT 1, bucket, NULL, reason, events, sent_bytes, received_bytes
               FROM day_loss
              WHERE bucket >= :from_day AND bucket < :until_day
              UNION ALL
             SELECT 0, w.start_ms, w.end_ms, l.reason, l.events, l.sent_bytes, l.received_bytes
               FROM time_window w CROSS JOIN loss l ON l.window_id = w.id
              WHERE w.start_ms >= :from AND w.start_ms < :until",
        )
        .map_err(failed)?;
    let mut rows = statement
        .query(named_params! {
            ":from_day": Tier::Day.bucket(Tier::Day.ceil(from_ms)),
            ":until_day": Tier::Day.bucket(Tier::Day.ceil(until_ms)),
            ":from": from_ms,
            ":until": until_ms,
        })
        .map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        each(&loss(row).map_err(failed)?)?;
    }
    Ok(())
}

fn loss(row: &Row<'_>) -> Sqlite<ExportLoss> {
    const DAY_MS: i64 = 86_400_000;
    let is_day: bool = row.get(0)?;
    let position: i64 = row.get(1)?;
    let (tier, start_ms, end_ms) = if is_day {
        ("day", position * DAY_MS, (position + 1) * DAY_MS)
    } else {
        ("window", position, row.get(2)?)
    };
    let amount = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(ExportLoss {
        tier,
        window_start: shown(start_ms),
        window_end: shown(end_ms),
        reason: row.get(3)?,
        events: amount(4)?,
        sent_bytes: amount(5)?,
        received_bytes: amount(6)?,
    })
}
