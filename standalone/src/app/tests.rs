mod reload;
mod slow;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use jiff::Timestamp;
use nettally_source::{
    ComponentKey, Event, Problem, Protocol, ShutdownSignal, Source, SourceConfig, SourceContext,
    StreamSink,
};
use nettally_sqlite_sink::{Field, Order, Reader, SqliteConfig, TimeRange, UsageQuery};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::cardinality::SeriesConfig;
use crate::config::{self, Config, Overrides, SinkKind};
use crate::delivery::testing::listener;
use crate::http_sink::testing::FakeServer;
use crate::topology::WhenFull;
use crate::topology::testing::{batch, row, second};
use crate::vector::testing::FakeVector;
use crate::{http_sink, vector};

/// Sends one window at once, and a last one when it is told to end.
#[derive(Clone, Debug, Default)]
struct TwoWindows {
    built: Arc<AtomicBool>,
    /// Ends by itself after the first window.
    impatient: bool,
}

impl PartialEq for TwoWindows {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.built, &other.built) && self.impatient == other.impatient
    }
}

#[async_trait]
impl SourceConfig for TwoWindows {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn build(&self, mut cx: SourceContext) -> nettally_source::Result<Source> {
        let Self { built, impatient } = self;
        built.store(true, Ordering::SeqCst);
        let impatient = *impatient;
        Ok(async move {
            let window = |number| {
                let usage = [row("curl", Protocol::Tcp, 1).moved(10, 1)];
                vec![Event::Usage(Arc::new(batch(number, usage)))]
            };
            cx.out.send_batch(window(0)).await.map_err(drop)?;
            if !impatient {
                cx.shutdown.await;
            }
            cx.out.send_batch(window(1)).await.map_err(drop)
        }
        .boxed())
    }
}

fn api(address: SocketAddr) -> ApiPlan {
    ApiPlan {
        address,
        socket: None,
        token_file: None,
        metrics: SeriesConfig::of_metrics(),
        limit: None,
    }
}

#[derive(Clone, Debug)]
enum Misbehaving {
    Panics,
    NeverEnds,
    /// Blocks a thread for as long as the sender lives, and a minute at most.
    Blocks(Arc<Mutex<std::sync::mpsc::Receiver<()>>>),
}

impl PartialEq for Misbehaving {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

#[async_trait]
impl BuildSink for Misbehaving {
    fn type_name(&self) -> &'static str {
        "misbehaving"
    }

    async fn build(
        &self,
        _key: ComponentKey,
        _ending: ShutdownSignal,
    ) -> nettally_source::Result<BuiltSink> {
        Ok(BuiltSink {
            sink: Box::new(self.clone()),
            delivery: None,
        })
    }
}

#[async_trait]
impl StreamSink for Misbehaving {
    async fn run(self: Box<Self>, mut input: BoxStream<'_, Event>) -> Result<(), ()> {
        input.next().await;
        match *self {
            Self::Panics => panic!("this sink has a bug"),
            Self::NeverEnds => std::future::pending().await,
            Self::Blocks(gate) => tokio::task::spawn_blocking(move || {
                let gate = gate.lock().unwrap();
                // Longer than any end may take, so that waiting for it fails a test.
                gate.recv_timeout(Duration::from_secs(60)).map_err(drop)
            })
            .await
            .unwrap(),
        }
    }
}

fn sink(name: &str, kind: impl BuildSink + 'static) -> SinkPlan {
    SinkPlan {
        name: name.to_owned(),
        inputs: vec!["network".to_owned()],
        when_full: WhenFull::Block,
        buffer_windows: Config::DEFAULT_BUFFER_WINDOWS,
        kind: Box::new(kind),
    }
}

fn history(path: &Path) -> SinkPlan {
    let config = SqliteConfig {
        path: Some(path.to_owned()),
        ..SqliteConfig::default()
    };
    sink("history", SinkKind::Sqlite(config))
}

fn plan(source: TwoWindows, sinks: Vec<SinkPlan>, folder: &Path) -> Plan {
    Plan {
        sources: vec![SourcePlan {
            name: "network".to_owned(),
            config: Box::new(source),
        }],
        sinks,
        api: None,
        data_dir: folder.to_owned(),
        databases: vec![folder.join("n.db")],
        shutdown_deadline: Duration::from_secs(10),
        shown: serde_json::Value::Null,
    }
}

fn noon() -> Timestamp {
    second(0)
}

fn stored(path: &Path) -> (u64, u64) {
    stored_until(path, 10)
}

