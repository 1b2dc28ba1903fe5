//! A database with known content.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use nettally_source::{
    Event, Losses, Process, ProcessId, Protocol, Remote, StreamSink as _, Usage, UsageBatch, Window,
};
use nettally_sqlite_sink::SqliteConfig;

/// A name that wants to be a formula, to colour the terminal, and to break CSV.
pub(crate) const EVIL: &str = "=\u{1b}[31m\"a\",\u{9b}2J\n";

/// Stores one window of one second at 2026-01-02T03:04:05Z: `curl` by TCP and UDP, and [`EVIL`].
pub(crate) fn store(folder: &Path) {
    let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let row = |name: &str, protocol, sent_bytes, received_bytes| Usage {
        process: Arc::new(Process {
            id: ProcessId {
                pid: 7,
                start_boottime_ns: u64::try_from(name.len()).unwrap(),
            },
            name: name.to_owned(),
            exe: None,
            uid: Some(0),
            user: Some("root".to_owned()),
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
    let batch = UsageBatch {
        window: Window {
            start,
            end: Timestamp::from_second(start.as_second() + 1).unwrap(),
        },
        usage: vec![
            row("curl", Protocol::Tcp, 1_500_001, 20),
            row("curl", Protocol::Udp, 5, 6),
            row(EVIL, Protocol::Tcp, 1, 2),
        ],
        losses: Losses::default(),
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
