//! A database with known content.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use nettally_source::{
    Event, LossCount, LossReason, Losses, Process, ProcessId, Protocol, Remote, StreamSink as _,
    Usage, UsageBatch, Window,
};
use nettally_sqlite_sink::SqliteConfig;

/// A name that wants to be a formula, to colour the terminal, and to break CSV.
pub(crate) const EVIL: &str = "=\u{1b}[31m\"a\",\u{9b}2J\n";

/// Stores one window of one second at 2026-01-02T03:04:05Z: `curl` by TCP and UDP, [`EVIL`], a sniffer,
/// and a loss.
pub(crate) fn store(folder: &Path) {
    let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let row = |name: &str, protocol, sent_bytes, received_bytes| Usage {
        process: Arc::new(Process {
            id: ProcessId {
                pid: 7,
                start_boottime_ns: u64::try_from(name.len()).unwrap(),
                ..ProcessId::default()
            },
            name: name.to_owned(),
            exe: None,
            uid: Some(0),
            user: Some("root".to_owned()),
            ..Process::default()
        }),
        protocol,
        local_port: 1000,
        remote: Remote::Address {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 80,
        },
        sent_bytes,
        received_bytes,
        first_activity: start,
        last_activity: start,
    };
    let mut losses = Losses::default();
    let count = LossCount {
        events: 1,
        sent_bytes: 64,
        received_bytes: 60,
    };
    losses.add(LossReason::FlowsFull, count);
    let batch = UsageBatch {
        window: Window {
            start,
            end: Timestamp::from_second(start.as_second() + 1).unwrap(),
        },
        usage: vec![
            row("curl", Protocol::Tcp, 1_500_001, 20),
            row("curl", Protocol::Udp, 5, 6),
            row(EVIL, Protocol::Tcp, 1, 2),
            Usage {
                remote: Remote::None,
                ..row("tcpdump", Protocol::Packet, 0, 7_000)
            },
            Usage {
                remote: Remote::Other,
                ..row("pinger", Protocol::Icmp, 64, 60)
            },
        ],
        losses,
    };
    let config = SqliteConfig {
        path: Some(folder.join("nettally.db")),
        ..SqliteConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (sink, _stats) = config.open(&"history".into()).unwrap();
        let events = stream::iter([Event::Usage(Arc::new(batch))]);
        Box::new(sink).run(events.boxed()).await.unwrap();
    });
}
