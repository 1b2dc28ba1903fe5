use std::sync::Arc;

use futures::FutureExt as _;
use nettally_source::{Event, EventSink as _};

use super::*;
use crate::tui::feed::{Delivery, Update, mailbox};
use crate::tui::testing::{Dice, batch, frames, icmp, process, tcp, udp};

fn names(table: &ProcessTable) -> Vec<&str> {
    table.rows.iter().map(|row| row.name.as_str()).collect()
}

/// Three processes; firefox leads now, rsync since start.
fn ledger() -> Ledger {
    let (firefox, rsync, dns) = (
        process(11, "firefox"),
        process(12, "rsync"),
        process(13, "dnsmasq"),
    );
    let mut ledger = Ledger::default();
    ledger.read(&batch(0, vec![tcp(&rsync, "192.0.2.9:22", 9000, 100)]), 1);
    ledger.read(
        &batch(
            1,
            vec![
                tcp(&firefox, "192.0.2.1:443", 100, 2000),
                udp(&firefox, "192.0.2.1:443", 10, 20),
                udp(&dns, "192.0.2.53:53", 40, 90),
            ],
        ),
        1,
    );
    ledger
}

#[test]
fn order_follows_the_column_and_the_measure() {
    let table = [
        (
            ProcessSort::Traffic,
            Measure::Rate,
            ["firefox", "dnsmasq", "rsync"],
        ),
        (
            ProcessSort::Traffic,
            Measure::Total,
            ["rsync", "firefox", "dnsmasq"],
        ),
        (
            ProcessSort::Sent,
            Measure::Rate,
            ["firefox", "dnsmasq", "rsync"],
        ),
        (
            ProcessSort::Received,
            Measure::Total,
            ["firefox", "rsync", "dnsmasq"],
        ),
        (
            ProcessSort::Name,
            Measure::Rate,
            ["dnsmasq", "firefox", "rsync"],
        ),
        (
            ProcessSort::Pid,
            Measure::Rate,
            ["firefox", "rsync", "dnsmasq"],
        ),
    ];
    for (column, measure, expected) in table {
        let mut settings = Settings {
            measure,
            ..Settings::default()
        };
        settings.process_order.column = column;
        assert_eq!(
            names(&processes(&ledger(), &settings)),
            expected,
            "{column:?} {measure:?}"
        );
    }
}

#[test]
fn a_filter_moves_bytes_aside_and_never_away() {
    let cases = [
        ("FIRE", &["firefox"][..]),
        ("12", &["rsync"]),
        ("alice", &["firefox", "dnsmasq", "rsync"]),
        ("bin/dns", &["dnsmasq"]),
        ("nobody", &[]),
        ("process~fire or user=root", &["firefox"]),
        ("protocol=udp", &["dnsmasq", "firefox"]),
        ("not protocol=udp", &["firefox", "rsync"]),
        ("remote_port in (22, 53)", &["dnsmasq", "rsync"]),
        ("remote_ip=192.0.2.1 and protocol=udp", &["firefox"]),
        ("remote_ip in 10.0.0.0/8", &[]),
    ];
    for (text, expected) in cases {
        let settings = Settings {
            filter: crate::tui::model::sieve::Sieve::of(text),
            ..Settings::default()
        };
        let table = processes(&ledger(), &settings);
        assert_eq!(names(&table), expected, "{text}");
        assert_eq!(table.rows.len() as u64 + table.hidden.count, 3, "{text}");
        assert_eq!(table.sum_of_parts(), table.total.total, "{text}");
    }
}

#[test]
fn a_protocol_filter_leaves_only_its_bytes_and_its_processes() {
    let settings = Settings {
        protocols: Protocols::Udp,
        ..Settings::default()
    };
    let table = processes(&ledger(), &settings);
    assert_eq!(names(&table), ["dnsmasq", "firefox"]);
    assert_eq!(
        table.total.total,
        Bytes {
            sent: 50,
            received: 110
        }
    );
}

