//! The SQL of a walk.

use super::super::steps::Steps;
use super::column::Column;
use super::table::Table;
use super::walk::Walk;
use crate::detail::Detail;
use crate::query::{Filter, Sql};
use crate::tier::{Rows, Tier};

/// What of a walk's rows is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'w> {
    pub(super) table: Table,
    pub(super) columns: &'w [Column],
    pub(super) steps: Steps<'w>,
    /// A protocol of which rows are to be marked.
    pub(super) outside: Option<i64>,
    /// The groups of processes whose rows are wanted; without, all.
    pub(super) groups: Option<&'w [i64]>,
}

impl Wanted<'_> {
    /// Whether the rows of each group are looked for, so that there are no others.
    pub(super) fn seeks(&self) -> bool {
        self.groups.is_some()
            && match self.table {
                Table::Windows => false,
                Table::Flows(tier) => tier.sum_table().is_some(),
                Table::Sums { .. } => true,
            }
    }
}

/// A row has its bytes sent and received, whether it is of the marked protocol, its process, its
/// columns and, where it matters, its extent.
pub(super) fn statement(wanted: Wanted<'_>, filter: Option<&Filter>, walk: Walk) -> Sql {
    let Wanted {
        table,
        columns,
        steps,
        outside,
        groups,
    } = wanted;
    let mut sql = Sql::default();
    sql.push("SELECT f.sent_bytes, f.received_bytes, ");
    match outside {
        Some(protocol) => sql.push("f.protocol_id = ").bind(protocol),
        None => sql.push("0"),
    };
    sql.push(", ").push(Column::Process.select(table));
    for column in columns {
        sql.push(", ").push(column.select(table));
    }
    if let Steps::Seen(_) = steps {
        sql.push(match walk.rows() {
            Rows::Windows => ", w.start_ms, w.end_ms",
            Rows::Tier(_) => ", f.bucket, f.bucket + 1",
        });
    }
    match groups {
        Some(groups) if wanted.seeks() => {
            from_groups(&mut sql, table, groups);
            walk.condition("b.bucket", &mut sql);
        }
        Some(_) | None => {
            from(&mut sql, table);
            walk.condition("f.bucket", &mut sql);
        }
    }
    if let Some(filter) = filter {
        sql.push(" AND ");
        filter.compile(&mut sql);
    }
    sql
}

fn from(sql: &mut Sql, table: Table) {
    match table {
        // CROSS keeps the order: windows by their index, then the run of facts of each.
        Table::Windows => {
            sql.push(" FROM time_window w CROSS JOIN flow_usage f ON f.window_id = w.id WHERE ")
        }
        Table::Flows(tier) => sql.push(" FROM ").push(tier.table()).push(" f WHERE "),
        Table::Sums { name, .. } => sql.push(" FROM ").push(name).push(" f WHERE "),
    };
}

/// Buckets, then the rows of each group in each; windows and minutes are not found that way.
fn from_groups(sql: &mut Sql, table: Table, groups: &[i64]) {
    let (tier, flows) = match table {
        Table::Windows => return,
        Table::Flows(tier) => (tier, Some(tier.table())),
        Table::Sums { tier, .. } => (tier, None),
    };
    let sums = if flows.is_some() { " s" } else { " f" };
    sql.push(" FROM tier_bucket b CROSS JOIN ")
        .push(tier.sum_table().unwrap_or_default())
        .push(sums)
        .push(" ON")
        .push(sums)
        .push(".bucket = b.bucket AND")
        .push(sums)
        .push(".group_id IN ");
    list(sql, groups);
    if let Some(flows) = flows {
        sql.push(" CROSS JOIN ").push(flows).push(
            " f ON f.bucket = s.bucket AND f.process_id = s.process_id
               AND f.protocol_id = s.protocol_id",
        );
    }
    sql.push(" WHERE b.tier_id = ")
        .bind(tier.id())
        .push(" AND ");
}

fn list(sql: &mut Sql, ids: &[i64]) {
    sql.push("(");
    for (index, id) in ids.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).bind(*id);
    }
    sql.push(")");
}

/// Folded rows that a filter refuses, and would not if what is folded were as it suits; none where
/// nothing can be folded.
pub(super) fn undecided(wanted: Wanted<'_>, filter: &Filter, walk: Walk) -> Option<Sql> {
    let tested = Detail {
        processes: filter.detail().processes && walk.rows() >= Rows::Tier(Tier::Hour),
        ..filter.detail()
    };
    if tested == Detail::NONE {
        return None;
    }
    let mut sql = statement(wanted, Some(&filter.at_best()), walk);
    if walk.rows() == Rows::Windows {
        // Few are, or none: the others need no second look.
        sql.push(" AND w.folded > 0");
    }
    sql.push(" AND NOT ");
    filter.compile(&mut sql);
    Some(sql)
}
