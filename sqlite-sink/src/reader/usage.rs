//! How much each group moved.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;

use super::Snapshot;
use super::label::{Label, Labels};
use super::scan::{Column, Scan, scan};
use super::steps::Steps;
use crate::error::StoreError;
use crate::query::{ByteTotals, Field, Order, OrderBy, UsageAnswer, UsageQuery, UsageRow};

/// A value that groups are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Value {
    Known(Label),
    /// By its number, which no other has: most remotes are in no row of the answer.
    Remote(i64),
}

/// A group, and what it moved.
type Group<V> = (Vec<V>, ByteTotals);

pub(super) fn answer(
    snapshot: &Snapshot<'_>,
    query: &UsageQuery,
) -> Result<UsageAnswer, StoreError> {
    let UsageQuery {
        range,
        group_by,
        filter,
        order,
        limit,
        offset,
    } = query;
    let column = ordering_column(*order, group_by)?;
    let found = scan(snapshot, *range, group_by, filter.as_ref(), Steps::One)?;

    let mut total = ByteTotals::default();
    let mut other = found.undecided;
    let mut by_value: HashMap<Vec<Value>, ByteTotals> = HashMap::new();
    let mut labels = Labels::new(&snapshot.transaction);
    for (&key, &bytes) in &found.groups {
        let counts = !found.is_outside(&key);
        if counts {
            total.add(bytes);
        }
        if counts && group_by.iter().any(|field| key.is_folded(*field)) {
            other.add(bytes);
        }
        let group = snapshot.ask(|_file| {
            group_by
                .iter()
                .map(|field| {
                    if *field == Field::RemoteIp {
                        return Ok(Value::Remote(key.get(Column::Remote)));
                    }
                    labels.of(*field, &key).map(Value::Known)
                })
                .collect::<Result<Vec<_>, _>>()
        })?;
        by_value.entry(group).or_default().add(bytes);
    }
    if group_by.is_empty() {
        by_value.clear();
    }
    let mut groups: Vec<Group<Value>> = by_value.into_iter().collect();
    let first = *offset as usize;
    let after = limit.map_or(groups.len(), |limit| first.saturating_add(limit as usize));
    let next_cursor = (after < groups.len())
        .then(|| u32::try_from(after).ok())
        .flatten();
    let (skipped, groups) = page(&mut groups, *order, first..after);
    let mut groups = snapshot.ask(|_file| {
        groups
            .iter()
            .map(|(values, bytes)| Ok((known(values, &mut labels)?, *bytes)))
            .collect::<Result<Vec<Group<Label>>, _>>()
    })?;
    groups.sort_unstable_by(|left, right| compare(left, right, *order, column));
    let rows = groups
        .into_iter()
        .take(after.saturating_sub(skipped))
        .skip(first.saturating_sub(skipped))
        .map(|(values, bytes)| UsageRow {
            fields: group_by
                .iter()
                .copied()
                .zip(values.into_iter().map(Into::into))
                .collect(),
            bytes,
        })
        .collect();
    let Scan {
        range,
        outside_total,
        ..
    } = found;
    Ok(UsageAnswer {
        range,
        group_by: group_by.clone(),
        rows,
        total,
        other,
        outside_total,
        flushed_until: snapshot.flushed_until()?,
        next_cursor,
    })
}

/// Where in a group the field is that rows are ordered by.
fn ordering_column(order: Order, group_by: &[Field]) -> Result<usize, StoreError> {
    match order.by {
        OrderBy::Field(field) => group_by
            .iter()
            .position(|candidate| *candidate == field)
            .ok_or(StoreError::Order { field }),
        OrderBy::TotalBytes | OrderBy::SentBytes | OrderBy::ReceivedBytes => Ok(0),
    }
}

/// The groups that may be on a page, and how many come before them: those on it, and those that moved
/// as much as the first and the last, of which their values decide.
fn page(groups: &mut [Group<Value>], order: Order, page: Range<usize>) -> (usize, &[Group<Value>]) {
    let page = page.start.min(groups.len())..page.end.min(groups.len());
    if matches!(order.by, OrderBy::Field(_)) || page.is_empty() {
        return (0, if page.is_empty() { &[] } else { groups });
    }
    groups.sort_unstable_by(|left, right| by_order(left, right, order));
    let equals = |left: usize, right: usize| by_order(&groups[left], &groups[right], order).is_eq();
    let (mut from, mut until) = (page.start, page.end);
    while from > 0 && equals(from - 1, page.start) {
        from -= 1;
    }
    while until < groups.len() && equals(until, page.end - 1) {
        until += 1;
    }
    (from, &groups[from..until])
}

fn known(values: &[Value], labels: &mut Labels<'_>) -> rusqlite::Result<Vec<Label>> {
    values
        .iter()
        .map(|value| match value {
            Value::Known(label) => Ok(label.clone()),
            Value::Remote(id) => labels.remote(*id),
        })
        .collect()
}

/// By what was moved; fields are compared where they are known.
fn by_order<V>(
    (_, left): &Group<V>,
    (_, right): &Group<V>,
    Order { by, descending }: Order,
) -> Ordering {
    let key = match by {
        OrderBy::TotalBytes => left.both().cmp(&right.both()),
        OrderBy::SentBytes => left.sent_bytes.cmp(&right.sent_bytes),
        OrderBy::ReceivedBytes => left.received_bytes.cmp(&right.received_bytes),
        OrderBy::Field(_) => Ordering::Equal,
    };
    if descending { key.reverse() } else { key }
}

/// Equal ones are ordered by all their values, so that pages never overlap.
fn compare(left: &Group<Label>, right: &Group<Label>, order: Order, column: usize) -> Ordering {
    let key = match order {
        Order {
            by: OrderBy::Field(_),
            descending,
        } => {
            let key = left.0[column].cmp(&right.0[column]);
            if descending { key.reverse() } else { key }
        }
        Order { .. } => by_order(left, right, order),
    };
    key.then_with(|| left.0.cmp(&right.0))
}
