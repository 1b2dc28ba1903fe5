//! A window as one line of JSON.

use std::collections::BTreeMap;

use nettally_source::{
    Degradation, HealthReport, Losses, ProcessId, Protocol, Usage, UsageBatch, Window,
};
use serde::Serialize;

use super::super::feed::Delivery;
use crate::identity::{self, Identity};
use crate::text::harmless_json;

#[derive(Serialize)]
struct Line<'a> {
    window: Window,
    /// Windows of the collector that are in this line; more than 1 if the reader was late.
    windows: u64,
    rows: Vec<Row<'a>>,
    total: Total,
    /// What is in `rows` and not in `total`, because other protocols may count the same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_total: Option<Outside>,
    losses: &'a Losses,
    degradations: &'a [Degradation],
}

#[derive(Serialize)]
struct Row<'a> {
    process: &'a str,
    app: &'a str,
    pid: u32,
    user: Option<&'a str>,
    uid: Option<u32>,
    exe: Option<&'a str>,
    #[serde(flatten)]
    identity: Identity<'a>,
    protocol: Protocol,
    remotes: Vec<Remote>,
    sent_bytes: u64,
    received_bytes: u64,
}

#[derive(Serialize)]
struct Remote {
    remote_ip: String,
    remote_port: Option<u16>,
    local_port: Option<u16>,
    sent_bytes: u64,
    received_bytes: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize)]
struct Total {
    sent_bytes: u64,
    received_bytes: u64,
}

#[derive(Serialize)]
struct Outside {
    protocol: Protocol,
    #[serde(flatten)]
    bytes: Total,
}

/// The window as JSON: a row for each process and protocol, busiest first, and their remotes,
/// busiest first. Ends with a line feed.
pub(super) fn line(
    delivery: &Delivery,
    health: Option<&HealthReport>,
) -> Result<String, serde_json::Error> {
    let Delivery { batch, windows } = delivery;
    let rows = rows(batch);
    let (mut total, mut outside) = (Total::default(), Total::default());
    for row in &rows {
        let total = if row.protocol.is_in_totals() {
            &mut total
        } else {
            &mut outside
        };
        total.sent_bytes = total.sent_bytes.saturating_add(row.sent_bytes);
        total.received_bytes = total.received_bytes.saturating_add(row.received_bytes);
    }
    let line = Line {
        window: batch.window,
        windows: *windows,
        rows,
        total,
        outside_total: (outside != Total::default()).then_some(Outside {
            protocol: Protocol::Packet,
            bytes: outside,
        }),
        losses: &batch.losses,
        degradations: health.map_or(&[], |health| &health.degradations),
    };
    let json = serde_json::to_string(&line)?;
    Ok(format!("{}\n", harmless_json(&json)))
}

fn rows(batch: &UsageBatch) -> Vec<Row<'_>> {
    let mut rows: BTreeMap<(ProcessId, Protocol), Row<'_>> = BTreeMap::new();
    for usage in &batch.usage {
        let process = &usage.process;
        let row = rows
            .entry((process.id, usage.protocol))
            .or_insert_with(|| Row {
                process: &process.name,
                app: identity::app(process),
                pid: process.id.pid,
                user: process.user.as_deref(),
                uid: process.uid,
                exe: process.exe.as_deref(),
                identity: Identity::of(process),
                protocol: usage.protocol,
                remotes: Vec::new(),
                sent_bytes: 0,
                received_bytes: 0,
            });
        row.sent_bytes = row.sent_bytes.saturating_add(usage.sent_bytes);
        row.received_bytes = row.received_bytes.saturating_add(usage.received_bytes);
        row.remotes.push(remote(usage));
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    for row in &mut rows {
        row.remotes.sort_by_key(|remote| {
            std::cmp::Reverse(remote.sent_bytes.saturating_add(remote.received_bytes))
        });
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.sent_bytes.saturating_add(row.received_bytes)));
    rows
}

fn remote(usage: &Usage) -> Remote {
    Remote {
        remote_ip: usage.remote.ip_text(),
        remote_port: usage.remote.port(),
        local_port: usage.remote.has_local_port().then_some(usage.local_port),
        sent_bytes: usage.sent_bytes,
        received_bytes: usage.received_bytes,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::tui::testing::{batch, frames, health, process, tcp, udp};

    #[test]
    fn a_window_is_one_line_with_every_byte_in_a_row_and_in_a_remote() {
        let (curl, evil) = (process(7, "curl"), process(8, "\u{1b}[31m\u{202e}\"<b>\n"));
        let usage = vec![
            tcp(&curl, "192.0.2.1:443", 10, 1),
            tcp(&curl, "[2001:db8::1]:443", 20, 2),
            udp(&curl, "192.0.2.53:53", 5, 6),
            tcp(&evil, "192.0.2.1:80", 1000, 0),
        ];
        let delivery = Delivery {
            batch: Arc::new(batch(0, usage)),
            windows: 3,
        };
        let line = line(&delivery, Some(&health())).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains(['\u{1b}', '\u{202e}']));

        let read: Value = serde_json::from_str(&line).unwrap();
        let window = json!({ "start": "2026-09-21T14:13:20Z", "end": "2026-09-21T14:13:21Z" });
        assert_eq!(read["window"], window);
        assert_eq!(read["windows"], 3);
        assert_eq!(
            read["total"],
            json!({ "sent_bytes": 1035, "received_bytes": 9 })
        );
        assert_eq!(read["rows"][0]["process"], *evil.name);
        let expected = json!({
            "process": "curl", "app": "curl", "pid": 7, "user": "alice", "uid": 1000,
            "exe": "/usr/bin/curl", "attribution": "unknown", "protocol": "tcp", "sent_bytes": 30, "received_bytes": 3,
            "remotes": [
                { "remote_ip": "2001:db8::1", "remote_port": 443, "local_port": 40000,
                  "sent_bytes": 20, "received_bytes": 2 },
                { "remote_ip": "192.0.2.1", "remote_port": 443, "local_port": 40000,
                  "sent_bytes": 10, "received_bytes": 1 },
            ],
        });
        assert_eq!(read["rows"][1], expected);
        assert_eq!(read["rows"][2]["protocol"], "udp");
        assert_eq!(read["losses"], json!({}));
        assert_eq!(read["outside_total"], json!(null));
    }

    #[test]
    fn frames_are_a_row_and_not_in_the_total() {
        let curl = process(7, "curl");
        let usage = vec![tcp(&curl, "192.0.2.1:443", 10, 1), frames(&curl, 3, 900)];
        let delivery = Delivery {
            batch: Arc::new(batch(0, usage)),
            windows: 1,
        };
        let read: Value = serde_json::from_str(&line(&delivery, None).unwrap()).unwrap();
        assert_eq!(
            read["total"],
            json!({ "sent_bytes": 10, "received_bytes": 1 })
        );
        assert_eq!(
            read["outside_total"],
            json!({ "protocol": "packet", "sent_bytes": 3, "received_bytes": 900 })
        );
        assert_eq!(
            read["rows"][0]["remotes"],
            json!([{ "remote_ip": "none", "remote_port": null, "local_port": null,
                     "sent_bytes": 3, "received_bytes": 900 }])
        );
    }
}
