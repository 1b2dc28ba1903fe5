//! The report for people.

use std::fmt::Write as _;

use super::{Balance, Bytes, Differing, Figures, NotCompared, Report, Span};
use crate::text::{human_bytes, printable};

/// Everything in words, with at most `rows` differences.
pub(super) fn text(report: &Report, rows: usize) -> String {
    let Report {
        since,
        until,
        backend,
        kernel,
        agrees,
        tolerance_percent,
        tcp,
        lost,
        ..
    } = report;
    let seconds = until.duration_since(*since).as_secs_f64();
    let mut text = format!(
        "{seconds:.1} s on Linux {}, backend {backend}, {} TCP sockets\n\n",
        printable(kernel),
        tcp.sockets,
    );
    line(&mut text, "TCP bytes", ["sent".into(), "received".into()]);
    line(
        &mut text,
        "kernel",
        [
            shown(tcp.kernel.sent_bytes),
            shown(tcp.kernel.received_bytes),
        ],
    );
    for (name, bytes) in [
        ("attributed", tcp.attributed),
        ("unattributed", tcp.unattributed),
        ("over-attributed", tcp.over_attributed),
        ("lost", *lost),
    ] {
        line(&mut text, name, both(bytes));
    }
    let verdict = if *agrees { "agrees" } else { "DOES NOT AGREE" };
    add(
        &mut text,
        format_args!(
            "difference       {} %: {verdict} (tolerance {tolerance_percent} %)",
            percent(tcp.difference_percent),
        ),
    );
    notes(&mut text, report);
    differing(&mut text, &tcp.differing, rows);
    others(&mut text, report);
    text
}

/// What the reader must know to trust the figures.
fn notes(text: &mut String, report: &Report) {
    let Report {
        tcp:
            Balance {
                kernel,
                attributed_without_connection,
                not_compared:
                    NotCompared {
                        layered,
                        forgotten,
                        not_seen,
                    },
                ..
            },
        losses,
        namespaces,
        namespaces_found_late,
        namespaces_refused,
        has_hidden_processes,
        messages_overflowed,
        degradations,
        ..
    } = report;
    let mut notes = Vec::new();
    let doubt = width(kernel.sent_bytes).saturating_add(width(kernel.received_bytes));
    if doubt > 0 {
        notes.push(format!(
            "{} moved in the instants of start and end, or are FINs that the kernel does not tell",
            human_bytes(doubt)
        ));
    }
    for (bytes, why) in [
        (attributed_without_connection, "attributed without a remote"),
        (
            layered,
            "not compared: kernel TLS or MPTCP, where the kernel counts otherwise",
        ),
        (
            forgotten,
            "not compared: sockets that were aborted, or closed and kept open, which the kernel forgets",
        ),
        (not_seen, "not compared: sockets that could not be seen"),
    ] {
        if bytes.sum() > 0 {
            notes.push(format!("{} {why}", human_bytes(bytes.sum())));
        }
    }
    notes.push(format!("network namespaces read: {namespaces}"));
    for (count, what) in [
        (namespaces_found_late, "network namespaces found late"),
        (
            namespaces_refused,
            "network namespaces that we may not enter",
        ),
        (
            messages_overflowed,
            "overflows of the kernel's messages about ended sockets",
        ),
    ] {
        if *count > 0 {
            notes.push(format!("{what}: {count}"));
        }
    }
    if *has_hidden_processes {
        notes.push("there are processes whose network namespace we may not see".to_owned());
    }
    for (reason, count) in losses {
        notes.push(format!(
            "loss {reason}: {} times, {} sent, {} received",
            count.events,
            human_bytes(count.sent_bytes),
            human_bytes(count.received_bytes)
        ));
    }
    for degradation in degradations {
        notes.push(format!("not seen: {}", printable(&degradation.summary)));
    }
    text.push('\n');
    for note in notes {
        add(text, format_args!("- {note}"));
    }
}

