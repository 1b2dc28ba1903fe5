//! Requests at a steady rate, and how long their answers took.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// What came of it.
pub(crate) struct Load {
    /// Sorted, in milliseconds, of answers of status 200.
    answered_ms: Vec<f64>,
    refused: usize,
    seconds: f64,
}

impl Load {
    /// Asks for the address at a rate, by so many connections that stay open.
    pub(crate) fn run(
        url: &str,
        requests_per_second: u32,
        connections: u32,
        length: Duration,
    ) -> Result<Self> {
        let output = Command::new("hey")
            .args(["-z", &format!("{}s", length.as_secs())])
            .args(["-c", &connections.to_string()])
            .args([
                "-q",
                &(requests_per_second / connections).max(1).to_string(),
            ])
            .args(["-o", "csv", url])
            .output()
            .context("cannot start `hey`; `cargo xtask latency` installs it")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (mut answered_ms, mut refused, mut seconds) = (Vec::new(), 0, 0.0_f64);
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let &[time, .., status, offset] = fields.as_slice() else {
                continue;
            };
            let (time, offset): (f64, f64) = (time.parse()?, offset.parse()?);
            seconds = seconds.max(offset + time);
            if status == "200" {
                answered_ms.push(time * 1e3);
            } else {
                refused += 1;
            }
        }
        ensure!(!answered_ms.is_empty(), "no answer from {url}: {text}");
        answered_ms.sort_by(f64::total_cmp);
        Ok(Self {
            answered_ms,
            refused,
            seconds,
        })
    }
}

impl fmt::Display for Load {
    #[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            answered_ms,
            refused,
            seconds,
        } = self;
        let last = answered_ms.len() - 1;
        let at = |percent: usize| answered_ms[last * percent / 100];
        write!(
            f,
            "median {:.1} ms, p99 {:.1} ms, worst {:.1} ms, {} answers, {:.0} a second, {refused} refused",
            at(50),
            at(99),
            at(100),
            answered_ms.len(),
            answered_ms.len() as f64 / seconds,
        )
    }
}
