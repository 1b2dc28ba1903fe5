//! `--watch`: the same again, until a signal.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use crossterm::cursor::MoveTo;
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType};

use crate::cli::run::Signals;

/// Seconds between two prints when nothing is said.
pub(super) const SECONDS: &str = "2";

/// Reads the interval.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_no_number| {
        format!(
            "`{text}` is no number of seconds; a range stands before --watch, or write --watch=2"
        )
    })?;
    if !(0.1..=86_400.0).contains(&seconds) {
        return Err("allowed: 0.1 to 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Prints again and again. A terminal is cleared before, other readers get an empty line between.
pub(super) fn repeat(
    interval: Duration,
    mut print: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the timer")?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen to signals")?;
        let mut is_first = true;
        loop {
            let mut out = io::stdout();
            if out.is_terminal() {
                queue!(out, Clear(ClearType::All), MoveTo(0, 0))?;
            } else if !is_first {
                writeln!(out)?;
            }
            print()?;
            out.flush()?;
            is_first = false;
            tokio::select! {
                _code = signals.next() => return Ok(ExitCode::SUCCESS),
                () = tokio::time::sleep(interval) => {}
            }
        }
    })
}
