//! Made-up usage for tests of the public API.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use nettally_source::pipeline::{
    ComponentKey, Event, Losses, Process, ProcessId, Protocol, Remote, StreamSink as _, Usage,
    UsageBatch, Window,
};
use nettally_sqlite_sink::{
    Order, Reader, SqliteConfig, SqliteSink, StoreError, TimeRange, UsageQuery, WriterCounters,
    WriterStats,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

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
    many_flows(index, 1)
}

/// So many of them, told apart by their local port.
pub(crate) fn many_flows(index: i64, flows: u16) -> Event {
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
    let usage = (1..=flows)
        .map(|local_port| Usage {
            process: Arc::clone(&process),
            protocol: Protocol::Udp,
            local_port,
            remote: Remote::Unresolved,
            sent_bytes: 10,
            received_bytes: 20,
            first_activity: at(index * 1000),
            last_activity: at(index * 1000),
        })
        .collect();
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

/// Waits for a fact, not for a time.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut fact: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(found) = fact().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "it did not happen within two minutes"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A sink at work, fed by a test.
pub(crate) struct Running {
    events: mpsc::Sender<Event>,
    stats: Arc<WriterStats>,
    task: JoinHandle<Result<(), ()>>,
}

impl Running {
    pub(crate) fn start(path: &Path) -> Self {
        let (sink, stats) = open(path).unwrap();
        let (events, inbox) = mpsc::channel(1);
        let input = stream::unfold(inbox, |mut inbox| async move {
            inbox.recv().await.map(|event| (event, inbox))
        });
        let task = tokio::spawn(Box::new(sink).run(input.boxed()));
        Self {
            events,
            stats,
            task,
        }
    }

    pub(crate) async fn send(&self, events: impl Iterator<Item = Event>) {
        for event in events {
            self.events.send(event).await.unwrap();
        }
    }

    /// Waits until the counters say so.
    pub(crate) async fn until(&self, fact: impl Fn(&WriterCounters) -> bool) -> WriterCounters {
        until(async || Some(self.stats.snapshot()).filter(&fact)).await
    }

    /// The counters after an ordinary end.
    pub(crate) async fn finish(self) -> WriterCounters {
        let Self {
            events,
            stats,
            task,
        } = self;
        drop(events);
        task.await.unwrap().unwrap();
        stats.snapshot()
    }
}
