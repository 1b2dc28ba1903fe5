//! Batches, retries and the end, in time that is made up: no network, no waiting.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use http::Uri;
use nettally_source::{Event, LossCount, ShutdownSignal, Sink};
use tokio::time::{Instant, sleep};

use super::failure::FailureKind::{self, BrokenOff, Busy, Rejected, Unanswered, Unreachable};
use super::options::{BatchConfig, RequestConfig};
use super::testing::{
    MOVED, counted, dropped_by_reason, figures, put, run, waiting, window, windows,
};
use super::*;
use crate::encode::{Encoder, Format, Line, Origin, Telemetry};
use crate::topology::{Inlet, Queue, WhenFull};

/// What a made-up server does with one attempt.
#[derive(Clone, Copy, Debug)]
enum Act {
    Take,
    Fail(FailureKind),
    /// As `Fail(Busy)`, with a wait in seconds.
    Ask(u64),
    /// Never answers.
    Hang,
    Panic,
}

/// What came, when, to which server.
type Log = Arc<Mutex<Vec<(Duration, String, Bytes)>>>;

struct Fake {
    begun: Instant,
    acts: Arc<Mutex<Vec<Act>>>,
    last: Act,
    log: Log,
}

#[async_trait]
impl Push for Fake {
    async fn push(&self, endpoint: &Uri, body: Bytes) -> Result<(), Failure> {
        let host = endpoint.host().unwrap().to_owned();
        let at = Instant::now() - self.begun;
        self.log.lock().unwrap().push((at, host, body));
        let act = {
            let mut acts = self.acts.lock().unwrap();
            if acts.is_empty() {
                self.last
            } else {
                acts.remove(0)
            }
        };
        match act {
            Act::Take => Ok(()),
            Act::Fail(kind) => Err(Failure::new(kind, "as the test says")),
            Act::Ask(seconds) => Err(Failure {
                retry_after: Some(Duration::from_secs(seconds)),
                ..Failure::new(Busy, "as the test says")
            }),
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("as the test says"),
        }
    }
}

struct Lines(Encoder);

impl Itemize for Lines {
    fn items<'a>(&'a mut self, event: &'a Event) -> Box<dyn Iterator<Item = Item> + Send + 'a> {
        Box::new(
            self.0
                .counted_lines(event)
                .map(|Line { text, content }| Item {
                    bytes: text.into_bytes(),
                    content,
                }),
        )
    }
}

/// A sink before a made-up server.
struct Setup {
    request: RequestConfig,
    batch: BatchConfig,
    acknowledgements: bool,
    hosts: &'static [&'static str],
    ending: ShutdownSignal,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            request: RequestConfig::default(),
            batch: BatchConfig::default(),
            acknowledgements: true,
            hosts: &["a"],
            ending: ShutdownSignal::never(),
        }
    }
}

impl Setup {
    fn build(self, acts: impl IntoIterator<Item = Act>, last: Act) -> (Sink, Arc<Delivered>, Log) {
        let log = Log::default();
        let delivered = Arc::new(Delivered::default());
        let fake = Fake {
            begun: Instant::now(),
            acts: Arc::new(Mutex::new(acts.into_iter().collect())),
            last,
            log: Arc::clone(&log),
        };
        let uri = |host: &&str| format!("http://{host}:1").parse().unwrap();
        let endpoints = Endpoints::new(self.hosts.iter().map(uri).collect());
        let post = Post::new(
            "test".into(),
            Box::new(fake),
            Arc::new(endpoints),
            Arc::clone(&delivered),
            &self.request,
            self.acknowledgements,
            self.ending,
        );
        let origin = Origin {
            host: String::new(),
            pid: 1,
        };
        let courier = Courier {
            itemize: Box::new(Lines(Encoder::of(Format::Json, Telemetry::Logs, origin))),
            framing: Framing::Concatenated,
            batch: self.batch,
            concurrency: self.request.concurrency,
            post: Arc::new(post),
            greeting: None,
        };
        (Box::new(courier), delivered, log)
    }
}

fn hosts(log: &Log) -> Vec<String> {
    log.lock()
        .unwrap()
        .iter()
        .map(|(_, host, _)| host.clone())
        .collect()
}

