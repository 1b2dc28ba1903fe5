//! Which processes were there.

use nettally_source::pipeline::{Attribution, Parent};
use rusqlite::Row;
use rusqlite::types::Type;

use super::Snapshot;
use super::label::{Label, Labels};
use super::scan::{Column, FactKey, Scan, scan};
use super::steps::Steps;
use crate::error::StoreError;
use crate::moment::{Span, ceil_ms, floor_ms, from_ms};
use crate::query::{
    ByteTotals, Field, Order, OrderBy, ProcessAnswer, ProcessQuery, ProcessRow, TimeRange,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

pub(super) fn answer(
    snapshot: &Snapshot<'_>,
    query: &ProcessQuery,
) -> Result<ProcessAnswer, StoreError> {
    let ProcessQuery {
        range,
        filter,
        order,
        limit,
        offset,
    } = query;
    let field = ordering_field(*order)?;
    let steps = Steps::Seen(precision_ms(*range));
    let Scan {
        range,
        groups,
        seen,
        undecided,
        outside_total,
        ..
    } = scan(snapshot, *range, &[Field::Pid], filter.as_ref(), steps)?;

    let mut total = ByteTotals::default();
    let mut other = undecided;
    let mut labels = Labels::new(&snapshot.transaction);
    let mut found: Vec<(Label, ByteTotals, FactKey)> = Vec::with_capacity(groups.len());
    for (key, bytes) in groups {
        total.add(bytes);
        if key.is_folded(Field::Pid) {
            other.add(bytes);
        }
        let label = match field {
            Some(field) => snapshot.ask(|_file| labels.of(field, &key))?,
            None => Label::Unknown,
        };
        found.push((label, bytes, key));
    }
    found.sort_unstable_by(
        |(left, left_bytes, left_key), (right, right_bytes, right_key)| {
            let of = |bytes: &ByteTotals| match order.by {
                OrderBy::TotalBytes => bytes.both(),
                OrderBy::SentBytes => u128::from(bytes.sent_bytes),
                OrderBy::ReceivedBytes => u128::from(bytes.received_bytes),
                OrderBy::Field(_) => 0,
            };
            let by_order = of(left_bytes)
                .cmp(&of(right_bytes))
                .then_with(|| left.cmp(right));
            let by_order = if order.descending {
                by_order.reverse()
            } else {
                by_order
            };
            // Equal ones in the order they came, so that pages never overlap.
            by_order.then_with(|| {
                left_key
                    .get(Column::Process)
                    .cmp(&right_key.get(Column::Process))
            })
        },
    );

    let first = *offset as usize;
    let after = limit.map_or(found.len(), |limit| first.saturating_add(limit as usize));
    let next_cursor = (after < found.len())
        .then(|| u32::try_from(after).ok())
        .flatten();
    let processes = found
        .into_iter()
        .take(after)
        .skip(first)
        .map(|(_label, bytes, key)| {
            let span = seen.get(&key).copied();
            snapshot.ask(|file| {
                file.prepare_cached(PROCESS)?
                    .query_row([key.get(Column::Process)], |row| read(row, span, bytes))
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(ProcessAnswer {
        range,
        processes,
        total,
        other,
        outside_total,
        flushed_until: snapshot.flushed_until()?,
        next_cursor,
    })
}

/// To what it is told when a process was seen: finer would take longer to read than it is worth.
pub(super) fn precision_ms(TimeRange { since, until }: TimeRange) -> i64 {
    match ceil_ms(until) - floor_ms(since) {
        length_ms if length_ms <= HOUR_MS => 1,
        length_ms if length_ms <= 48 * HOUR_MS => MINUTE_MS,
        _ => HOUR_MS,
    }
}

/// The field that processes are ordered by, if any, which must be one that a process decides.
fn ordering_field(order: Order) -> Result<Option<Field>, StoreError> {
    match order.by {
        OrderBy::TotalBytes | OrderBy::SentBytes | OrderBy::ReceivedBytes => Ok(None),
        OrderBy::Field(field) if Column::of(field) == Column::Process => Ok(Some(field)),
        OrderBy::Field(field) => Err(StoreError::Order { field }),
    }
}

const PROCESS: &str = "
    SELECT p.pid, p.start_boottime_ns, b.boot_id, g.name, n.name, g.exe, c.text, a.uid,
           coalesce(a.name, CAST(a.uid AS TEXT)), p.gid, h.parents, l.unit, l.container,
           l.container_id, l.pod, l.package, l.cgroup, l.network_namespace, p.tunnel, p.attribution
      FROM process p
      JOIN program g ON g.id = p.program_id
      JOIN app     n ON n.id = p.app_id
      JOIN account a ON a.id = p.account_id
      JOIN place   l ON l.id = p.place_id
      LEFT JOIN boot         b ON b.id = p.boot_id
      LEFT JOIN command_line c ON c.id = p.command_line_id
      LEFT JOIN ancestry     h ON h.id = p.ancestry_id
     WHERE p.id = ?";

fn read(row: &Row<'_>, span: Option<Span>, bytes: ByteTotals) -> rusqlite::Result<ProcessRow> {
    let pid: Option<u32> = row.get(0)?;
    let start_boottime_ns: Option<i64> = row.get(1)?;
    let attribution: String = row.get(19)?;
    let Span { start_ms, end_ms } = span.unwrap_or(Span {
        start_ms: 0,
        end_ms: 0,
    });
    Ok(ProcessRow {
        pid,
        start_boottime_ns: start_boottime_ns.map(i64::cast_unsigned),
        boot_id: row.get(2)?,
        process: row.get(3)?,
        app: row.get(4)?,
        exe: row.get(5)?,
        command_line: row.get(6)?,
        uid: row.get(7)?,
        user: row.get(8)?,
        gid: row.get(9)?,
        // One without parents that are known has none stored.
        parents: pid.map(|_one| parents(row)).transpose()?,
        unit: row.get(11)?,
        container: row.get(12)?,
        container_id: row.get(13)?,
        pod: row.get(14)?,
        package: row.get(15)?,
        cgroup: row.get(16)?,
        network_namespace: row.get(17)?,
        tunnel: row.get(18)?,
        // Nobody writes another word.
        attribution: attribution.parse().unwrap_or(Attribution::Unknown),
        first_seen: from_ms(start_ms),
        last_seen: from_ms(end_ms),
        bytes,
    })
}

fn parents(row: &Row<'_>) -> rusqlite::Result<Vec<Parent>> {
    let parents: Option<String> = row.get(10)?;
    parents.map_or(Ok(vec![]), |parents| {
        serde_json::from_str(&parents).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(10, Type::Text, Box::new(error))
        })
    })
}
