//! `nettally run`.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::backend::BackendOption;
use super::{ConfigFile, now, rights};
use crate::app::{self, Plan, Running};
use crate::config::{Config, Overrides};

/// Options of `run`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where files are kept [default: /var/lib/nettally].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Where the page listens [default: 127.0.0.1:9797].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    #[command(flatten)]
    pub(super) backend: BackendOption,
}

/// Measures until a signal comes; then stores the last window and ends.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options {
        data_dir,
        listen,
        backend: BackendOption { backend },
    } = options;
    let config = file.load(&Overrides {
        data_dir,
        listen,
        backend,
    })?;
    rights::require()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let outcome = runtime.block_on(run(config));
    // A task that missed the deadline may still hold a thread; it is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen to signals")?;
    let origin = config.origin.clone();
    let running = app::start(Plan::from(config), now()).await?;
    announce(&running, &origin).context("cannot write to standard error")?;
    let stop = async move {
        signals.next().await;
        tokio::spawn(async move {
            let code = signals.next().await;
            // Asked twice: at once, whatever is lost.
            std::process::exit(code);
        });
    };
    running.join(stop).await
}

/// Says where everything is.
fn announce(running: &Running, origin: &str) -> io::Result<()> {
    let Running {
        page,
        socket,
        token_file,
        databases,
        ..
    } = running;
    let mut text = format!("nettally {} is measuring\n", env!("CARGO_PKG_VERSION"));
    if let Some(address) = page {
        text.push_str(&format!("page      http://{address}/\n"));
    }
    if let Some(path) = token_file {
        text.push_str(&format!("token     in {}\n", path.display()));
    }
    if let Some(path) = socket {
        text.push_str(&format!("socket    {}\n", path.display()));
    }
    for path in databases {
        text.push_str(&format!("database  {}\n", path.display()));
    }
    text.push_str(&format!("config    {origin}\n"));
    text.push_str("stop      Ctrl-C, or SIGTERM; the last window is stored\n");
    io::stderr().lock().write_all(text.as_bytes())
}

/// The signals that end the program.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one; returns what a shell would report of a process that it ended.
    pub(super) async fn next(&mut self) -> i32 {
        let Self {
            interrupt,
            terminate,
            hangup,
        } = self;
        let kind = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
            _ = hangup.recv() => SignalKind::hangup(),
        };
        128 + kind.as_raw_value()
    }
}
