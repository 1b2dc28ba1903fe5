//! Made-up usage, and a history to put it in.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nettally_source::pipeline::{
    Losses, Process, ProcessId, Protocol, Remote, Usage, UsageBatch, Window,
};
use tempfile::TempDir;

use crate::query::{Field, Filter, Order, TimeRange, UsageAnswer, UsageQuery};
use crate::reader::Reader;
use crate::store::Store;
use crate::writer::{HoldLimits, UpkeepLimits, Writer};

/// A database in a folder of its own, gone with the test.
pub(crate) struct History {
    folder: TempDir,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("history.db")
    }

    pub(crate) fn writer(&self) -> Writer {
        self.writer_with(HoldLimits::default())
    }

    pub(crate) fn writer_with(&self, limits: HoldLimits) -> Writer {
        self.writer_of_boot("boot-1", limits)
    }

    pub(crate) fn writer_of_boot(&self, boot_id: &str, limits: HoldLimits) -> Writer {
        let store = Store::open(&self.path()).unwrap();
        // What is rolled up must not depend on how busy the machine is.
        Writer::new(store, "history".to_owned(), boot_id.to_owned(), limits).upkeeping(
            UpkeepLimits {
                rollup: Duration::MAX,
                retention: Duration::MAX,
            },
        )
    }

    /// Stores batches and closes the file.
    pub(crate) fn with(batches: Vec<UsageBatch>) -> Self {
        let history = Self::new();
        let mut writer = history.writer();
        for batch in batches {
            writer.accept(Arc::new(batch));
        }
        writer.finish();
        history
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.path()).unwrap()
    }

    /// Everything, by `group_by`, as far as `filter` says.
    pub(crate) fn ask(&self, group_by: &[Field], filter: &str) -> UsageAnswer {
        let filter = (!filter.is_empty()).then(|| filter.parse::<Filter>().unwrap());
        self.reader().usage(&everything(group_by, filter)).unwrap()
    }

    /// The first column of a statement on the file as any tool sees it.
    pub(crate) fn column(&self, sql: &str) -> Vec<rusqlite::types::Value> {
        let file = rusqlite::Connection::open(self.path()).unwrap();
        let mut statement = file.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

/// A question for all there is.
pub(crate) fn everything(group_by: &[Field], filter: Option<Filter>) -> UsageQuery {
    UsageQuery {
        range: TimeRange {
            since: at(-10_000_000_000),
            until: at(200_000_000_000),
        },
        group_by: group_by.to_vec(),
        filter,
        order: Order::default(),
        limit: None,
        offset: 0,
    }
}

/// Milliseconds after the first window.
pub(crate) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + milliseconds).unwrap()
}

/// Second number `index`.
pub(crate) fn second(index: i64) -> Window {
    Window {
        start: at(index * 1000),
        end: at((index + 1) * 1000),
    }
}

pub(crate) fn batch(window: Window, usage: Vec<Usage>) -> UsageBatch {
    UsageBatch {
        window,
        usage,
        losses: Losses::default(),
    }
}

pub(crate) fn process(pid: u32, name: &str) -> Process {
    Process {
        id: ProcessId {
            pid,
            start_boottime_ns: u64::from(pid) * 1_000_000,
            ..ProcessId::default()
        },
        name: name.to_owned(),
        app: name.to_owned(),
        exe: Some(format!("/usr/bin/{name}")),
        uid: Some(1000),
        user: Some("ada".to_owned()),
        ..Process::default()
    }
}

pub(crate) fn remote(ip: &str, port: u16) -> Remote {
    Remote::Address {
        ip: ip.parse::<IpAddr>().unwrap(),
        port,
    }
}

pub(crate) fn usage(process: Process, remote: Remote, sent_bytes: u64, received: u64) -> Usage {
    Usage {
        process: Arc::new(process),
        protocol: Protocol::Tcp,
        local_port: 40_000,
        remote,
        sent_bytes,
        received_bytes: received,
        first_activity: at(100),
        last_activity: at(900),
    }
}
