//! One walk over the rows of a range: to sums, by the numbers that stand for names.
//!
//! SQLite would sort all rows to group them; a table in memory takes a third of the time, and its
//! sums saturate where SQLite's fail.

use std::collections::{BTreeSet, HashMap};

use nettally_source::pipeline::Protocol;
use rusqlite::{OptionalExtension as _, Row, named_params, params_from_iter};

use super::Snapshot;
use super::plan::{Extent, Part};
use super::steps::{InStep, Steps};
use crate::detail::Detail;
use crate::error::StoreError;
use crate::moment::{Span, ceil_ms, floor_ms, from_ms};
use crate::query::{ByteTotals, Field, Filter, OutsideTotal, Sql, TimeRange};
use crate::tier::{KeptFrom, RolledUntil, Rows, Tier};
use crate::writer::{FOLDED_PORT, OTHER};

/// So many finer rows may be walked to tell apart what a tier has folded: some 0.2 s.
const MAX_ROWS_TO_GROUP: i64 = 1_000_000;

/// The same for a filter, whose total would be wrong, not only less told apart, and for processes, of
/// which coarse tiers tell none: some 0.6 s.
const MAX_ROWS_TO_FILTER: i64 = 5_000_000;

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

    pub(super) const fn of(field: Field) -> Self {
        match field {
            Field::Process
            | Field::Pid
            | Field::Exe
            | Field::User
            | Field::App
            | Field::Unit
            | Field::Container
            | Field::Pod
            | Field::Package
            | Field::Tunnel
            | Field::Attribution
            | Field::CommandLine => Self::Process,
            Field::Protocol => Self::Protocol,
            Field::RemoteIp => Self::Remote,
            Field::RemotePort => Self::RemotePort,
            Field::LocalPort => Self::LocalPort,
        }
    }

    /// How a row tells it.
    const fn select(self, rows: Rows) -> &'static str {
        match (self, rows) {
            (Self::Step, Rows::Windows) => "w.start_ms",
            (Self::Step, Rows::Tier(_)) => "f.bucket",
            (Self::Process, _) => "f.process_id",
            (Self::Protocol, _) => "f.protocol_id",
            (Self::LocalPort, _) => "f.local_port",
            (Self::Remote, _) => "f.remote_id",
            (Self::RemotePort, _) => "f.remote_port",
        }
    }
}

/// What tells groups apart, before names: zero in the columns that nobody asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct FactKey([i64; Column::COUNT]);

impl FactKey {
    /// Whether the value of a field was folded away.
    pub(super) fn is_folded(&self, field: Field) -> bool {
        match field {
            Field::RemoteIp => self.get(Column::Remote) == OTHER,
            Field::RemotePort => self.get(Column::RemotePort) == FOLDED_PORT,
            Field::LocalPort => self.get(Column::LocalPort) == FOLDED_PORT,
            // One that stands for others that are alike.
            Field::Pid | Field::CommandLine => self.get(Column::Process) < 0,
            Field::Process
            | Field::Exe
            | Field::User
            | Field::App
            | Field::Unit
            | Field::Container
            | Field::Pod
            | Field::Package
            | Field::Tunnel
            | Field::Attribution
            | Field::Protocol => false,
        }
    }

    pub(super) const fn get(&self, column: Column) -> i64 {
        self.0[column as usize]
    }
}

/// Rows to walk, and the condition on their windows or buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
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

/// What a walk found.
#[derive(Debug)]
pub(super) struct Scan {
    /// The range asked for, rounded outward to the windows that touch it.
    pub(super) range: TimeRange,
    /// Those of a protocol that is outside totals are there only if they are told from others.
    pub(super) groups: HashMap<FactKey, ByteTotals>,
    /// Where the rows of the range are.
    pub(super) read: BTreeSet<Rows>,
    /// From the first to the last row of each, if that was asked for.
    pub(super) seen: HashMap<FactKey, Span>,
    /// The part of the groups of which it is not certain in which step it was moved.
    pub(super) uncertain: ByteTotals,
    /// What is not in the groups because the filter tests what is folded, and might be.
    pub(super) undecided: ByteTotals,
    /// What is in no total, because the filter does not decide about its protocol.
    pub(super) outside_total: Option<OutsideTotal>,
    outside: Option<i64>,
}

