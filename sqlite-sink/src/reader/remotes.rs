//! Whom the processes of this machine talked to.

use std::collections::HashMap;

use super::Snapshot;
use super::label::{Label, Labels};
use super::processes::precision_ms;
use super::scan::{Scan, scan};
use super::steps::Steps;
use crate::error::StoreError;
use crate::moment::{Span, from_ms};
use crate::query::{ByteTotals, Field, Order, OrderBy, RemoteAnswer, RemoteQuery, RemoteRow};

/// What is summed up of a remote.
#[derive(Debug, Default)]
struct Contact {
    bytes: ByteTotals,
    span: Option<Span>,
    apps: HashMap<Label, ByteTotals>,
}

pub(super) fn answer(
    snapshot: &Snapshot<'_>,
    query: &RemoteQuery,
) -> Result<RemoteAnswer, StoreError> {
    let RemoteQuery {
        range,
        filter,
        order,
        limit,
        offset,
    } = query;
    refuse_other_fields(*order)?;
    let Scan {
        range,
        groups,
        seen,
        undecided,
        outside_total,
        ..
    } = scan(
        snapshot,
        *range,
        &[Field::RemoteIp, Field::App],
        filter.as_ref(),
        Steps::Seen(precision_ms(*range)),
    )?;

    let mut total = ByteTotals::default();
    let mut other = undecided;
    let mut labels = Labels::new(&snapshot.transaction);
    let mut contacts: HashMap<Label, Contact> = HashMap::new();
    for (key, bytes) in groups {
        total.add(bytes);
        if key.is_folded(Field::RemoteIp) {
            other.add(bytes);
        }
        let (remote, app) = snapshot.ask(|_file| {
            Ok((
                labels.of(Field::RemoteIp, &key)?,
                labels.of(Field::App, &key)?,
            ))
        })?;
        let contact = contacts.entry(remote).or_default();
        contact.bytes.add(bytes);
        contact.span = contact
            .span
            .into_iter()
            .chain(seen.get(&key).copied())
            .reduce(Span::or);
        contact.apps.entry(app).or_default().add(bytes);
    }
    let mut contacts: Vec<(Label, Contact)> = contacts.into_iter().collect();
    contacts.sort_unstable_by(|(left, left_contact), (right, right_contact)| {
        let of = |Contact { bytes, .. }: &Contact| match order.by {
            OrderBy::TotalBytes => bytes.both(),
            OrderBy::SentBytes => u128::from(bytes.sent_bytes),
            OrderBy::ReceivedBytes => u128::from(bytes.received_bytes),
            OrderBy::Field(_) => 0,
        };
        // Equal ones by their address, so that pages never overlap.
        let by_order = match order.by {
            OrderBy::Field(_) => left.cmp(right),
            OrderBy::TotalBytes | OrderBy::SentBytes | OrderBy::ReceivedBytes => {
                of(left_contact).cmp(&of(right_contact))
            }
        };
        let by_order = if order.descending {
            by_order.reverse()
        } else {
            by_order
        };
        by_order.then_with(|| left.cmp(right))
    });

    let first = *offset as usize;
    let after = limit.map_or(contacts.len(), |limit| first.saturating_add(limit as usize));
    let next_cursor = (after < contacts.len())
        .then(|| u32::try_from(after).ok())
        .flatten();
    Ok(RemoteAnswer {
        range,
        remotes: contacts
            .into_iter()
            .take(after)
            .skip(first)
            .map(|(remote, contact)| row(remote, contact))
            .collect(),
        total,
        other,
        outside_total,
        flushed_until: snapshot.flushed_until()?,
        next_cursor,
    })
}

fn refuse_other_fields(order: Order) -> Result<(), StoreError> {
    match order.by {
        OrderBy::TotalBytes
        | OrderBy::SentBytes
        | OrderBy::ReceivedBytes
        | OrderBy::Field(Field::RemoteIp) => Ok(()),
        OrderBy::Field(field) => Err(StoreError::Order { field }),
    }
}

fn row(remote: Label, contact: Contact) -> RemoteRow {
    let Contact { bytes, span, apps } = contact;
    let Span { start_ms, end_ms } = span.unwrap_or(Span {
        start_ms: 0,
        end_ms: 0,
    });
    let count = apps.len() as u64;
    let largest = apps
        .into_iter()
        .max_by(|(left, left_bytes), (right, right_bytes)| {
            let by_bytes = left_bytes.both().cmp(&right_bytes.both());
            by_bytes.then_with(|| right.cmp(left))
        })
        .map(|(app, _bytes)| app);
    RemoteRow {
        remote_ip: text(remote).unwrap_or_default(),
        apps: count,
        largest_app: largest.and_then(text),
        first_seen: from_ms(start_ms),
        last_seen: from_ms(end_ms),
        bytes,
    }
}

fn text(label: Label) -> Option<String> {
    match serde_json::Value::from(label) {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => None,
    }
}
