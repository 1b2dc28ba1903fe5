//! A real server on a real socket, fed by hand.

use std::sync::Arc;

use futures::StreamExt as _;
use nettally_source::{Event, ShutdownSignal, ShutdownTrigger};
use tempfile::TempDir;

use super::*;
use crate::encode::wire;
use crate::http::{ApiState, Doors, SocketFile, serve};
use crate::live::Live;
use crate::live::testing::{batch, flow, health, instant};

struct Server {
    daemon: Daemon,
    events: tokio::sync::mpsc::Sender<Event>,
    trigger: ShutdownTrigger,
    serving: JoinHandle<()>,
    feeding: JoinHandle<Result<(), ()>>,
    _folder: TempDir,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nettally.sock");
        let live = Live::new();
        let state = ApiState {
            live: Arc::clone(&live),
            database: None,
            roster: Arc::default(),
            reloads: Arc::default(),
            limit: None,
            started: instant(0),
            token: None,
        };
        let doors = Doors {
            network: tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(),
            socket: Some(SocketFile::listen(&path).unwrap()),
        };
        let (events, from_events) = tokio::sync::mpsc::channel(1);
        let input = futures::stream::unfold(from_events, |mut events| async {
            Some((events.recv().await?, events))
        });
        let (trigger, shutdown) = ShutdownSignal::wired();
        Self {
            daemon: Daemon::find(Some(&path)).await.unwrap(),
            events,
            trigger,
            serving: tokio::spawn(serve(doors, state, shutdown)),
            feeding: tokio::spawn(live.sink().run(input.boxed())),
            _folder: folder,
        }
    }

    async fn window(&self, second: i64, sent: u64) {
        let usage = vec![flow("curl", 7, "10.0.0.1", sent, 0)];
        let event = Event::Usage(Arc::new(batch(second, usage)));
        self.events.send(event).await.unwrap();
    }

    async fn stop(self) {
        drop(self.events);
        self.trigger.shut_down();
        self.feeding.await.unwrap().unwrap();
        self.serving.await.unwrap();
    }
}

fn sent(lines: &[u8]) -> u64 {
    let lines = lines.split(|&byte| byte == b'\n');
    let values = lines.filter(|line| !line.is_empty());
    let values = values.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
    values
        .filter_map(|value| value["sent_bytes"].as_u64())
        .sum()
}

async fn rest(lines: &mut Lines) -> u64 {
    let mut sum = 0;
    while let Some(lines) = lines.next().await.unwrap() {
        sum += sent(&lines);
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_until_the_daemon_stopped_is_told_to_the_last_byte() {
    let server = Server::start().await;
    let mut lines = server.daemon.stream("format=json&host=h1").await.unwrap();
    for second in 0..2_000 {
        server.window(second, 3).await;
    }
    let ((), told) = tokio::join!(server.stop(), rest(&mut lines));
    assert_eq!(told, 6_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_gets_the_window_that_was_open() {
    let server = Server::start().await;
    let mut lines = server.daemon.stream("format=json").await.unwrap();
    server.window(0, 5).await;
    assert_eq!(sent(&lines.next().await.unwrap().unwrap()), 5);
    lines.leave().ask().await.unwrap();
    // The windows of these tests are in the past, all but this.
    server.window(0, 7).await;
    server.window(4_000_000_000, 9).await;
    server.window(4_000_000_001, 100).await;
    assert_eq!(rest(&mut lines).await, 16);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_whole_and_the_state_comes_first() {
    let server = Server::start().await;
    let report = Event::Health(Arc::new(health()));
    server.events.send(report).await.unwrap();
    server.window(0, 1).await;
    let mut lines = server.daemon.stream("format=events").await.unwrap();
    server.window(1, 2).await;
    let mut reader = wire::Reader::default();
    let mut events = Vec::new();
    while events.len() < 2 {
        let lines = lines.next().await.unwrap().unwrap();
        let lines = lines.split_inclusive(|&byte| byte == b'\n');
        events.extend(lines.filter_map(|line| reader.read(line).unwrap()));
    }
    assert!(matches!(&events[0], Event::Health(report) if **report == health()));
    assert!(matches!(&events[1], Event::Usage(batch) if batch.usage[0].sent_bytes <= 2));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_the_daemons_words() {
    let server = Server::start().await;
    let refused = server.daemon.stream("format=xml").await.unwrap_err();
    let text = format!("{refused:#}");
    assert!(
        text.contains("allowed: json, native_json, events"),
        "{text}"
    );
    server.stop().await;
}

#[tokio::test]
async fn nobody_there_and_no_socket_are_told_apart() {
    let nobody = Daemon::find(Some(Path::new("/nonexistent/x.sock"))).await;
    assert!(matches!(nobody, Err(Absence::Nobody(_))), "{nobody:?}");
    let none = Daemon::find(Some(Path::new(""))).await;
    assert!(matches!(none, Err(Absence::NotConfigured)), "{none:?}");
}