fn times(log: &Log) -> Vec<Duration> {
    log.lock().unwrap().iter().map(|(at, _, _)| *at).collect()
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_sent_again_as_it_was_until_it_is_taken() {
    for kind in [Unreachable, Busy, Unanswered, BrokenOff] {
        let (sink, delivered, log) = Setup::default().build([Act::Fail(kind); 4], Act::Take);
        run(sink, windows()).await;
        assert_eq!(counted(&delivered), [MOVED, (0, 0)], "{kind:?}");
        let log = log.lock().unwrap();
        assert_eq!(log.len(), 5);
        assert!(log.iter().all(|(_, _, body)| *body == log[0].2));
        let figures = figures(&delivered);
        assert_eq!(figures["requests"], 1);
        assert_eq!(figures["failed_requests"], 4);
        assert_eq!(figures["requests_held"], 0);
        assert_eq!(figures["endpoints"][0]["healthy"], true);
        assert_eq!(figures["last_error"], "as the test says");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_double_up_to_their_bound_and_no_two_machines_wait_alike() {
    let waits = || async {
        let (sink, _delivered, log) =
            Setup::default().build([Act::Fail(Unreachable); 8], Act::Take);
        run(sink, windows()).await;
        let times = times(&log);
        let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        waits
    };
    let (one, other) = (waits().await, waits().await);
    for waits in [&one, &other] {
        for (wait, least) in waits.iter().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
            let least = Duration::from_secs(least);
            // Timers have milliseconds.
            let most = least * 2 + Duration::from_millis(2);
            assert!((least..=most).contains(wait), "{wait:?} for {least:?}");
        }
    }
    assert_ne!(one, other);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_server_asks_for_is_kept_up_to_a_bound() {
    for (asked, least, most) in [(90, 90, 91), (1_000_000, 300, 301)] {
        let (sink, _delivered, log) = Setup::default().build([Act::Ask(asked)], Act::Take);
        run(sink, windows()).await;
        let waited = times(&log)[1] - times(&log)[0];
        assert!(waited >= Duration::from_secs(least), "{waited:?}");
        assert!(waited <= Duration::from_secs(most), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_counted_by_reason() {
    let twice = RequestConfig {
        retry_attempts: Some(2),
        ..RequestConfig::default()
    };
    let cases = [
        (
            Act::Fail(Rejected),
            RequestConfig::default(),
            true,
            "rejected",
            1,
        ),
        (Act::Fail(Busy), twice.clone(), true, "retries_exhausted", 3),
        (Act::Hang, twice, true, "retries_exhausted", 3),
        (
            Act::Fail(BrokenOff),
            RequestConfig::default(),
            true,
            "retries_exhausted",
            6,
        ),
        (
            Act::Fail(Unanswered),
            RequestConfig::default(),
            false,
            "unconfirmed",
            1,
        ),
        (Act::Hang, RequestConfig::default(), false, "unconfirmed", 1),
    ];
    for (last, request, acknowledgements, reason, attempts) in cases {
        let setup = Setup {
            request,
            acknowledgements,
            ..Setup::default()
        };
        let (sink, delivered, log) = setup.build([], last);
        run(sink, windows()).await;
        assert_eq!(counted(&delivered), [(0, 0), MOVED], "{last:?}");
        let all = LossCount {
            events: 15,
            sent_bytes: MOVED.0,
            received_bytes: MOVED.1,
        };
        assert_eq!(
            dropped_by_reason(&delivered),
            [(reason.to_owned(), all)].into()
        );
        assert_eq!(log.lock().unwrap().len(), attempts, "{last:?}");
        assert_eq!(figures(&delivered)["dropped_requests"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_ends_with_its_deadline() {
    let (sink, delivered, log) = Setup::default().build([Act::Hang], Act::Take);
    run(sink, windows()).await;
    assert!(times(&log)[1] >= Duration::from_secs(60));
    assert_eq!(counted(&delivered), [MOVED, (0, 0)]);
    let error = &figures(&delivered)["last_error"];
    assert_eq!(error, "no answer within 60 seconds");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_is_passed_over_without_a_wait() {
    let setup = Setup {
        batch: BatchConfig {
            max_events: 3,
            ..BatchConfig::default()
        },
        hosts: &["a", "b", "c"],
        ..Setup::default()
    };
    let (sink, delivered, log) = setup.build([Act::Fail(Unreachable)], Act::Take);
    run(sink, windows()).await;
    // It is `a` that failed; it rests while the others take turns.
    assert_eq!(hosts(&log), ["a", "b", "c", "b", "c", "b"]);
    assert!(times(&log).iter().all(|at| at.is_zero()), "{log:?}");
    assert_eq!(counted(&delivered), [MOVED, (0, 0)]);
    let endpoints = &figures(&delivered)["endpoints"];
    assert_eq!(endpoints[0]["healthy"], false);
    assert_eq!(endpoints[1]["healthy"], true);
}

#[tokio::test(start_paused = true)]
async fn when_all_servers_fail_each_is_asked_once_before_a_wait() {
    let setup = Setup {
        hosts: &["a", "b"],
        ..Setup::default()
    };
    let (sink, _delivered, log) = setup.build([Act::Fail(Unreachable); 3], Act::Take);
    run(sink, windows()).await;
    assert_eq!(hosts(&log).len(), 4);
    let times = times(&log);
    assert!(
        times[1].is_zero() && times[2] >= Duration::from_secs(1),
        "{times:?}"
    );
}

/// Windows come one a second; the server is dead for ten minutes, then lives.
async fn outage(when_full: WhenFull) -> (Arc<Queue>, Arc<Delivered>) {
    let queue = Queue::new(NonZeroUsize::new(3).unwrap(), when_full);
    let inlet = Inlet::into(&queue);
    let dead_for = Duration::from_secs(600);
    let (sink, delivered, _log) = Setup::default().build([Act::Fail(Unreachable); 20], Act::Take);
    let input = queue.outlet();
    let running = tokio::spawn(sink.run(input));
    for number in 0..dead_for.as_secs() {
        put(&inlet, window(i64::try_from(number).unwrap()));
        sleep(Duration::from_secs(1)).await;
        assert!(waiting(&queue) <= 3);
    }
    drop(inlet);
    running.await.unwrap().unwrap();
    (queue, delivered)
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_merged_windows_arrive_with_every_byte() {
    let (queue, delivered) = outage(WhenFull::Block).await;
    assert_eq!(counted(&delivered), [(600 * 1_057, 600 * 80), (0, 0)]);
    assert!(queue.stats().merged_windows > 300);
    assert!(queue.losses().is_empty());
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_windows_that_are_dropped_are_counted() {
    let (queue, delivered) = outage(WhenFull::DropNewest).await;
    let [delivered, failed] = counted(&delivered);
    let dropped = queue.stats().dropped;
    assert_eq!(failed, (0, 0));
    assert!(dropped.sent_bytes > 300 * 1_057);
    assert_eq!(delivered.0 + dropped.sent_bytes, 600 * 1_057);
    assert_eq!(delivered.1 + dropped.received_bytes, 600 * 80);
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_for_others_no_longer_than_it_may() {
    let (sink, _delivered, log) = Setup::default().build([], Act::Take);
    let queue = Queue::new(NonZeroUsize::MIN, WhenFull::Block);
    let inlet = Inlet::into(&queue);
    let running = tokio::spawn(sink.run(queue.outlet()));
    sleep(Duration::from_secs(5)).await;
    for number in 0..3 {
        put(&inlet, window(number));
        sleep(Duration::from_millis(400)).await;
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(times(&log).len(), 1);
    let at = times(&log)[0];
    let expected = Duration::from_secs(6)..Duration::from_millis(6_010);
    assert!(expected.contains(&at), "{at:?}");
    drop(inlet);
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_may_be() {
    for concurrency in [1, 3] {
        let setup = Setup {
            request: RequestConfig {
                concurrency,
                ..RequestConfig::default()
            },
            batch: BatchConfig {
                max_events: 1,
                ..BatchConfig::default()
            },
            ..Setup::default()
        };
        let (sink, delivered, log) = setup.build([], Act::Hang);
        let events = windows()
            .into_iter()
            .map(|batch| Event::Usage(Arc::new(batch)));
        let input = futures::stream::iter(events).boxed();
        let running = tokio::spawn(sink.run(input));
        sleep(Duration::from_secs(30)).await;
        assert_eq!(log.lock().unwrap().len(), concurrency);
        assert_eq!(figures(&delivered)["requests_held"], concurrency);
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_a_dead_server_is_tried_until_it_is_too_late_and_then_all_is_counted() {
    let queue = Queue::new(NonZeroUsize::new(10).unwrap(), WhenFull::Block);
    let inlet = Inlet::into(&queue);
    let ended = queue.ending();
    let too_late = async {
        ended.await;
        sleep(Duration::from_secs(9)).await;
    };
    let setup = Setup {
        ending: ShutdownSignal::new(too_late),
        ..Setup::default()
    };
    let (sink, delivered, _log) = setup.build([], Act::Fail(Unreachable));
    let running = tokio::spawn(sink.run(queue.outlet()));
    put(&inlet, window(0));
    sleep(Duration::from_secs(600)).await;
    for number in 1..5 {
        put(&inlet, window(number));
    }
    assert_eq!(counted(&delivered), [(0, 0), (0, 0)]);
    let begun = Instant::now();
    drop(inlet);
    running.await.unwrap().unwrap();
    let took = begun.elapsed();
    let expected = Duration::from_secs(9)..Duration::from_millis(9_010);
    assert!(expected.contains(&took), "{took:?}");
    assert_eq!(counted(&delivered), [(0, 0), MOVED]);
    let reasons: Vec<_> = dropped_by_reason(&delivered).into_keys().collect();
    assert_eq!(reasons, ["shutdown"]);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_can_be_delivered_is() {
    let queue = Queue::new(NonZeroUsize::new(10).unwrap(), WhenFull::Block);
    let inlet = Inlet::into(&queue);
    let (sink, delivered, _log) = Setup::default().build([Act::Fail(Unreachable); 3], Act::Take);
    for batch in windows() {
        put(&inlet, batch);
    }
    drop(inlet);
    sink.run(queue.outlet()).await.unwrap();
    assert_eq!(counted(&delivered), [MOVED, (0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_request_lost_by_a_bug_is_counted_and_said() {
    let (sink, delivered, _log) = Setup::default().build([], Act::Panic);
    let events = windows()
        .into_iter()
        .map(|batch| Event::Usage(Arc::new(batch)));
    let outcome = sink.run(futures::stream::iter(events).boxed()).await;
    assert_eq!(outcome, Err(()));
    assert_eq!(counted(&delivered), [(0, 0), MOVED]);
}