impl Scan {
    /// Whether a group is of a protocol that is in no total.
    pub(super) fn is_outside(&self, key: &FactKey) -> bool {
        self.outside == Some(key.get(Column::Protocol))
    }
}

/// The number of the protocol that is outside totals, unless the filter decides about it or the
/// history has none of it.
fn outside(snapshot: &Snapshot<'_>, filter: Option<&Filter>) -> Result<Option<i64>, StoreError> {
    if filter.is_some_and(Filter::names_protocol) {
        return Ok(None);
    }
    snapshot.ask(|file| {
        file.query_row(
            "SELECT id FROM protocol WHERE name = ?",
            [Protocol::Packet.name()],
            |row| row.get(0),
        )
        .optional()
    })
}

/// Sums up what matches.
pub(super) fn scan(
    snapshot: &Snapshot<'_>,
    range: TimeRange,
    fields: &[Field],
    filter: Option<&Filter>,
    steps: Steps<'_>,
) -> Result<Scan, StoreError> {
    let grouped = fields
        .iter()
        .map(|field| Detail::of(*field))
        .fold(Detail::NONE, Detail::or);
    let filtered = filter.map(Filter::detail).unwrap_or_default();
    let detail = grouped.or(filtered);
    let most_rows = if filtered == Detail::NONE && !grouped.processes {
        MAX_ROWS_TO_GROUP
    } else {
        MAX_ROWS_TO_FILTER
    };
    let walks = walks(snapshot, range, (detail, most_rows), steps)?;
    let range = rounded(snapshot, range, &walks)?;
    let mut columns = match steps {
        Steps::One | Steps::Seen(_) => vec![],
        Steps::Each(_) | Steps::Calendar(_) => vec![Column::Step],
    };
    for field in fields {
        if !columns.contains(&Column::of(*field)) {
            columns.push(Column::of(*field));
        }
    }
    let outside = outside(snapshot, filter)?;
    // Where rows tell their protocol, nobody takes one for another.
    let left_out = outside.filter(|_| !columns.contains(&Column::Protocol));
    let mut sums = Sums::default();
    let mut undecided = Sums::default();
    let read = walks
        .iter()
        .filter(|walk| matches!(walk, Walk::Part(_)))
        .map(|walk| walk.rows())
        .collect();
    for walk in walks {
        let sql = statement((&columns, steps), filter, left_out, walk);
        sum_up(snapshot, &sql, (&columns, walk.rows(), steps), &mut sums)?;
        if let Some(sql) = filter.and_then(|filter| undecided_statement(filter, outside, walk)) {
            sum_up(
                snapshot,
                &sql,
                (&[], walk.rows(), Steps::One),
                &mut undecided,
            )?;
        }
    }
    let Sums {
        groups,
        seen,
        uncertain,
        outside: mut bytes,
    } = sums;
    for (key, moved) in &groups {
        if outside == Some(key.get(Column::Protocol)) {
            bytes.add(*moved);
        }
    }
    Ok(Scan {
        range,
        groups,
        read,
        seen,
        uncertain,
        undecided: undecided.groups.into_values().next().unwrap_or_default(),
        outside_total: OutsideTotal::of(Protocol::Packet, bytes),
        outside,
    })
}

