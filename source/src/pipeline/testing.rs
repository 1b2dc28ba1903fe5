//! What every source and every sink must keep to, as tests of any crate can assert it.
//!
//! Feature `test-util`. In the manner of Vector's own compliance helpers: the component is run, and
//! what it says of itself is held against what came in and out.

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use tokio::time::timeout;

use super::component::{EventSink, Result, SendError, Sink, Source, SourceContext};
use super::counters::{ComponentCounters, Telemetry};
use super::event::{Event, UsageBatch};
use super::health::{HealthReport, LossCount, LossReason};
use super::shutdown::ShutdownSignal;

/// A component that takes longer than this to end hangs.
const HANGS: Duration = Duration::from_secs(60);

/// What a source sent from its start to its end.
#[derive(Clone, Debug, Default)]
pub struct SourceOutcome {
    /// The windows, in order.
    pub batches: Vec<Arc<UsageBatch>>,
    /// The reports, in order.
    pub reports: Vec<Arc<HealthReport>>,
}

/// Runs a source until `during` is ready, then shuts it down. Asserts that it
///
/// - does nothing before it is polled, says how it is before its first window and after each;
/// - tells windows that follow one another without gap or overlap, each flow once;
/// - takes a last window after shutdown began, and then ends well;
/// - counts as [`LossReason::NotDelivered`] what a receiver did not take in time, and goes on;
/// - ends with an error once there is no receiver.
///
/// # Panics
/// It does not.
pub async fn assert_source_compliance<B, D>(
    build: impl Fn(SourceContext) -> B,
    during: impl Fn() -> D,
) -> SourceOutcome
where
    B: Future<Output = Result<Source>>,
    D: Future<Output = ()>,
{
    let (outcome, ended) = run_source(&build, during(), Taking::All).await;
    assert_eq!(ended, Ok(()), "the source ended by an error");
    assert_windows_follow(&outcome);

    let (late, ended) = run_source(&build, during(), Taking::NoneInTime).await;
    assert_eq!(ended, Ok(()), "a receiver that is late ended the source");
    let report = late.reports.last().expect("it says how it is");
    let not_delivered = report.losses.get(LossReason::NotDelivered);
    let mut told = LossCount::default();
    // That of the last window is known only after it.
    for batch in late.batches.iter().rev().skip(1) {
        told.add(LossCount::of_rows(&batch.usage));
    }
    assert_eq!(not_delivered, told, "what was not taken in time is counted");

    let (_outcome, ended) = run_source(&build, during(), Taking::Closed).await;
    assert_eq!(ended, Err(()), "a source without a receiver has to end");
    outcome
}

fn assert_windows_follow(outcome: &SourceOutcome) {
    let SourceOutcome { batches, reports } = outcome;
    let windows: Vec<u64> = reports.iter().map(|report| report.windows).collect();
    let expected: Vec<u64> = (0..=batches.len() as u64).collect();
    assert_eq!(
        windows, expected,
        "a report first, and one after each window"
    );
    for batch in batches {
        let window = batch.window;
        assert!(window.start <= window.end, "{window:?}");
        let flows: HashSet<_> = batch
            .usage
            .iter()
            .map(|row| (row.process.id, row.protocol, row.local_port, row.remote))
            .collect();
        assert_eq!(flows.len(), batch.usage.len(), "a flow is told twice");
    }
    for pair in batches.windows(2) {
        let [before, after] = pair else { continue };
        assert_eq!(before.window.end, after.window.start, "a gap or an overlap");
    }
}

/// How a receiver takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taking {
    All,
    NoneInTime,
    Closed,
}

