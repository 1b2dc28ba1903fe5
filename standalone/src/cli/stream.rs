//! `nettally stream`.
//!
//! `collecting` runs a collector and a writer with a queue between them; this file has the options,
//! and takes what they need from the machine.

mod collecting;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use nettally_source::ProcessNetworkConfig;

use super::backend::BackendOption;
use super::run::Signals;
use super::{ConfigFile, now, rights};
use crate::config::Config;
use crate::encode::{Encoder, Format, Origin};
use crate::machine::host_name;
use collecting::{Collecting, Output};

/// Options of `stream`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// How lines are written.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,

    /// Print one window and end.
    #[arg(long)]
    once: bool,

    /// With native_json: print a log record for each flow too, not the metrics alone.
    #[arg(long)]
    flows: bool,

    /// Name of this machine in the records [default: as the kernel says].
    #[arg(long, value_name = "NAME")]
    host: Option<String>,

    #[command(flatten)]
    pub(super) backend: BackendOption,
}

/// Prints what is moved, window by window, until a signal or until nobody reads.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options {
        format,
        once,
        flows,
        host,
        backend,
    } = options;
    let Config { sources, .. } = file.load(&backend.overrides())?;
    let (_name, source) = sources
        .into_iter()
        .next()
        .context("the configuration has no source to read from")?;
    let origin = Origin {
        host: host.unwrap_or_else(host_name),
        pid: std::process::id(),
    };
    let encoder = Encoder::new(format, flows, origin);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let outcome = runtime.block_on(run(source, encoder, once));
    // A writer whose reader does not read holds its thread; it is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn run(source: ProcessNetworkConfig, encoder: Encoder, once: bool) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen to signals")?;
    let stdout = Output::of(io::stdout()).context("cannot use standard output")?;
    let collecting = match start(&source).await {
        Ok(collecting) => collecting,
        Err(error) => {
            // Whoever started us may throw standard error away.
            let line = encoder.failure(now(), &format!("{error:#}"));
            io::stdout().lock().write_all(line.as_bytes())?;
            return Err(error);
        }
    };
    let stop = async move {
        signals.next().await;
        tokio::spawn(async move {
            let code = signals.next().await;
            // Asked twice: at once, whatever is lost.
            std::process::exit(code);
        });
    };
    let Output { writer, deserted } = stdout;
    let stop = async {
        tokio::select! {
            () = stop => {}
            () = deserted => {}
        }
    };
    collecting
        .write_to(Box::new(writer), encoder, once, stop, now)
        .await
}

async fn start(source: &ProcessNetworkConfig) -> anyhow::Result<Collecting> {
    rights::require()?;
    Collecting::start(source).await
}
