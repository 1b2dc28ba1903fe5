//! `nettally run`.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

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
    app::run_to_end(run(config, file, overrides))?;
    Ok(ExitCode::SUCCESS)
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
    // While a change is under way an order waits; the newest takes the place of one that does.
    let mut waiting = None;
    loop {
        let code = tokio::select! {
            code = signals.next() => code,
            permit = orders.reserve(), if waiting.is_some() => {
                match (permit, waiting.take()) {
                    (Ok(permit), Some(order)) => permit.send(order),
                    (Ok(_), None) => unreachable!("only asked for if there is one"),
                    (Err(_ended), _) => return,
                }
                continue;
            }
        };
        // A terminal that is closed takes along what runs in it.
        let is_gone = had_terminal && !io::stdin().is_terminal();
        match Meaning::of(code, is_gone, is_stopping) {
            Meaning::Reload => {
                let plan = file
                    .load(&overrides)
                    .map(|config| Box::new(Plan::from(config)));
                waiting = Some(Order::Reload(plan.map_err(anyhow::Error::from)));
            }
            Meaning::Stop => {
                is_stopping = true;
                waiting = Some(Order::Stop);
            }
            Meaning::Exit => std::process::exit(code),
            Meaning::Nothing => {}
        }
    }
}

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Reload,
    Stop,
    Exit,
    Nothing,
}

impl Meaning {
    /// `code` is as of [`Signals::next`].
    fn of(code: i32, terminal_is_gone: bool, is_stopping: bool) -> Self {
        let is_reload = code == Signals::HANGUP && !terminal_is_gone;
        match (is_reload, is_stopping) {
            (true, false) => Self::Reload,
            (false, false) => Self::Stop,
            (false, true) => Self::Exit,
            // What stops has no use for another configuration.
            (true, true) => Self::Nothing,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_signal_to_stop_is_obeyed_at_once() {
        let terminate = 128 + SignalKind::terminate().as_raw_value();
        for (code, terminal_is_gone, is_stopping, expected) in [
            (Signals::HANGUP, false, false, Meaning::Reload),
            (Signals::HANGUP, true, false, Meaning::Stop),
            (terminate, false, false, Meaning::Stop),
            (Signals::HANGUP, false, true, Meaning::Nothing),
            (Signals::HANGUP, true, true, Meaning::Exit),
            (terminate, false, true, Meaning::Exit),
        ] {
            let meaning = Meaning::of(code, terminal_is_gone, is_stopping);
            assert_eq!(meaning, expected, "{code} {terminal_is_gone} {is_stopping}");
        }
    }
}
