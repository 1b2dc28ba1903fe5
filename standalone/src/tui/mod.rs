//! The terminal screen of `nettally top`, and its output for scripts.
//!
//! `feed` is where the numbers come from (today an own collector), `model` what is known and what
//! the person has chosen, `update` what an event does to it, `view` the picture of it, `screen` the
//! only code that touches the terminal. `print` writes tables and JSON instead.

mod feed;
mod keys;
mod model;
mod print;
mod screen;
mod stop;
mod update;
mod view;

#[cfg(test)]
mod demo;
#[cfg(test)]
mod in_terminal;
#[cfg(test)]
mod testing;

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::bail;
use nettally_source::{ProcessNetworkConfig, SourceConfig};

use feed::Feed;
use stop::StopSignals;

/// What `nettally top` was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct TopOptions {
    /// The collector to run.
    pub source: ProcessNetworkConfig,
    /// Print one window and end.
    pub once: bool,
    /// Print JSON; without `once`, a line for each window.
    pub json: bool,
}

/// Runs `nettally top` until the person, the reader of its output or a signal ends it.
pub async fn run(options: TopOptions) -> anyhow::Result<()> {
    let TopOptions { source, once, json } = options;
    let interval = Duration::from_secs_f64(source.scrape_interval_secs.clamp(0.0, 3600.0));
    run_source(&source, interval, once, json).await
}

async fn run_source(
    source: &dyn SourceConfig,
    interval: Duration,
    once: bool,
    json: bool,
) -> anyhow::Result<()> {
    if !once && !json && !std::io::stdout().is_terminal() {
        bail!(
            "standard output is not a terminal; use --once for a table, --json for one line a \
             window, or both"
        );
    }
    // Before the collector starts, so that a signal can never end us without its last window.
    let signals = StopSignals::listen()?;
    let feed = Feed::collect(source).await?;
    match (once, json) {
        (true, json) => print::once(feed, interval, json, signals).await,
        (false, true) => print::lines(feed, signals).await,
        (false, false) => screen::show(feed, interval, signals).await,
    }
}
