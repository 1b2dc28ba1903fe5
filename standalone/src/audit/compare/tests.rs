//! Both sides of the balance, made up.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nettally_source::{LossCount, Losses, Process, ProcessId, Remote, Usage, UsageBatch, Window};

use super::*;
use crate::audit::message::Reading;

const REMOTE: &str = "192.0.2.1:443";

fn socket(local_port: u16, sent: Span) -> SocketMoved {
    SocketMoved {
        reading: Reading {
            cookie: 1,
            local: SocketAddr::new([10, 0, 0, 1].into(), local_port),
            remote: REMOTE.parse().unwrap(),
            uid: 1000,
            inode: 77,
            moved: Moved::ZERO,
            last_sent: Duration::ZERO,
            has_layer: false,
            was_reset: false,
        },
        moved: Moved {
            sent_bytes: sent,
            received_bytes: Span::ZERO,
        },
    }
}

fn usage(local_port: u16, remote: Option<&str>, sent_bytes: u64) -> Usage {
    let process = Process {
        id: ProcessId {
            pid: 1,
            start_boottime_ns: 1,
            ..ProcessId::default()
        },
        name: "curl".to_owned(),
        exe: None,
        uid: None,
        user: None,
        ..Process::default()
    };
    let remote = remote.map(|text| text.parse::<SocketAddr>().unwrap());
    Usage {
        process: Arc::new(process),
        protocol: Protocol::Tcp,
        local_port,
        remote: remote.map_or(Remote::Unresolved, |remote| Remote::Address {
            ip: remote.ip(),
            port: remote.port(),
        }),
        sent_bytes,
        received_bytes: 0,
        first_activity: Timestamp::UNIX_EPOCH,
        last_activity: Timestamp::UNIX_EPOCH,
    }
}

fn attributed(usage: Vec<Usage>, losses: Losses) -> Attributed {
    let mut attributed = Attributed::default();
    attributed.add(&UsageBatch {
        window: Window {
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::UNIX_EPOCH,
        },
        usage,
        losses,
    });
    attributed
}

fn balance(sockets: Vec<SocketMoved>, usage: Vec<Usage>) -> Balance {
    compare(sockets, attributed(usage, Losses::default())).balance
}

fn sent(balance: &Balance) -> (u64, u64, f64) {
    let Balance {
        unattributed,
        over_attributed,
        difference_percent,
        ..
    } = balance;
    (
        unattributed.sent_bytes,
        over_attributed.sent_bytes,
        *difference_percent,
    )
}

#[test]
fn what_lies_between_the_bounds_is_no_difference() {
    for bytes in [100, 105, 110] {
        let found = balance(
            vec![socket(5, Span::between(100, 110))],
            vec![usage(5, Some(REMOTE), bytes)],
        );
        assert_eq!(sent(&found), (0, 0, 0.0));
        assert_eq!(found.differing, []);
    }
}

#[test]
fn what_is_missing_is_named() {
    let sockets = vec![
        socket(5, Span::exactly(100)),
        socket(6, Span::exactly(300)),
        socket(5, Span::exactly(50)),
    ];
    let found = balance(
        sockets,
        vec![usage(5, Some(REMOTE), 140), usage(6, Some(REMOTE), 300)],
    );
    let (unattributed, over, percent) = sent(&found);
    assert_eq!((unattributed, over), (10, 0));
    assert!((percent - 100.0 * 10.0 / 450.0).abs() < 1e-9, "{percent}");
    let [row] = found.differing.as_slice() else {
        panic!("{:?}", found.differing);
    };
    assert_eq!(row.local.port(), 5);
    assert_eq!((row.uid, row.inode), (1000, Some(77)));
}

#[test]
fn too_much_is_a_difference_too_and_does_not_cancel_what_is_missing() {
    let sockets = vec![socket(5, Span::exactly(100)), socket(6, Span::exactly(100))];
    let usage = vec![usage(5, Some(REMOTE), 110), usage(6, Some(REMOTE), 90)];
    assert_eq!(sent(&balance(sockets, usage)), (10, 10, 10.0));
}

#[test]
fn bytes_without_a_connection_are_of_those_that_miss_some() {
    let sockets = || vec![socket(5, Span::exactly(100))];
    assert_eq!(
        sent(&balance(sockets(), vec![usage(5, None, 100)])),
        (0, 0, 0.0)
    );
    assert_eq!(
        sent(&balance(sockets(), vec![usage(5, None, 90)])),
        (10, 0, 10.0)
    );
    let found = balance(sockets(), vec![usage(5, None, 120)]);
    assert_eq!(sent(&found), (0, 0, 0.0));
    assert_eq!(found.attributed.sent_bytes, 100);
    assert_eq!(found.not_compared.not_seen.sent_bytes, 20);
}

#[test]
fn a_row_without_a_socket_is_not_compared() {
    let mut reset = socket(5, Span::exactly(0));
    reset.reading.was_reset = true;
    reset.reading.remote.set_port(0);
    let sockets = vec![reset, socket(6, Span::exactly(30))];
    let rows = vec![usage(5, Some(REMOTE), 10), usage(6, Some(REMOTE), 30)];
    let found = balance(sockets, rows);
    assert_eq!(found.not_compared.not_seen.sent_bytes, 10);
    assert_eq!(sent(&found), (0, 0, 0.0));
    assert!(
        (found.compared_percent - 75.0).abs() < 1e-9,
        "{}",
        found.compared_percent
    );
}

#[test]
fn what_the_kernel_counts_otherwise_is_set_aside() {
    let mut layered = socket(5, Span::exactly(122));
    layered.reading.has_layer = true;
    let found = balance(vec![layered], vec![usage(5, Some(REMOTE), 100)]);
    assert_eq!(sent(&found), (0, 0, 0.0));
    assert_eq!(found.not_compared.layered.sent_bytes, 100);

    let open = socket(5, Span::at_least(60));
    let found = balance(vec![open], vec![usage(5, Some(REMOTE), 100)]);
    assert_eq!(found.not_compared.forgotten.sent_bytes, 40);
    assert_eq!(found.kernel.sent_bytes, Span::between(60, 100));
}

#[test]
fn only_what_is_in_no_row_is_lost() {
    let mut losses = Losses::default();
    let count = LossCount {
        events: 1,
        sent_bytes: 7,
        received_bytes: 0,
    };
    losses.add(LossReason::OwnerUnknown, count);
    losses.add(LossReason::RemoteUnresolved, count);
    let found = compare(Vec::new(), attributed(Vec::new(), losses));
    assert!((found.balance.compared_percent - 100.0).abs() < 1e-9);
    assert_eq!(found.lost_bytes.sent_bytes, 7);
    assert_eq!(found.lost.len(), 2);
}