#[test]
fn others_are_what_is_neither_and_frames_are_beside_all() {
    let (ping, sniffer) = (process(21, "ping"), process(22, "tcpdump"));
    let mut ledger = ledger();
    let usage = vec![
        icmp(&ping, "192.0.2.1:0", 64, 60),
        frames(&sniffer, 0, 5000),
        udp(&sniffer, "192.0.2.53:53", 1, 0),
    ];
    ledger.read(&batch(2, usage), 1);
    let bytes = |sent, received| Bytes { sent, received };
    for (protocols, shown, total, beside) in [
        (
            Protocols::All,
            &["ping", "tcpdump", "rsync", "firefox", "dnsmasq"][..],
            bytes(9215, 2270),
            (1, bytes(0, 5000)),
        ),
        (
            Protocols::Others,
            &["ping"],
            bytes(64, 60),
            (0, Bytes::default()),
        ),
        (
            Protocols::Packet,
            &["tcpdump"],
            bytes(0, 5000),
            (0, Bytes::default()),
        ),
    ] {
        let settings = Settings {
            protocols,
            ..Settings::default()
        };
        let table = processes(&ledger, &settings);
        assert_eq!(names(&table), shown, "{protocols:?}");
        assert_eq!(table.total.total, total, "{protocols:?}");
        assert_eq!(table.sum_of_parts(), total, "{protocols:?}");
        let outside = (table.outside.count, table.outside.tally.total);
        assert_eq!(outside, beside, "{protocols:?}");
    }
}

#[test]
fn processes_of_one_name_are_one_row_when_grouped() {
    let (one, two) = (process(1, "curl"), process(2, "curl"));
    let mut ledger = Ledger::default();
    ledger.read(
        &batch(
            0,
            vec![
                tcp(&one, "192.0.2.1:443", 10, 0),
                tcp(&two, "192.0.2.1:443", 20, 0),
                tcp(&two, "192.0.2.2:443", 5, 0),
            ],
        ),
        1,
    );
    let settings = Settings {
        grouping: Grouping::Name,
        ..Settings::default()
    };
    let table = processes(&ledger, &settings);
    let row = &table.rows[0];
    assert_eq!((table.rows.len(), &row.pids[..]), (1, &[1, 2][..]));
    assert_eq!((row.tally.total.sent, row.remotes), (35, 2));
}

#[tokio::test]
async fn rows_and_asides_sum_up_to_every_byte_sent_into_the_mailbox() {
    let mut exited = 0;
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let (mut outlet, mut mailbox) = mailbox(1 + dice.roll(3) as usize);
        let mut ledger = Ledger::default();
        let (mut truth, mut windows) = (Bytes::default(), 0);
        for second in 0..120 {
            let usage = (0..dice.roll(6))
                .map(|_| {
                    let pid = 1 + dice.roll(9) as u32;
                    let process = process(pid, &format!("p{}", pid % 4));
                    let remote = format!("192.0.2.{}:443", dice.roll(4));
                    let (sent, received) = (dice.roll(1 << 40), dice.roll(1 << 40));
                    let moved = match dice.roll(4) {
                        0 => return frames(&process, sent, received),
                        1 => tcp,
                        2 => udp,
                        _ => icmp,
                    };
                    truth += Bytes { sent, received };
                    moved(&process, &remote, sent, received)
                })
                .collect();
            windows += 1;
            let event = Event::Usage(Arc::new(batch(second, usage)));
            outlet.send_batch(vec![event]).await.unwrap();
            if dice.roll(3) == 0 {
                while let Some(Some(Update::Usage(Delivery { batch, windows }))) =
                    mailbox.next().now_or_never()
                {
                    ledger.read(&batch, windows);
                }
            }
            if dice.roll(4) == 0 {
                let silent = ledger.to_look_up();
                ledger.mark_gone(&silent);
            }
        }
        drop(outlet);
        while let Some(Update::Usage(Delivery { batch, windows })) = mailbox.next().await {
            ledger.read(&batch, windows);
        }
        for grouping in [Grouping::Pid, Grouping::Name] {
            for filter in ["", "p1", "7"] {
                let settings = Settings {
                    grouping,
                    filter: crate::tui::model::sieve::Sieve::of(filter),
                    ..Settings::default()
                };
                let table = processes(&ledger, &settings);
                assert_eq!(table.total.total, truth, "seed {seed}");
                assert_eq!(table.sum_of_parts(), truth, "seed {seed} filter {filter}");
            }
        }
        assert_eq!(ledger.windows, windows, "seed {seed}");
        assert!(ledger.merged_windows > 0, "seed {seed}");
        exited += ledger.exited.count(Protocols::All);
    }
    assert!(exited > 0, "nobody left, so that part was not tested");
}
