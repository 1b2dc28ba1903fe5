//! The list of remotes: how many apps talked to each, when, and how much.

use std::sync::Arc;

use nettally_source::pipeline::{Process, Remote};

use super::{DAY, keeping, settle};
use crate::query::{ByteTotals, Field, Order, OrderBy, RemoteQuery, TimeRange};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};

fn all() -> RemoteQuery {
    RemoteQuery {
        range: everything(&[], None).range,
        filter: None,
        order: Order::default(),
        limit: None,
        offset: 0,
    }
}

fn app(pid: u32, name: &str) -> Process {
    Process {
        app: name.to_owned(),
        ..process(pid, name)
    }
}

/// Two processes of one app and one of another, with two remotes.
fn history() -> History {
    let to = |process: &Process, address: &str, bytes| {
        usage(process.clone(), remote(address, 443), bytes, 1)
    };
    let (first, second_one, other) = (app(7, "curl"), app(8, "curl"), app(9, "wget"));
    History::with(vec![
        batch(second(0), vec![to(&first, "192.0.2.1", 10)]),
        batch(
            second(30),
            vec![
                to(&second_one, "192.0.2.1", 20),
                to(&other, "192.0.2.1", 500),
                to(&other, "192.0.2.2", 5),
            ],
        ),
    ])
}

#[test]
fn processes_of_one_app_count_once() {
    let answer = history().reader().remotes(&all()).unwrap();
    let told: Vec<_> = answer
        .remotes
        .iter()
        .map(|row| {
            (
                row.remote_ip.as_str(),
                row.apps,
                row.largest_app.as_deref(),
                row.bytes.sent_bytes,
                row.bytes.received_bytes,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("192.0.2.1", 2, Some("wget"), 530, 3),
            ("192.0.2.2", 1, Some("wget"), 5, 1)
        ]
    );
    let total = ByteTotals {
        sent_bytes: 535,
        received_bytes: 4,
    };
    assert_eq!(answer.total, total);
}

#[test]
fn a_remote_was_seen_from_its_first_window_to_its_last() {
    let query = RemoteQuery {
        range: TimeRange {
            since: at(0),
            until: at(3_600_000),
        },
        ..all()
    };
    let answer = history().reader().remotes(&query).unwrap();
    let seen: Vec<_> = answer
        .remotes
        .iter()
        .map(|row| (row.first_seen, row.last_seen))
        .collect();
    assert_eq!(
        seen,
        [
            (second(0).start, second(30).end),
            (second(30).start, second(30).end)
        ]
    );
}

#[test]
fn pages_have_each_remote_once_and_other_fields_are_refused() {
    let history = history();
    let page = |offset| RemoteQuery {
        limit: Some(1),
        offset,
        order: Order {
            by: OrderBy::Field(Field::RemoteIp),
            descending: true,
        },
        ..all()
    };
    let first = history.reader().remotes(&page(0)).unwrap();
    assert_eq!(first.remotes[0].remote_ip, "192.0.2.2");
    let second = history
        .reader()
        .remotes(&page(first.next_cursor.unwrap()))
        .unwrap();
    assert_eq!(second.remotes[0].remote_ip, "192.0.2.1");
    assert_eq!(second.next_cursor, None);
    let query = RemoteQuery {
        order: Order {
            by: OrderBy::Field(Field::App),
            descending: false,
        },
        ..all()
    };
    assert!(history.reader().remotes(&query).is_err());
}

#[test]
fn remotes_that_were_folded_away_are_one_row_and_counted_as_other() {
    let history = History::new();
    let mut writer = history
        .writer()
        .keeping(keeping(1, 1000))
        .telling(super::remotes(1));
    let who = app(7, "curl");
    let row = |address: &str, bytes| usage(who.clone(), remote(address, 443), bytes, 0);
    let rows = vec![row("192.0.2.1", 900), row("192.0.2.2", 1)];
    writer.accept(Arc::new(batch(second(0), rows)));
    writer.accept(Arc::new(batch(second(4 * DAY / 1000), vec![])));
    settle(&mut writer);
    writer.finish();
    let answer = history.reader().remotes(&all()).unwrap();
    let other = answer
        .remotes
        .iter()
        .find(|row| row.remote_ip == Remote::OTHER);
    assert_eq!(other.map(|row| row.bytes.sent_bytes), Some(1));
    assert_eq!(answer.other.sent_bytes, 1);
}