async fn run_source<B: Future<Output = Result<Source>>>(
    build: &impl Fn(SourceContext) -> B,
    during: impl Future<Output = ()>,
    taking: Taking,
) -> (SourceOutcome, Result<(), ()>) {
    let received = Arc::default();
    let receiver = Receiver {
        taking,
        received: Arc::clone(&received),
    };
    let (trigger, shutdown) = ShutdownSignal::wired();
    let context = SourceContext {
        key: "compliance".into(),
        shutdown,
        out: Box::new(receiver),
    };
    let source = build(context).await.expect("the source is built");
    let seen = |received: &Mutex<SourceOutcome>| {
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        received.clone()
    };
    assert!(
        seen(&received).reports.is_empty(),
        "it ran before it was polled"
    );
    let mut windows_before = 0;
    let told = async {
        if taking != Taking::Closed {
            during.await;
        }
        windows_before = seen(&received).batches.len();
        trigger.shut_down();
    };
    let (ended, ()) = futures::join!(timeout(HANGS, source), told);
    let ended = ended.expect("the source ends after shutdown");
    let outcome = seen(&received);
    if ended.is_ok() {
        assert!(
            outcome.batches.len() > windows_before,
            "no window was taken after shutdown began"
        );
    }
    (outcome, ended)
}

struct Receiver {
    taking: Taking,
    received: Arc<Mutex<SourceOutcome>>,
}

#[async_trait]
impl EventSink for Receiver {
    async fn send_batch(&mut self, events: Vec<Event>) -> Result<(), SendError> {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            match event {
                Event::Usage(batch) => received.batches.push(batch),
                Event::Health(report) => received.reports.push(report),
            }
        }
        match self.taking {
            Taking::All => Ok(()),
            Taking::NoneInTime => Err(SendError::Timeout),
            Taking::Closed => Err(SendError::Closed),
        }
    }
}

/// Gives `events` to a sink whose other side takes them. Asserts that it
///
/// - returns well at the end of its input, and delivered all before;
/// - tells of exactly the bytes that it got, of something sent, and of no error.
///
/// # Panics
/// It does not.
pub async fn assert_sink_compliance(
    sink: Sink,
    telemetry: &dyn Telemetry,
    events: Vec<Event>,
) -> ComponentCounters {
    let (put, counters) = run_sink(sink, telemetry, events).await;
    let ComponentCounters {
        received: _,
        sent,
        sent_bytes: _,
        errors,
        discarded,
    } = counters;
    assert_eq!(moved(sent), moved(put), "delivered, of what was put in");
    assert!(sent.events > 0 || put.events == 0, "nothing was sent");
    assert_eq!((errors, discarded), (0, LossCount::default()));
    counters
}

/// Gives `events` to a sink whose other side is broken for good. Asserts that it
///
/// - returns well at the end of its input all the same: failure to deliver never ends a sink;
/// - tells of errors, and of every byte either as sent or as discarded: nothing is lost in silence.
///
/// # Panics
/// It does not.
pub async fn assert_sink_compliance_when_broken(
    sink: Sink,
    telemetry: &dyn Telemetry,
    events: Vec<Event>,
) -> ComponentCounters {
    let (put, counters) = run_sink(sink, telemetry, events).await;
    assert!(counters.errors > 0, "no error was counted: {counters:?}");
    let mut told = counters.sent;
    told.add(counters.discarded);
    assert_eq!(
        moved(told),
        moved(put),
        "sent or discarded, of what was put in"
    );
    assert!(counters.discarded.events > 0, "{counters:?}");
    counters
}

/// Runs a sink to its end; the answer is what it got, and what it told.
async fn run_sink(
    sink: Sink,
    telemetry: &dyn Telemetry,
    events: Vec<Event>,
) -> (LossCount, ComponentCounters) {
    let before = telemetry.counters();
    assert_eq!(before, ComponentCounters::default(), "the sink is new");
    let mut put = LossCount::default();
    for event in &events {
        if let Event::Usage(batch) = event {
            put.add(LossCount::of_rows(&batch.usage));
        }
    }
    let ended = timeout(HANGS, sink.run(futures::stream::iter(events).boxed())).await;
    assert_eq!(ended, Ok(Ok(())), "the sink ends well when its input does");
    let mut counters = telemetry.counters();
    counters.received = put;
    let held = counters.held();
    assert!(
        held.is_zero(),
        "something is neither sent nor discarded: {held:?}"
    );
    (put, counters)
}

fn moved(count: LossCount) -> (u64, u64) {
    (count.sent_bytes, count.received_bytes)
}
