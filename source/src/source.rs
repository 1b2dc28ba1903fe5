//! The source's future: ticks until shutdown, then one last tick.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::MissedTickBehavior;
use tracing::{debug, error, warn};

use crate::collect::Collector;
use crate::config::ProcessNetworkConfig;
use crate::kernel::{Kernel, KernelError};
use crate::pipeline::{Event, EventSink, Result, SendError, Source, SourceContext};
use crate::process::{Naming, ProcFolder, ProcessTable};
use crate::selection::Selection;
use crate::windows::Clocks;

/// Ticks that may fail one after the other before the source gives up.
const MAX_FAILURES: u32 = 10;

/// Loads the programs and returns the future that reads their counters.
pub(crate) async fn build(config: ProcessNetworkConfig, cx: SourceContext) -> Result<Source> {
    let SourceContext { key, shutdown, out } = cx;
    let selection = Selection::new(&config.processes, config.tunnels)?;
    let naming = Naming::new(&config)?;
    let processes = ProcessTable::new(
        ProcFolder::new("/proc"),
        naming,
        config.process_table_entries,
    );
    let interval = Duration::from_secs_f64(config.scrape_interval_secs);
    let kernel = tokio::task::spawn_blocking(move || Kernel::load(&config)).await??;
    let collector = Collector::new(
        key.id().to_owned(),
        Box::new(kernel),
        processes,
        selection,
        clocks(),
    );
    Ok(Box::pin(run(collector, interval, shutdown, out)))
}

pub(crate) async fn run(
    mut collector: Collector,
    interval: Duration,
    mut shutdown: crate::pipeline::ShutdownSignal,
    mut out: Box<dyn EventSink>,
) -> Result<(), ()> {
    let first = collector.first_report(clocks());
    deliver(&mut collector, out.as_mut(), vec![first]).await?;
    let mut ticks = tokio::time::interval(interval);
    // A late tick is a longer window, not several empty ones.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is now.
    ticks.tick().await;
    let mut is_last = false;
    let mut failures = 0;
    loop {
        // After the signal the last window is taken at once, and tried again if that fails.
        is_last = is_last
            || tokio::select! {
                () = &mut shutdown => true,
                _now = ticks.tick() => false,
            };
        let (returned, events) = tick(collector).await?;
        collector = returned;
        match events {
            Ok(events) => {
                failures = 0;
                deliver(&mut collector, out.as_mut(), events).await?;
                if is_last {
                    debug!("Took the last window.");
                    return let_go(collector).await;
                }
            }
            Err(error) => {
                failures += 1;
                warn!(%error, cause = ?std::error::Error::source(&error), failures, "Counters not read.");
                if failures == MAX_FAILURES {
                    error!("Gave up reading the kernel's counters.");
                    return Err(());
                }
            }
        }
    }
}

/// One tick on a thread that may block: draining waits for the kernel, naming reads `/proc`.
async fn tick(
    mut collector: Collector,
) -> Result<(Collector, Result<Vec<Event>, KernelError>), ()> {
    let task = tokio::task::spawn_blocking(move || {
        let events = collector.tick(clocks);
        (collector, events)
    });
    task.await
        .map_err(|panic| error!(%panic, "A tick panicked."))
}

/// Detaches from the kernel on a thread that may block: it waits for programs that run.
async fn let_go(collector: Collector) -> Result<(), ()> {
    tokio::task::spawn_blocking(move || drop(collector))
        .await
        .map_err(|panic| error!(%panic, "Detaching from the kernel panicked."))
}

/// Delivers, or counts what was not; an error if there is nobody to deliver to any more.
async fn deliver(
    collector: &mut Collector,
    out: &mut dyn EventSink,
    events: Vec<Event>,
) -> Result<(), ()> {
    // Cheap: the data is shared.
    match out.send_batch(events.clone()).await {
        Ok(()) => Ok(()),
        Err(SendError::Timeout) => {
            collector.not_delivered(&events);
            Ok(())
        }
        Err(error @ SendError::Closed) => {
            collector.not_delivered(&events);
            error!(%error, "The source ends.");
            Err(())
        }
    }
}

/// Reads both clocks.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate that reads the clock"
)]
fn clocks() -> Clocks {
    Clocks {
        wall: Timestamp::now(),
        monotonic_ns: crate::kernel::monotonic_ns(),
    }
}
