//! `nettally stream`.
//!
//! `collecting` runs a collector and a writer with a queue between them, `attached` copies what a
//! running daemon says; this file has the options, chooses, and takes what they need from the machine.

mod attached;
mod collecting;
mod output;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use nettally_source::ProcessNetworkConfig;

use super::backend::BackendOption;
use super::collector::{Chosen, CollectorOption};
use super::run::Signals;
use super::{ConfigFile, now, output as terminal};
use crate::client::Daemon;
use crate::config::Config;
use crate::encode::{Encoder, Format, Origin};
use crate::machine::host_name;
use collecting::Collecting;
use output::Output;

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
    pub(super) collector: CollectorOption,

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
        collector,
        backend,
    } = options;
    if flows && format != Format::NativeJson {
        let message = "--flows is for --format native_json: json has a line for each flow anyway";
        terminal::complain(message);
        return Ok(ExitCode::from(2));
    }
    let Config { sources, api, .. } = file.load(&backend.overrides())?;
    let (_name, source) = sources
        .into_iter()
        .next()
        .context("the configuration has no source to read from")?;
    let wanted = Wanted {
        format,
        once,
        flows,
        host: host.unwrap_or_else(host_name),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let outcome = runtime.block_on(async {
        let needs_own = backend.backend.is_some().then_some("--backend");
        let chosen = collector.choose(api, needs_own).await;
        run(chosen, source, &wanted).await
    });
    // A writer whose reader does not read holds its thread; it is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome.map(|()| ExitCode::SUCCESS)
}

/// What to print.
struct Wanted {
    format: Format,
    once: bool,
    flows: bool,
    host: String,
}

impl Wanted {
    fn encoder(&self) -> Encoder {
        let origin = Origin {
            host: self.host.clone(),
            pid: std::process::id(),
        };
        Encoder::new(self.format, self.flows, origin)
    }

    /// The same, asked of a daemon.
    fn query(&self) -> String {
        let Self {
            format,
            once,
            flows,
            host,
        } = self;
        let format = match format {
            Format::Json => "json",
            Format::NativeJson => "native_json",
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("format", format);
        for (name, value) in [("once", once), ("flows", flows)] {
            query.append_pair(name, if *value { "true" } else { "false" });
        }
        if !host.is_empty() {
            query.append_pair("host", host);
        }
        query.finish()
    }
}

async fn run(
    chosen: anyhow::Result<Chosen>,
    source: ProcessNetworkConfig,
    wanted: &Wanted,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen to signals")?;
    let Output { writer, deserted } =
        Output::of(io::stdout()).context("cannot use standard output")?;
    let feed = match open(chosen, &source, wanted).await {
        Ok(feed) => feed,
        Err(error) => {
            // Whoever started us may throw standard error away.
            let line = wanted.encoder().failure(now(), &format!("{error:#}"));
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
    let encoder = wanted.encoder();
    match feed {
        Feed::Own(collecting) => {
            let stop = async {
                tokio::select! {
                    () = stop => {}
                    () = deserted => {}
                }
            };
            collecting
                .write_to(Box::new(writer), encoder, wanted.once, stop, now)
                .await
        }
        Feed::Daemon(lines) => {
            let failure = |words: &str| encoder.failure(now(), words);
            attached::copy(
                lines,
                Box::new(writer),
                wanted.once,
                deserted,
                stop,
                failure,
            )
            .await
        }
    }
}

/// Where lines come from.
enum Feed {
    Own(Collecting),
    Daemon(crate::client::Lines),
}

async fn open(
    chosen: anyhow::Result<Chosen>,
    source: &ProcessNetworkConfig,
    wanted: &Wanted,
) -> anyhow::Result<Feed> {
    match chosen? {
        Chosen::Own => {
            let collecting = Collecting::start(source).await?;
            super::output::note("nettally stream: measuring with a collector of its own");
            Ok(Feed::Own(collecting))
        }
        Chosen::Daemon(daemon) => {
            let lines = daemon.stream(&wanted.query()).await?;
            super::output::note(&format!(
                "nettally stream: reading from the daemon at {}",
                Daemon::socket(&daemon).display()
            ));
            Ok(Feed::Daemon(lines))
        }
    }
}
