//! `nettally audit`.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::SignedDuration;

use super::run::Signals;
use super::{ConfigFile, now, output, rights};
use crate::audit::{self, Request};
use crate::config::{Config, Overrides};

/// Differences that are listed for people.
const ROWS: usize = 10;

/// Options of `audit`.
///
/// The exit status is 0 if the difference is within the tolerance and at least half of the attributed
/// TCP bytes could be compared, else 1.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// How long to compare, 1s to 1h.
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = period)]
    period: Duration,

    /// Difference that still agrees, in percent of the TCP bytes that the kernel counted.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    tolerance: f64,

    /// Print JSON, with every connection that differs.
    #[arg(long)]
    json: bool,
}

/// Counts for a while with a collector of its own, and compares.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options {
        period,
        tolerance,
        json,
    } = options;
    let Config { sources, .. } = file.load(&Overrides::default())?;
    let (_name, source) = sources
        .into_iter()
        .next()
        .context("the configuration has no source to audit")?;
    rights::require()?;
    let request = Request {
        period,
        tolerance_percent: tolerance,
    };
    let report = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?
        .block_on(async {
            let mut signals = Signals::listen().context("cannot listen to signals")?;
            let stop = async move {
                signals.next().await;
            };
            audit::run(source, request, || announce(period), stop, now).await
        })?;
    if json {
        output::print_json(&report)?;
    } else {
        io::stdout()
            .lock()
            .write_all(report.text(ROWS).as_bytes())?;
    }
    Ok(if report.agrees {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// On standard error, for whoever waits. There is nobody to tell if that fails.
fn announce(period: Duration) {
    let _unheard = writeln!(
        io::stderr().lock(),
        "comparing for {} s; Ctrl-C ends it earlier",
        period.as_secs_f64()
    );
}

fn period(text: &str) -> Result<Duration, String> {
    let allowed = SignedDuration::from_secs(1)..=SignedDuration::from_hours(1);
    text.parse()
        .ok()
        .filter(|period| allowed.contains(period))
        .map(SignedDuration::unsigned_abs)
        .ok_or_else(|| "allowed: a number with its unit, 1s to 1h, such as 30s or 5m".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "allowed: 0 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_a_unit_and_an_end() {
        assert_eq!(period("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(period("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["30", "0s", "-5s", "2h", "soon"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tolerance_is_a_part_of_all() {
        assert_eq!(percent("0.01"), Ok(0.01));
        for wrong in ["-1", "101", "NaN", "much"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
