//! Windows as text for scripts and for terminals without a screen.

mod json;
mod output;
mod table;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use nettally_source::{HealthReport, UsageBatch};
use nettally_sqlite_sink::{Filter, Flow};

use super::feed::{Delivery, Feed, Update, merge};
use super::stop::StopSignals;
use output::Output;

/// A window counts as a full one from this share of the interval on; clocks are not exact.
const FULL: f64 = 0.9;

/// Prints one full interval and ends.
pub(crate) async fn once(
    mut feed: Feed,
    interval: Duration,
    json: bool,
    filter: Option<Filter>,
    mut signals: StopSignals,
) -> anyhow::Result<()> {
    let gathered = tokio::select! {
        gathered = gather(&mut feed, interval) => gathered,
        () = signals.recv() => {
            feed.stop();
            feed.join().await?;
            bail!("interrupted before the window was over");
        }
    };
    if gathered.is_some() {
        feed.stop();
    }
    feed.join().await?;
    let Some((mut window, health)) = gathered else {
        bail!("the collector ended before the window was over");
    };
    sift(&mut window, filter.as_ref());
    let health = health.as_deref();
    let text = if json {
        json::line(&window, health)?
    } else {
        table::table(&window.batch, health)
    };
    let output = Output::start();
    output.write_soon(&text).await?;
    output.finish().await
}

/// Reads windows until they cover the interval.
async fn gather(
    feed: &mut Feed,
    interval: Duration,
) -> Option<(Delivery, Option<Arc<HealthReport>>)> {
    let mut health = None;
    let mut gathered: Option<Delivery> = None;
    loop {
        match feed.next().await? {
            Update::Link(_) => {}
            Update::Health(report) => health = Some(report),
            Update::Usage(next) => {
                let so_far = match gathered.take() {
                    None => next,
                    Some(mut earlier) => {
                        merge(Arc::make_mut(&mut earlier.batch), &next.batch);
                        earlier.windows += next.windows;
                        earlier
                    }
                };
                if seconds(&so_far.batch) >= interval.as_secs_f64() * FULL {
                    return Some((so_far, health));
                }
                gathered = Some(so_far);
            }
        }
    }
}

/// Prints one JSON line for each window until a signal, or until nobody reads them. If the reader
/// is slow, windows are merged into longer ones, and the lines say so.
pub(crate) async fn lines(
    mut feed: Feed,
    filter: Option<Filter>,
    mut signals: StopSignals,
) -> anyhow::Result<()> {
    let output = Output::start();
    let mut health = None;
    let mut asked_to_stop = false;
    loop {
        let update = tokio::select! {
            biased;
            () = signals.recv(), if !asked_to_stop => {
                asked_to_stop = true;
                feed.stop();
                continue;
            }
            () = output.closed() => break,
            update = feed.next() => update,
        };
        match update {
            None => break,
            // Whoever reads lines is told of the daemon's end by the exit status.
            Some(Update::Link(_)) => {}
            Some(Update::Health(report)) => health = Some(report),
            Some(Update::Usage(mut delivery)) => {
                sift(&mut delivery, filter.as_ref());
                let line = json::line(&delivery, health.as_deref())?;
                if !asked_to_stop {
                    tokio::select! {
                        () = output.write(&line) => continue,
                        () = signals.recv() => {
                            asked_to_stop = true;
                            feed.stop();
                        }
                    }
                }
                output.write_soon(&line).await?;
            }
        }
    }
    if asked_to_stop || output.is_closed() {
        feed.stop();
    }
    feed.join().await?;
    output.finish().await
}

/// Leaves what the filter lets through; the totals are then of that.
fn sift(delivery: &mut Delivery, filter: Option<&Filter>) {
    if let Some(filter) = filter {
        let batch = Arc::make_mut(&mut delivery.batch);
        batch.usage.retain(|usage| {
            filter.matches(&Flow {
                process: &usage.process,
                protocol: usage.protocol,
                local_port: usage.local_port,
                remote: usage.remote,
            })
        });
    }
}

fn seconds(batch: &UsageBatch) -> f64 {
    let window = batch.window;
    window.end.duration_since(window.start).as_secs_f64()
}
