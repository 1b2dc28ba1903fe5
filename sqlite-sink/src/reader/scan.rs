//! One walk over the facts: rows to sums, by the numbers that stand for names.
//!
//! SQLite would sort all rows to group them; a table in memory takes a third of the time, and its
//! sums saturate where SQLite's fail.

use std::collections::HashMap;

use rusqlite::{Row, params_from_iter};

use super::Snapshot;
use crate::error::StoreError;
use crate::moment::{ceil_ms, floor_ms, from_ms};
use crate::query::{ByteTotals, Field, Filter, Sql, TimeRange};

/// What tells groups apart, before names: zero in the columns that nobody asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct FactKey {
    /// Start of the step in milliseconds.
    pub(super) step_ms: i64,
    pub(super) process: i64,
    pub(super) protocol: i64,
    pub(super) local_port: i64,
    pub(super) remote: i64,
    pub(super) remote_port: i64,
}

/// The windows that a range touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Touched {
    since_ms: i64,
    until_ms: i64,
    /// No window that touches the range starts before this.
    earliest_ms: i64,
}

/// What a walk found.
#[derive(Debug)]
pub(super) struct Scan {
    /// The range asked for, rounded outward to the windows that touch it.
    pub(super) range: TimeRange,
    pub(super) groups: HashMap<FactKey, ByteTotals>,
}

/// Sums up what matches. `step_ms` of `None` is one step of everything.
pub(super) fn scan(
    snapshot: &Snapshot<'_>,
    range: TimeRange,
    fields: &[Field],
    filter: Option<&Filter>,
    step_ms: Option<i64>,
) -> Result<Scan, StoreError> {
    let touched = touched(snapshot, range)?;
    let range = rounded(snapshot, range, touched)?;
    let sql = statement(fields, filter, step_ms, touched);
    let groups = sum_up(snapshot, &sql)?;
    Ok(Scan { range, groups })
}

fn touched(snapshot: &Snapshot<'_>, range: TimeRange) -> Result<Touched, StoreError> {
    let since_ms = floor_ms(range.since);
    let until_ms = ceil_ms(range.until);
    let longest_ms: Option<i64> = snapshot.ask(|file| {
        file.query_row(
            "SELECT max(end_ms - start_ms) FROM time_window",
            [],
            |row| row.get(0),
        )
    })?;
    Ok(Touched {
        since_ms,
        until_ms,
        earliest_ms: since_ms.saturating_sub(longest_ms.unwrap_or(0)),
    })
}

fn rounded(
    snapshot: &Snapshot<'_>,
    range: TimeRange,
    touched: Touched,
) -> Result<TimeRange, StoreError> {
    let mut sql = Sql::default();
    sql.push("SELECT min(w.start_ms), max(w.end_ms) FROM time_window w WHERE ");
    touches(&mut sql, touched);
    let (first, last): (Option<i64>, Option<i64>) = snapshot.ask(|file| {
        file.query_row(&sql.text, params_from_iter(&sql.values), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    })?;
    let TimeRange { since, until } = range;
    Ok(TimeRange {
        since: first.map_or(since, |first| since.min(from_ms(first))),
        until: last.map_or(until, |last| until.max(from_ms(last))),
    })
}

fn touches(
    sql: &mut Sql,
    Touched {
        since_ms,
        until_ms,
        earliest_ms,
    }: Touched,
) {
    sql.push("w.start_ms >= ")
        .bind(earliest_ms)
        .push(" AND w.start_ms < ")
        .bind(until_ms)
        .push(" AND w.end_ms > ")
        .bind(since_ms);
}

/// Columns nobody asked for are constant, which spares SQLite from decoding them.
fn statement(
    fields: &[Field],
    filter: Option<&Filter>,
    step_ms: Option<i64>,
    touched: Touched,
) -> Sql {
    let asked = |wanted: &[Field], column: &'static str| {
        if fields.iter().any(|field| wanted.contains(field)) {
            column
        } else {
            "0"
        }
    };
    let mut sql = Sql::default();
    sql.push("SELECT f.sent_bytes, f.received_bytes, ");
    match step_ms {
        None => sql.push("0"),
        Some(step_ms) => sql
            .push("w.start_ms - ((w.start_ms % ")
            .bind(step_ms)
            .push(") + ")
            .bind(step_ms)
            .push(") % ")
            .bind(step_ms),
    };
    let process = [Field::Process, Field::Pid, Field::Exe, Field::User];
    for column in [
        asked(&process, "f.process_id"),
        asked(&[Field::Protocol], "f.protocol_id"),
        asked(&[Field::LocalPort], "f.local_port"),
        asked(&[Field::RemoteIp], "f.remote_id"),
        asked(&[Field::RemotePort], "f.remote_port"),
    ] {
        sql.push(", ").push(column);
    }
    // CROSS keeps the order: windows by their index, then the run of facts of each.
    sql.push(" FROM time_window w CROSS JOIN flow_usage f ON f.window_id = w.id WHERE ");
    touches(&mut sql, touched);
    if let Some(filter) = filter {
        sql.push(" AND ");
        filter.compile(&mut sql);
    }
    sql
}

fn sum_up(snapshot: &Snapshot<'_>, sql: &Sql) -> Result<HashMap<FactKey, ByteTotals>, StoreError> {
    let mut groups: HashMap<FactKey, ByteTotals> = HashMap::new();
    let fits = snapshot.ask(|file| {
        let mut statement = file.prepare(&sql.text)?;
        let mut rows = statement.query(params_from_iter(&sql.values))?;
        while let Some(row) = rows.next()? {
            let (key, bytes) = read(row)?;
            groups.entry(key).or_default().add(bytes);
            if groups.len() > snapshot.max_groups {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    if fits {
        Ok(groups)
    } else {
        Err(StoreError::TooManyGroups {
            limit: snapshot.max_groups,
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<(FactKey, ByteTotals)> {
    Ok((
        FactKey {
            step_ms: row.get(2)?,
            process: row.get(3)?,
            protocol: row.get(4)?,
            local_port: row.get(5)?,
            remote: row.get(6)?,
            remote_port: row.get(7)?,
        },
        ByteTotals {
            sent_bytes: row.get::<_, i64>(0)?.unsigned_abs(),
            received_bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        },
    ))
}