fn stored_until(path: &Path, seconds: i64) -> (u64, u64) {
    let answer = Reader::open(path)
        .unwrap()
        .usage(&UsageQuery {
            range: TimeRange {
                since: second(-10),
                until: second(seconds),
            },
            group_by: vec![Field::Process],
            filter: None,
            order: Order::default(),
            limit: None,
            offset: 0,
        })
        .unwrap();
    (answer.total.sent_bytes, answer.total.received_bytes)
}

async fn refused(plan: Plan) -> String {
    let error = start(plan, noon).await.err().unwrap();
    format!("{error:#}")
}

#[tokio::test]
async fn the_last_window_is_stored_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/n.db");
    let mut plan = plan(
        TwoWindows::default(),
        vec![history(&path)],
        &folder.path().join("new"),
    );
    plan.databases = vec![path.clone()];
    plan.api = Some(api("127.0.0.1:0".parse().unwrap()));
    let running = start(plan, noon).await.unwrap();
    assert!(running.page().is_some_and(|page| page.port() != 0));
    running.join(async {}).await.unwrap();
    assert_eq!(stored(&path), (20, 2));
}

/// The whole way, with the kernel made up: the same bytes in the file, in UDP and by HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn every_face_has_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let statsd = UdpSocket::bind("127.0.0.1:0").unwrap();
    let vector = FakeVector::start(listener().await, None, [], vector::testing::Answer::Take);
    let take = http_sink::testing::Answer::Say(200);
    let server = FakeServer::start(listener().await, None, [], take);
    let yaml = format!(
        "data_dir: {}\napi: {{ address: 127.0.0.1:0 }}\nsinks:\n  \
         history: {{ type: sqlite, flush_interval_secs: 0.1 }}\n  \
         statsd: {{ type: statsd, address: {} }}\n  \
         vector: {{ type: vector, address: {}, batch: {{ timeout_secs: 0.1 }} }}\n  \
         web: {{ type: http, uri: {}, batch: {{ timeout_secs: 0.1 }} }}\n",
        folder.path().display(),
        statsd.local_addr().unwrap(),
        vector.address(),
        server.uri(),
    );
    let config = config::parse(&yaml, "test", &Overrides::default()).unwrap();
    let mut plan = Plan::from(config);
    plan.sources[0].config = Box::new(TwoWindows::default());
    let running = start(plan, noon).await.unwrap();
    let page = running.page().unwrap();

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let joined = tokio::spawn(running.join(async { stopped.await.unwrap_or_default() }));
    let total = loop {
        let answer = ask(page, "/api/v1/usage?since=2023-11-14&until=2023-11-15").await;
        if answer["total"]["sent_bytes"] != 0 {
            break answer["total"].clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(total, json!({ "sent_bytes": 10, "received_bytes": 1 }));
    let health = ask(page, "/api/v1/health").await;
    let sinks: Vec<_> = health["sinks"].as_array().unwrap().iter().collect();
    let names: Vec<_> = sinks.iter().map(|sink| &sink["name"]).collect();
    let expected = ["history", "statsd", "vector", "web", "live"];
    assert_eq!(names, expected, "{health:#}");
    stop.send(()).unwrap();
    joined.await.unwrap().unwrap();

    statsd.set_nonblocking(true).unwrap();
    let mut datagram = [0; 200];
    for _window in 0..2 {
        let length = statsd.recv(&mut datagram).unwrap();
        assert_eq!(
            std::str::from_utf8(&datagram[..length]).unwrap(),
            "nettally.process.curl.tcp.sent_bytes:10|c\n\
             nettally.process.curl.tcp.received_bytes:1|c"
        );
    }
    assert_eq!(stored(&folder.path().join("nettally.db")), (20, 2));
    assert_eq!((vector.moved(), server.moved()), ((20, 2), (20, 2)));
}

/// The JSON at a path of the page.
async fn ask(page: SocketAddr, path: &str) -> Value {
    let mut stream = TcpStream::connect(page).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (_head, body) = response.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {response}"))
}

/// Nobody answers at one address, and at the other nobody takes.
#[tokio::test(flavor = "multi_thread")]
async fn dead_servers_cost_their_own_sinks_alone() {
    let folder = tempfile::tempdir().unwrap();
    let gone = listener().await.local_addr().unwrap();
    let refuses = http_sink::testing::Answer::Say(400);
    let server = FakeServer::start(listener().await, None, [], refuses);
    let yaml = format!(
        "data_dir: {}\napi: {{ address: 127.0.0.1:0 }}\nsinks:\n  \
         history: {{ type: sqlite, flush_interval_secs: 0.1 }}\n  \
         vector: {{ type: vector, address: {gone}, request: {{ retry_attempts: 0 }} }}\n  \
         web: {{ type: http, uri: {}, batch: {{ timeout_secs: 0.1 }} }}\n",
        folder.path().display(),
        server.uri(),
    );
    let config = config::parse(&yaml, "test", &Overrides::default()).unwrap();
    let mut plan = Plan::from(config);
    plan.sources[0].config = Box::new(TwoWindows::default());
    let running = start(plan, noon).await.unwrap();
    let page = running.page().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let joined = tokio::spawn(running.join(async { stopped.await.unwrap_or_default() }));
    let failed = json!({ "events": 2, "sent_bytes": 10, "received_bytes": 1 });
    loop {
        let health = ask(page, "/api/v1/health").await;
        let sinks = &health["sinks"];
        let dropped = |index: usize, reason: &str| {
            sinks[index]["delivery"]["dropped_by_reason"][reason].clone()
        };
        if dropped(1, "retries_exhausted") == failed && dropped(2, "rejected")["sent_bytes"] == 10 {
            assert_eq!(sinks[0]["losses"], json!({}), "{health:#}");
            assert_eq!(health["losses"]["sink_failed"]["sent_bytes"], 20);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.send(()).unwrap();
    joined.await.unwrap().unwrap();
    assert_eq!(stored(&folder.path().join("nettally.db")), (20, 2));
}

#[tokio::test]
async fn a_source_that_ends_by_itself_ends_the_program_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let source = TwoWindows {
        impatient: true,
        ..TwoWindows::default()
    };
    let running = start(plan(source, vec![history(&path)], folder.path()), noon)
        .await
        .unwrap();
    let error = running.join(std::future::pending()).await.unwrap_err();
    assert!(
        error.to_string().contains("the source `network`"),
        "{error}"
    );
    assert_eq!(stored(&path), (20, 2));
}

#[tokio::test]
async fn a_sink_with_a_bug_ends_the_program_and_the_others_store_what_they_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let sinks = vec![sink("bad", Misbehaving::Panics), history(&path)];
    let running = start(plan(TwoWindows::default(), sinks, folder.path()), noon)
        .await
        .unwrap();
    let error = running.join(std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains("the sink `bad`"), "{error}");
    assert_eq!(stored(&path), (20, 2));
}

#[tokio::test]
async fn who_misses_the_deadline_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let sinks = vec![sink("slow", Misbehaving::NeverEnds), history(&path)];
    let mut plan = plan(TwoWindows::default(), sinks, folder.path());
    plan.shutdown_deadline = Duration::from_secs(1);
    let running = start(plan, noon).await.unwrap();
    let error = running.join(async {}).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sink `slow` (which loses 20 bytes sent and 2 received) did not end within 1 seconds \
         (`shutdown_deadline_secs`)"
    );
    assert_eq!(stored(&path), (20, 2));
}

