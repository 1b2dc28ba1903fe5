//! `nettally top`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use nettally_sqlite_sink::Filter;

use super::ConfigFile;
use super::backend::BackendOption;
use super::collector::{Chosen, CollectorOption};
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

    /// Only what this is true of, such as `protocol=udp and remote_ip in 10.0.0.0/8`. On the screen,
    /// `/` changes it.
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true, value_parser = condition)]
    condition: Option<(String, Filter)>,

    /// Seconds between two updates, 0.1 to 3600 [default: as configured, 1]. A daemon has its own
    /// interval, so this measures with a collector of our own.
    #[arg(long, value_name = "SECONDS")]
    interval: Option<f64>,

    #[command(flatten)]
    pub(super) collector: CollectorOption,

    #[command(flatten)]
    pub(super) backend: BackendOption,
}

fn condition(text: &str) -> Result<(String, Filter), String> {
    let filter = text.parse::<Filter>().map_err(|error| error.to_string())?;
    Ok((text.to_owned(), filter))
}

/// Shows the present until the user ends it.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options {
        once,
        json,
        condition,
        interval,
        collector,
        backend,
    } = options;
    let Config { sources, api, .. } = file.load(&backend.overrides())?;
    let (_name, mut source) = sources
        .into_iter()
        .next()
        .context("the configuration has no source to show")?;
    let mut needs_own = backend.backend.is_some().then_some("--backend");
    if let Some(seconds) = interval {
        if !(0.1..=3600.0).contains(&seconds) {
            bail!("--interval is {seconds}; allowed: 0.1 to 3600 seconds");
        }
        source.scrape_interval_secs = seconds;
        needs_own = Some("--interval");
    }
    let (filter_text, filter) = condition.unzip();
    let options = TopOptions {
        once,
        json,
        filter,
        filter_text: filter_text.unwrap_or_default(),
        interval: Duration::from_secs_f64(source.scrape_interval_secs.clamp(0.0, 3600.0)),
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?
        .block_on(async {
            match collector.choose(api, needs_own).await? {
                Chosen::Own => tui::run(&source, options).await,
                Chosen::Daemon(daemon) => tui::attach(daemon, options).await,
            }
        })?;
    Ok(ExitCode::SUCCESS)
}
