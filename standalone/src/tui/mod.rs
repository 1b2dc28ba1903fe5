//! The terminal screen of `nettally top`, and its output for scripts.
//!
//! `feed` is where the numbers come from (a daemon or an own collector), `model` what is known and what
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
use nettally_source::SourceConfig;
use nettally_sqlite_sink::Filter;

use crate::client::Daemon;
use feed::{Feed, WhenGone};
use model::settings::Settings;
use model::sieve::Sieve;
use stop::StopSignals;

/// What `nettally top` was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct TopOptions {
    /// Print one window and end.
    pub once: bool,
    /// Print JSON; without `once`, a line for each window.
    pub json: bool,
    /// What is shown or printed at first.
    pub filter: Option<Filter>,
    /// The filter as it was written.
    pub filter_text: String,
    /// Between two windows.
    pub interval: Duration,
}

/// Runs `nettally top` with a collector of its own, until the person, the reader of its output or a
/// signal ends it.
///
/// # Errors
/// It could not start, or ended for another reason.
pub async fn run(source: &dyn SourceConfig, options: TopOptions) -> anyhow::Result<()> {
    let options = options.checked()?;
    // Before the collector starts, so that a signal can never end us without its last window.
    let signals = StopSignals::listen()?;
    let feed = Feed::collect(source).await?;
    options.show(feed, signals).await
}

/// Runs `nettally top` with the numbers of a daemon. The screen stays if the daemon ends, and goes on
/// with the next.
///
/// # Errors
/// As [`run`], and if the daemon ends before what is printed is whole.
pub async fn attach(daemon: Daemon, options: TopOptions) -> anyhow::Result<()> {
    let options = options.checked()?;
    let signals = StopSignals::listen()?;
    let when_gone = if options.once || options.json {
        WhenGone::End
    } else {
        WhenGone::Reconnect
    };
    let feed = Feed::attach(daemon, when_gone).await?;
    options.show(feed, signals).await
}

impl TopOptions {
    fn checked(self) -> anyhow::Result<Self> {
        if !self.once && !self.json && !std::io::stdout().is_terminal() {
            bail!(
                "standard output is not a terminal; use --once for a table, --json for one line a \
                 window, or both"
            );
        }
        Ok(self)
    }

    async fn show(self, feed: Feed, signals: StopSignals) -> anyhow::Result<()> {
        let Self {
            once,
            json,
            filter,
            filter_text,
            interval,
        } = self;
        match (once, json) {
            (true, json) => print::once(feed, interval, json, filter, signals).await,
            (false, true) => print::lines(feed, filter, signals).await,
            (false, false) => {
                let settings = Settings {
                    filter: Sieve::of(filter_text),
                    ..Settings::default()
                };
                screen::show(feed, interval, settings, signals).await
            }
        }
    }
}
