//! `nettally top`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::backend::BackendOption;
use super::{ConfigFile, rights};
use crate::config::Config;
use crate::tui::{self, TopOptions};

/// Options of `top`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print one window as text and end.
    #[arg(long)]
    once: bool,

    /// Print JSON, one line for each window.
    #[arg(long)]
    json: bool,

    /// Seconds between two updates, 0.1 to 3600 [default: as configured, 1].
    #[arg(long, value_name = "SECONDS")]
    interval: Option<f64>,

    #[command(flatten)]
    pub(super) backend: BackendOption,
}

/// Shows the present until the user ends it.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options {
        once,
        json,
        interval,
        backend,
    } = options;
    let Config { sources, .. } = file.load(&backend.overrides())?;
    let (_name, mut source) = sources
        .into_iter()
        .next()
        .context("the configuration has no source to show")?;
    if let Some(seconds) = interval {
        if !(0.1..=3600.0).contains(&seconds) {
            bail!("--interval is {seconds}; allowed: 0.1 to 3600 seconds");
        }
        source.scrape_interval_secs = seconds;
    }
    rights::require()?;
    let options = TopOptions { source, once, json };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?
        .block_on(tui::run(options))?;
    Ok(ExitCode::SUCCESS)
}
