//! Frames of the link layer are shown to those who ask for them, and counted for nobody else.

use nettally_source::pipeline::{Protocol, Remote, Usage};
use serde_json::json;

use crate::query::{ByteTotals, Field, OutsideTotal, SeriesQuery};
use crate::testing::{History, batch, everything, process, remote, second, usage};

/// A sniffer saw what curl moved.
fn history() -> History {
    let curl = usage(process(1, "curl"), remote("10.0.0.2", 443), 3, 40);
    let sniffer = Usage {
        protocol: Protocol::Packet,
        local_port: 0,
        ..usage(process(2, "tcpdump"), Remote::None, 0, 500)
    };
    History::with(vec![
        batch(second(0), vec![curl.clone(), sniffer.clone()]),
        batch(second(1), vec![sniffer, curl]),
    ])
}

fn bytes(sent_bytes: u64, received_bytes: u64) -> ByteTotals {
    ByteTotals {
        sent_bytes,
        received_bytes,
    }
}

const SNIFFED: Option<OutsideTotal> = Some(OutsideTotal {
    protocol: Protocol::Packet,
    bytes: ByteTotals {
        sent_bytes: 0,
        received_bytes: 1000,
    },
});

#[test]
fn packets_count_only_where_the_filter_names_the_protocol() {
    let history = history();
    let curl = (bytes(6, 80), SNIFFED);
    for (filter, expected) in [
        ("", curl),
        ("pid>0", curl),
        ("not pid=77", curl),
        ("process=curl", (bytes(6, 80), None)),
        ("process=tcpdump", (bytes(0, 0), SNIFFED)),
        ("remote_ip=none", (bytes(0, 0), SNIFFED)),
        ("protocol=packet", (bytes(0, 1000), None)),
        ("protocol=tcp", (bytes(6, 80), None)),
        ("protocol!=udp", (bytes(6, 1080), None)),
        (
            "pid>0 and not (pid=9 or protocol=udp)",
            (bytes(6, 1080), None),
        ),
    ] {
        let answer = history.ask(&[Field::Process], filter);
        assert_eq!((answer.total, answer.outside_total), expected, "{filter}");
        let mut sum = ByteTotals::default();
        answer.rows.iter().for_each(|row| sum.add(row.bytes));
        assert_eq!(sum, answer.total, "{filter}: rows add up to the total");
    }
}

#[test]
fn where_rows_tell_their_protocol_packets_are_listed_and_still_not_in_the_total() {
    let answer = history().ask(&[Field::Protocol], "");
    let rows: Vec<_> = answer
        .rows
        .iter()
        .map(|row| (row.fields[0].1.clone(), row.bytes))
        .collect();
    assert_eq!(
        rows,
        [
            (json!("packet"), bytes(0, 1000)),
            (json!("tcp"), bytes(6, 80))
        ]
    );
    assert_eq!(
        (answer.total, answer.outside_total),
        (bytes(6, 80), SNIFFED)
    );
}

#[test]
fn packets_that_the_kernel_folded_are_no_share_of_the_total() {
    let mut folded = usage(process(2, "tcpdump"), Remote::Other, 0, 500);
    folded.protocol = Protocol::Packet;
    let history = History::with(vec![batch(second(0), vec![folded])]);
    for (group_by, filter) in [
        (&[Field::Protocol, Field::RemoteIp][..], ""),
        (&[Field::RemoteIp], ""),
        (&[Field::Process], "remote_ip=10.0.0.1"),
    ] {
        let answer = history.ask(group_by, filter);
        assert_eq!((answer.total, answer.other), (bytes(0, 0), bytes(0, 0)));
    }
    let answer = history.ask(&[Field::RemoteIp], "protocol=packet");
    assert_eq!((answer.total, answer.other), (bytes(0, 500), bytes(0, 500)));
}

#[test]
fn the_answer_says_what_it_left_out_and_nothing_if_that_is_nothing() {
    let outside = |filter| {
        let answer = history().ask(&[], filter);
        serde_json::to_value(answer).unwrap()["outside_total"].clone()
    };
    assert_eq!(
        outside(""),
        json!({ "protocol": "packet", "sent_bytes": 0, "received_bytes": 1000 })
    );
    assert_eq!(outside("process=curl"), json!(null));
}

#[test]
fn a_line_over_time_leaves_packets_out_too() {
    let ask = |filter: Option<&str>| {
        history()
            .reader()
            .series(&SeriesQuery {
                range: everything(&[], None).range,
                step_secs: 1,
                group_by: Some(Field::Process),
                filter: filter.map(|text| text.parse().unwrap()),
                limit: None,
            })
            .unwrap()
    };
    let answer = ask(None);
    let total: Vec<_> = answer.series.iter().map(|line| line.total).collect();
    assert_eq!((total, answer.outside_total), (vec![bytes(6, 80)], SNIFFED));
    let answer = ask(Some("protocol in (tcp, packet)"));
    assert_eq!((answer.series.len(), answer.outside_total), (2, None));
}