#[test]
fn a_sink_that_blocks_a_thread_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let sinks = vec![
        sink("stuck", Misbehaving::Blocks(Arc::clone(&gate))),
        history(&path),
    ];
    let mut plan = plan(TwoWindows::default(), sinks, folder.path());
    plan.shutdown_deadline = Duration::from_secs(1);
    let error = run_to_end(async {
        let running = start(plan, noon).await?;
        running.join(async {}).await
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sink `stuck` (which loses 20 bytes sent and 2 received) did not end within 1 seconds \
         (`shutdown_deadline_secs`)"
    );
    assert_eq!(stored(&path), (20, 2));
    assert!(gate.try_lock().is_err(), "its thread is still there");
    drop(open);
}

#[tokio::test]
async fn an_address_in_use_is_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = TwoWindows::default();
    let built = Arc::clone(&source.built);
    let path = folder.path().join("n.db");
    let mut plan = plan(source, vec![history(&path)], folder.path());
    plan.api = Some(api(taken.local_addr().unwrap()));
    let error = refused(plan).await;
    assert!(
        error.starts_with("cannot serve the page at 127.0.0.1:"),
        "{error}"
    );
    assert!(error.contains("is another nettally running?"), "{error}");
    assert!(!built.load(Ordering::SeqCst) && !path.exists());
}

#[tokio::test]
async fn a_database_that_cannot_be_made_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    std::fs::create_dir(&path).unwrap();
    let error = refused(plan(
        TwoWindows::default(),
        vec![history(&path)],
        folder.path(),
    ))
    .await;
    assert!(error.contains("the sink `history`"), "{error}");
    assert!(error.contains(path.to_str().unwrap()), "{error}");

    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("data");
    let mut plan = plan(TwoWindows::default(), Vec::new(), &below);
    plan.databases = vec![below.join("n.db")];
    let error = refused(plan).await;
    assert!(error.contains("cannot make the data directory"), "{error}");
    assert!(error.contains("--data-dir"), "{error}");
}
