//! How much each group moved.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::Snapshot;
use super::label::{Label, Labels};
use super::scan::{Scan, scan};
use super::steps::Steps;
use crate::error::StoreError;
use crate::query::{ByteTotals, Field, Order, OrderBy, UsageAnswer, UsageQuery, UsageRow};

/// A group, and what it moved.
type Group = (Vec<Label>, ByteTotals);

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
    let mut by_label: HashMap<Vec<Label>, ByteTotals> = HashMap::new();
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
                .map(|field| labels.of(*field, &key))
                .collect::<Result<Vec<_>, _>>()
        })?;
        by_label.entry(group).or_default().add(bytes);
    }
    if group_by.is_empty() {
        by_label.clear();
    }
    let mut groups: Vec<Group> = by_label.into_iter().collect();
    groups.sort_unstable_by(|left, right| compare(left, right, *order, column));

    let first = *offset as usize;
    let after = limit.map_or(groups.len(), |limit| first.saturating_add(limit as usize));
    let next_cursor = (after < groups.len())
        .then(|| u32::try_from(after).ok())
        .flatten();
    let rows = groups
        .into_iter()
        .take(after)
        .skip(first)
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

/// Equal ones are ordered by all their values, so that pages never overlap.
fn compare(
    (left, left_bytes): &Group,
    (right, right_bytes): &Group,
    Order { by, descending }: Order,
    column: usize,
) -> Ordering {
    let key = match by {
        OrderBy::TotalBytes => left_bytes.both().cmp(&right_bytes.both()),
        OrderBy::SentBytes => left_bytes.sent_bytes.cmp(&right_bytes.sent_bytes),
        OrderBy::ReceivedBytes => left_bytes.received_bytes.cmp(&right_bytes.received_bytes),
        OrderBy::Field(_) => left[column].cmp(&right[column]),
    };
    let key = if descending { key.reverse() } else { key };
    key.then_with(|| left.cmp(right))
}
