//! One walk over the rows of a range: to sums, by the numbers that stand for names.
//!
//! SQLite would sort all rows to group them; a table in memory takes a third of the time, and its
//! sums saturate where SQLite's fail.
//!
//! `walk` says which rows, `table` where they are, `column` what tells them apart, `members` whose they
//! must be, `statement` how SQLite is asked, and `sums` adds up.

mod column;
mod members;
mod statement;
mod sums;
mod table;
mod walk;

use std::collections::{BTreeSet, HashMap};

use nettally_source::pipeline::Protocol;
use rusqlite::OptionalExtension as _;

pub(super) use column::{Column, FactKey};

use super::Snapshot;
use super::steps::Steps;
use crate::detail::Detail;
use crate::error::StoreError;
use crate::moment::Span;
use crate::query::{ByteTotals, Field, Filter, OutsideTotal, TimeRange};
use crate::tier::Rows;
use members::Members;
use statement::Wanted;
pub(super) use sums::Groups;
use sums::{Sums, sum_up};
use table::Table;
use walk::{Walk, rounded, walks};

/// So many finer rows may be walked to tell apart what a tier has folded: some 0.2 s.
const MAX_ROWS_TO_GROUP: i64 = 1_000_000;

/// The same for a filter, whose total would be wrong, not only less told apart, and for processes, of
/// which coarse tiers tell none: some 0.6 s.
const MAX_ROWS_TO_FILTER: i64 = 5_000_000;

/// What a walk found.
#[derive(Debug)]
pub(super) struct Scan {
    /// The range asked for, rounded outward to the windows that touch it.
    pub(super) range: TimeRange,
    /// Those of a protocol that is outside totals are there only if they are told from others.
    pub(super) groups: Groups,
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
    let (of_groups, rest) = filter.map(Filter::split).unwrap_or_default();
    let mut members = of_groups.as_ref().map(Members::new);
    let groups = match &of_groups {
        Some(filter) => snapshot.ask(|file| Members::groups(file, filter))?,
        None => None,
    };
    let mut sums = Sums::default();
    let mut undecided = Sums::default();
    let read = walks
        .iter()
        .filter(|walk| matches!(walk, Walk::Part(_)))
        .map(|walk| walk.rows())
        .collect();
    for walk in walks {
        let table = Table::telling(walk.rows(), detail);
        let wanted = Wanted {
            table,
            columns: &columns,
            steps,
            outside: left_out,
            groups: groups.as_deref(),
        };
        // Rows that are looked for by group need no test.
        let mut members = members.as_mut().filter(|_| !wanted.seeks());
        let sql = statement::statement(wanted, rest.as_ref(), walk);
        let told = (columns.as_slice(), walk.rows(), steps);
        sum_up(snapshot, &sql, told, members.as_deref_mut(), &mut sums)?;
        let whole = Wanted {
            columns: &[],
            steps: Steps::One,
            outside,
            ..wanted
        };
        if let Some(rest) = &rest
            && let Some(sql) = statement::undecided(whole, rest, walk)
        {
            let told = ([].as_slice(), walk.rows(), Steps::One);
            sum_up(snapshot, &sql, told, members, &mut undecided)?;
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
