//! Rows to sums.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Row, params_from_iter};

use super::super::Snapshot;
use super::super::steps::{InStep, Steps};
use super::column::{Column, FactKey};
use super::members::Members;
use crate::error::StoreError;
use crate::moment::Span;
use crate::query::{ByteTotals, Sql};
use crate::tier::Rows;

/// What each group moved. Numbers of a file are no keys that somebody chose to collide.
pub(in super::super) type Groups = HashMap<FactKey, ByteTotals, RandomState>;

/// What was summed up so far.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) groups: Groups,
    /// From the first to the last row of each, if that matters.
    pub(super) seen: HashMap<FactKey, Span>,
    /// The part of the groups of which the step is not certain.
    pub(super) uncertain: ByteTotals,
    /// Of the protocol that is in no group.
    pub(super) outside: ByteTotals,
}

/// Neighbours are often of one group, since facts are stored by process: they are summed up before
/// the group is looked for.
pub(super) fn sum_up(
    snapshot: &Snapshot<'_>,
    sql: &Sql,
    (columns, source, steps): (&[Column], Rows, Steps<'_>),
    mut members: Option<&mut Members>,
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
            if let Some(members) = &mut members
                && !members.has(file, row.get(3)?)?
            {
                continue;
            }
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
                let told = columns.len() + 4;
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
        key.0[*column as usize] = row.get(index + 4)?;
    }
    let bytes = ByteTotals {
        sent_bytes: row.get::<_, i64>(0)?.unsigned_abs(),
        received_bytes: row.get::<_, i64>(1)?.unsigned_abs(),
    };
    Ok((key, bytes))
}
