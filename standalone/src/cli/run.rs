//! `nettally run`.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::backend::BackendOption;
use super::{ConfigFile, now, rights};
use crate::app::{self, Order, Plan, Running};
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

/// Measures until a signal to stop comes; then stores the last window and ends. SIGHUP has the
/// configuration read again.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options {
        data_dir,
        listen,
        backend: BackendOption { backend },
    } = options;
    let overrides = Overrides {
        data_dir,
        listen,
        backend,
    };
    let config = file.load(&overrides)?;
    rights::require()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let outcome = runtime.block_on(run(config, file, overrides));
    // A task that missed the deadline may still hold a thread; it is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn run(config: Config, file: &ConfigFile, overrides: Overrides) -> anyhow::Result<()> {
    let signals = Signals::listen().context("cannot listen to signals")?;
    let origin = config.origin.clone();
    let running = app::start(Plan::from(config), now).await?;
    announce(&running, &origin).context("cannot write to standard error")?;
    let (orders, received) = mpsc::channel(1);
    let heeding = tokio::spawn(heed(signals, file.clone(), overrides, orders));
    let received = futures::stream::unfold(received, async |mut received| {
        let order = received.recv().await?;
        Some((order, received))
    });
    let outcome = running.obey(received).await;
    heeding.abort();
    outcome
}

/// Turns signals into orders. The second to stop is obeyed at once, whatever is lost.
async fn heed(
    mut signals: Signals,
    file: ConfigFile,
    overrides: Overrides,
    orders: mpsc::Sender<Order>,
) {
    let had_terminal = io::stdin().is_terminal();
    let mut is_stopping = false;
    loop {
        let code = signals.next().await;
        let hung_up = code == Signals::HANGUP;
        // A terminal that is closed takes along what runs in it.
        let is_gone = had_terminal && !io::stdin().is_terminal();
        let order = if hung_up && !is_gone {
            let plan = file
                .load(&overrides)
                .map(|config| Box::new(Plan::from(config)));
            Order::Reload(plan.map_err(anyhow::Error::from))
        } else if is_stopping {
            std::process::exit(code);
        } else {
            is_stopping = true;
            Order::Stop
        };
        // While a change is under way, further ones wait; an order to stop waits behind one at most.
        let sending = orders.send(order);
        if is_stopping {
            tokio::select! {
                sent = sending => if sent.is_err() { return },
                code = signals.next() => std::process::exit(code),
            }
        } else if sending.await.is_err() {
            return;
        }
    }
}

/// Says where everything is.
fn announce(running: &Running, origin: &str) -> io::Result<()> {
    let mut text = format!("nettally {} is measuring\n", env!("CARGO_PKG_VERSION"));
    if let Some(address) = running.page() {
        text.push_str(&format!("page      http://{address}/\n"));
    }
    if let Some(path) = running.token_file() {
        text.push_str(&format!("token     in {}\n", path.display()));
    }
    if let Some(path) = running.socket() {
        text.push_str(&format!("socket    {}\n", path.display()));
    }
    for path in running.databases() {
        text.push_str(&format!("database  {}\n", path.display()));
    }
    text.push_str(&format!("config    {origin}\n"));
    text.push_str("stop      Ctrl-C, or SIGTERM; the last window is stored\n");
    text.push_str("reload    SIGHUP; the configuration is read again\n");
    io::stderr().lock().write_all(text.as_bytes())
}

/// The signals that end the program.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// What a shell would report of a process that SIGHUP ended.
    const HANGUP: i32 = 128 + SignalKind::hangup().as_raw_value();

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
