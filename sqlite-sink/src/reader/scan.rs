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

/// What a row of facts is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// Start of the step in milliseconds; one step of everything if there are none.
    Step,
    Process,
    Protocol,
    LocalPort,
    Remote,
    RemotePort,
}

impl Column {
    const COUNT: usize = 6;

    const fn of(field: Field) -> Self {
        match field {
            Field::Process | Field::Pid | Field::Exe | Field::User => Self::Process,
            Field::Protocol => Self::Protocol,
            Field::RemoteIp => Self::Remote,
            Field::RemotePort => Self::RemotePort,
            Field::LocalPort => Self::LocalPort,
        }
    }

    /// Appends how a row tells it.
    fn select(self, sql: &mut Sql, step_ms: i64) {
        match self {
            // The remainder of a time before 1970 is negative.
            Self::Step => sql
                .push("w.start_ms - ((w.start_ms % ")
                .bind(step_ms)
                .push(") + ")
                .bind(step_ms)
                .push(") % ")
                .bind(step_ms),
            Self::Process => sql.push("f.process_id"),
            Self::Protocol => sql.push("f.protocol_id"),
            Self::LocalPort => sql.push("f.local_port"),
            Self::Remote => sql.push("f.remote_id"),
            Self::RemotePort => sql.push("f.remote_port"),
        };
    }
}

/// What tells groups apart, before names: zero in the columns that nobody asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct FactKey([i64; Column::COUNT]);

impl FactKey {
    pub(super) const fn get(&self, column: Column) -> i64 {
        self.0[column as usize]
    }
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
    let mut columns: Vec<Column> = step_ms.map(|_length| Column::Step).into_iter().collect();
    for field in fields {
        if !columns.contains(&Column::of(*field)) {
            columns.push(Column::of(*field));
        }
    }
    let sql = statement(&columns, filter, step_ms.unwrap_or(1), touched);
    let groups = sum_up(snapshot, &sql, &columns)?;
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

fn statement(columns: &[Column], filter: Option<&Filter>, step_ms: i64, touched: Touched) -> Sql {
    let mut sql = Sql::default();
    sql.push("SELECT f.sent_bytes, f.received_bytes");
    for column in columns {
        sql.push(", ");
        column.select(&mut sql, step_ms);
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

/// Neighbours are often of one group, since facts are stored by process: they are summed up before
/// the group is looked for.
fn sum_up(
    snapshot: &Snapshot<'_>,
    sql: &Sql,
    columns: &[Column],
) -> Result<HashMap<FactKey, ByteTotals>, StoreError> {
    let mut groups: HashMap<FactKey, ByteTotals> = HashMap::new();
    let fits = snapshot.ask(|file| {
        let mut statement = file.prepare(&sql.text)?;
        let mut rows = statement.query(params_from_iter(&sql.values))?;
        let mut run: Option<(FactKey, ByteTotals)> = None;
        while let Some(row) = rows.next()? {
            let (key, bytes) = read(row, columns)?;
            match &mut run {
                Some((run_key, run_bytes)) if *run_key == key => run_bytes.add(bytes),
                _ => {
                    if let Some((key, bytes)) = run.replace((key, bytes)) {
                        groups.entry(key).or_default().add(bytes);
                    }
                    if groups.len() >= snapshot.max_groups && !groups.contains_key(&key) {
                        return Ok(false);
                    }
                }
            }
        }
        if let Some((key, bytes)) = run {
            groups.entry(key).or_default().add(bytes);
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

fn read(row: &Row<'_>, columns: &[Column]) -> rusqlite::Result<(FactKey, ByteTotals)> {
    let mut key = FactKey::default();
    for (index, column) in columns.iter().enumerate() {
        key.0[*column as usize] = row.get(index + 2)?;
    }
    let bytes = ByteTotals {
        sent_bytes: row.get::<_, i64>(0)?.unsigned_abs(),
        received_bytes: row.get::<_, i64>(1)?.unsigned_abs(),
    };
    Ok((key, bytes))
}
