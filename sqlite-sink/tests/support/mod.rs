//! Made-up usage for tests of the public API.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::pipeline::{
    ComponentKey, Event, Losses, Process, ProcessId, Protocol, Remote, Usage, UsageBatch, Window,
};
use nettally_sqlite_sink::{
    Order, Reader, SqliteConfig, SqliteSink, StoreError, TimeRange, UsageQuery, WriterStats,
};

pub(crate) fn config(path: &Path) -> SqliteConfig {
    SqliteConfig {
        path: Some(path.to_owned()),
        flush_interval_secs: 0.1,
        ..SqliteConfig::default()
    }
}

pub(crate) fn open(path: &Path) -> Result<(SqliteSink, Arc<WriterStats>), StoreError> {
    config(path).open(&ComponentKey::from("history"))
}

/// The sentence that a user would read.
pub(crate) fn refusal(path: &Path) -> String {
    open(path).expect_err("this must be refused").to_string()
}

pub(crate) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + milliseconds).unwrap()
}

/// One flow that sent 10 and received 20 bytes in second number `index`.
pub(crate) fn event(index: i64) -> Event {
    let process = Arc::new(Process {
        id: ProcessId {
            pid: 7,
            start_boottime_ns: 1,
            ..ProcessId::default()
        },
        name: "curl".to_owned(),
        exe: None,
        uid: Some(0),
        user: Some("root".to_owned()),
        ..Process::default()
    });
    let usage = vec![Usage {
        process,
        protocol: Protocol::Udp,
        local_port: 1,
        remote: Remote::Unresolved,
        sent_bytes: 10,
        received_bytes: 20,
        first_activity: at(index * 1000),
        last_activity: at(index * 1000),
    }];
    Event::Usage(Arc::new(UsageBatch {
        window: Window {
            start: at(index * 1000),
            end: at((index + 1) * 1000),
        },
        usage,
        losses: Losses::default(),
    }))
}

/// Bytes sent in all of history.
pub(crate) fn sent_bytes(reader: &Reader) -> Result<u64, StoreError> {
    let query = UsageQuery {
        range: TimeRange {
            since: at(-1000),
            until: at(1_000_000_000),
        },
        group_by: vec![],
        filter: None,
        order: Order::default(),
        limit: None,
        offset: 0,
    };
    Ok(reader.usage(&query)?.total.sent_bytes)
}