fn differing(text: &mut String, all: &[Differing], rows: usize) {
    if all.is_empty() {
        return;
    }
    text.push_str("\nconnections that differ, largest first\n");
    for row in all.iter().take(rows) {
        let Differing {
            local,
            remote,
            uid,
            inode,
            processes,
            kernel: _,
            attributed: _,
            unattributed,
            over_attributed,
        } = row;
        let mut words = vec![format!("  {local} > {remote}")];
        for (bytes, what) in [
            (unattributed, "unattributed"),
            (over_attributed, "over-attributed"),
        ] {
            if bytes.sum() > 0 {
                words.push(format!(
                    "{what}: sent {}, received {}",
                    bytes.sent_bytes, bytes.received_bytes
                ));
            }
        }
        words.extend(uid.map(|uid| format!("uid {uid}")));
        words.extend(inode.map(|inode| format!("inode {inode}")));
        if !processes.is_empty() {
            let names: Vec<_> = processes.iter().map(|name| printable(name)).collect();
            words.push(names.join(", "));
        }
        add(text, format_args!("{}", words.join("  ")));
    }
    if all.len() > rows {
        add(
            text,
            format_args!("  and {} more; --json has them all", all.len() - rows),
        );
    }
}

fn others(text: &mut String, report: &Report) {
    let Figures {
        udp_sent_datagrams,
        udp_received_datagrams,
        ip_sent_bytes,
        ip_received_bytes,
    } = report.figures;
    text.push_str("\nother protocols, which no kernel counts by socket: no verdict\n");
    for (protocol, bytes) in &report.other_protocols {
        line(text, protocol.name(), both(*bytes));
    }
    line(
        text,
        "UDP datagrams",
        [
            udp_sent_datagrams.to_string(),
            udp_received_datagrams.to_string(),
        ],
    );
    line(
        text,
        "all IP, headers",
        [ip_sent_bytes.to_string(), ip_received_bytes.to_string()],
    );
}

fn line(text: &mut String, name: &str, [sent, received]: [String; 2]) {
    add(text, format_args!("{name:<16} {sent:>28} {received:>28}"));
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes it");
}

fn both(bytes: Bytes) -> [String; 2] {
    [
        bytes.sent_bytes.to_string(),
        bytes.received_bytes.to_string(),
    ]
}

fn shown(Span { low, high }: Span) -> String {
    match high {
        Some(high) if high == low => low.to_string(),
        Some(high) => format!("{low} to {high}"),
        None => format!("{low} or more"),
    }
}

fn width(Span { low, high }: Span) -> u64 {
    high.map_or(0, |high| high.saturating_sub(low))
}

/// A difference is never shown as none.
fn percent(value: f64) -> String {
    if value == 0.0 || value >= 0.0001 {
        format!("{value:.4}")
    } else {
        "less than 0.0001".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use nettally_source::{LossCount, LossReason, Protocol};

    use super::*;
    use crate::audit::Moved;

    fn report() -> Report {
        let bytes = |sent_bytes| Bytes {
            sent_bytes,
            received_bytes: 0,
        };
        let row = Differing {
            local: "10.0.0.1:5000".parse().unwrap(),
            remote: "192.0.2.1:443".parse().unwrap(),
            uid: Some(1000),
            inode: None,
            processes: ["cu\u{1b}rl".to_owned()].into(),
            kernel: Moved::ZERO,
            attributed: Bytes::default(),
            unattributed: bytes(12_000),
            over_attributed: Bytes::default(),
        };
        Report {
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::from_second(30).unwrap(),
            backend: "tracepoint".to_owned(),
            kernel: "6.18.0".to_owned(),
            agrees: false,
            tolerance_percent: 0.0,
            tcp: Balance {
                sockets: 7,
                kernel: Moved {
                    sent_bytes: Span::between(13_000, 13_001),
                    received_bytes: Span::exactly(1 << 40),
                },
                attributed: bytes(1000),
                attributed_without_connection: Bytes::default(),
                unattributed: bytes(12_000),
                over_attributed: Bytes::default(),
                difference_percent: 0.000_001,
                not_compared: NotCompared {
                    forgotten: bytes(5),
                    ..NotCompared::default()
                },
                differing: vec![row.clone(), row],
            },
            losses: BTreeMap::from([(
                LossReason::OwnerUnknown,
                LossCount {
                    events: 2,
                    sent_bytes: 0,
                    received_bytes: 9,
                },
            )]),
            lost: bytes(0),
            other_protocols: BTreeMap::from([(Protocol::Udp, bytes(64))]),
            figures: Figures {
                udp_sent_datagrams: 1,
                udp_received_datagrams: 1,
                ip_sent_bytes: 92,
                ip_received_bytes: 92,
            },
            namespaces: 2,
            namespaces_found_late: 0,
            namespaces_refused: 1,
            has_hidden_processes: false,
            messages_overflowed: 0,
            degradations: Vec::new(),
        }
    }

    #[test]
    fn everything_is_said_in_words() {
        insta::assert_snapshot!(text(&report(), 1));
    }
}