fn walks(
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
fn rounded(
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
        walk.condition(&mut sql);
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

impl Walk {
    const fn rows(self) -> Rows {
        match self {
            Self::Part(Part { rows, .. }) => rows,
            Self::Reaching { .. } => Rows::Windows,
        }
    }

    /// Appends which windows `w`, or buckets of `f`, are walked.
    fn condition(self, sql: &mut Sql) {
        match self {
            Self::Part(Part {
                rows,
                from_ms,
                until_ms,
            }) => {
                let (column, from, until) = match rows {
                    Rows::Windows => ("w.start_ms", from_ms, until_ms),
                    Rows::Tier(tier) => ("f.bucket", tier.bucket(from_ms), tier.bucket(until_ms)),
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

fn statement(
    (columns, steps): (&[Column], Steps<'_>),
    filter: Option<&Filter>,
    outside: Option<i64>,
    walk: Walk,
) -> Sql {
    let mut sql = Sql::default();
    sql.push("SELECT f.sent_bytes, f.received_bytes, ");
    match outside {
        Some(protocol) => sql.push("f.protocol_id = ").bind(protocol),
        None => sql.push("0"),
    };
    for column in columns {
        sql.push(", ").push(column.select(walk.rows()));
    }
    if let Steps::Seen(_) = steps {
        sql.push(match walk.rows() {
            Rows::Windows => ", w.start_ms, w.end_ms",
            Rows::Tier(_) => ", f.bucket, f.bucket + 1",
        });
    }
    match walk.rows() {
        // CROSS keeps the order: windows by their index, then the run of facts of each.
        Rows::Windows => {
            sql.push(" FROM time_window w CROSS JOIN flow_usage f ON f.window_id = w.id WHERE ")
        }
        Rows::Tier(tier) => sql.push(" FROM ").push(tier.table()).push(" f WHERE "),
    };
    walk.condition(&mut sql);
    if let Some(filter) = filter {
        sql.push(" AND ");
        filter.compile(&mut sql);
    }
    sql
}

/// Folded rows that a filter refuses, and would not if what is folded were as it suits; none where
/// nothing can be folded.
fn undecided_statement(filter: &Filter, outside: Option<i64>, walk: Walk) -> Option<Sql> {
    let tested = Detail {
        processes: filter.detail().processes && walk.rows().fold_processes(),
        ..filter.detail()
    };
    if tested == Detail::NONE {
        return None;
    }
    let mut sql = statement((&[], Steps::One), Some(&filter.at_best()), outside, walk);
    if walk.rows() == Rows::Windows {
        // Few are, or none: the others need no second look.
        sql.push(" AND w.folded > 0");
    }
    sql.push(" AND NOT ");
    filter.compile(&mut sql);
    Some(sql)
}

/// What was summed up so far.
#[derive(Debug, Default)]
struct Sums {
    groups: HashMap<FactKey, ByteTotals>,
    /// From the first to the last row of each, if that matters.
    seen: HashMap<FactKey, Span>,
    /// The part of the groups of which the step is not certain.
    uncertain: ByteTotals,
    /// Of the protocol that is in no group.
    outside: ByteTotals,
}

/// Neighbours are often of one group, since facts are stored by process: they are summed up before
/// the group is looked for.
fn sum_up(
    snapshot: &Snapshot<'_>,
    sql: &Sql,
    (columns, source, steps): (&[Column], Rows, Steps<'_>),
    Sums {
        groups,
        seen,
        uncertain,
        outside,
    }: &mut Sums,
) -> Result<(), StoreError> {
    let fits = snapshot.ask(|file| {
        let mut statement = file.prepare(&sql.text)?;
        let mut rows = statement.query(params_from_iter(&sql.values))?;
        let mut run: Option<(FactKey, ByteTotals)> = None;
        // Rows of one window or bucket follow one another.
        let mut step: Option<(i64, InStep)> = None;
        while let Some(row) = rows.next()? {
            let (mut key, bytes) = read(row, columns)?;
            if row.get(2)? {
                outside.add(bytes);
                continue;
            }
            if let [Column::Step, ..] = columns {
                let when = key.get(Column::Step);
                let (_, in_step) = match step {
                    Some(found) if found.0 == when => found,
                    Some(_) | None => *step.insert((when, steps.of(source, when))),
                };
                let InStep {
                    start_ms,
                    is_uncertain,
                } = in_step;
                key.0[Column::Step as usize] = start_ms;
                if is_uncertain {
                    uncertain.add(bytes);
                }
            }
            if let Steps::Seen(_) = steps {
                let told = columns.len() + 3;
                let span = Span {
                    start_ms: source.start_ms(row.get(told)?),
                    end_ms: source.start_ms(row.get(told + 1)?),
                };
                seen.entry(key)
                    .and_modify(|seen| *seen = seen.or(span))
                    .or_insert(span);
            }
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
        Ok(())
    } else {
        Err(StoreError::TooManyGroups {
            limit: snapshot.max_groups,
        })
    }
}

fn read(row: &Row<'_>, columns: &[Column]) -> rusqlite::Result<(FactKey, ByteTotals)> {
    let mut key = FactKey::default();
    for (index, column) in columns.iter().enumerate() {
        key.0[*column as usize] = row.get(index + 3)?;
    }
    let bytes = ByteTotals {
        sent_bytes: row.get::<_, i64>(0)?.unsigned_abs(),
        received_bytes: row.get::<_, i64>(1)?.unsigned_abs(),
    };
    Ok((key, bytes))
}
