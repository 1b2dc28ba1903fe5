//! How many tests passed, and what the others said, read from what Rust's test programs print.

use std::io::{BufRead as _, BufReader};
use std::ops::AddAssign;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};

use super::steps::Kind;
use crate::shell::shown;

/// Numbers of tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Ignored, or filtered out.
    pub(super) skipped: u64,
    /// What the tests that failed said.
    pub(super) said: Vec<String>,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.said.extend(other.said);
    }
}

impl Tally {
    /// Why a step with these numbers has failed, if it has.
    pub(super) fn complaint(&self, kind: Kind) -> Option<String> {
        let Self {
            passed,
            failed,
            skipped,
            said: _,
        } = *self;
        if failed > 0 {
            return Some(format!("{failed} failed"));
        }
        match kind {
            Kind::Check | Kind::Tests => None,
            Kind::RealKernel if skipped > 0 => {
                Some(format!("{skipped} tests on a real kernel were skipped"))
            }
            Kind::RealKernel if passed == 0 => Some("not one test ran on a real kernel".to_owned()),
            Kind::RealKernel => None,
        }
    }

    /// From a line such as
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out`.
    fn of_line(line: &str) -> Option<Self> {
        let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |what: &str| -> Option<u64> {
            counts
                .split(';')
                .find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
        };
        Some(Self {
            passed: count("passed")?,
            failed: count("failed")?,
            skipped: count("ignored")? + count("filtered out")?,
            said: Vec::new(),
        })
    }
}

/// Reads what a test program prints, line by line.
#[derive(Debug, Default)]
struct Reading {
    tally: Tally,
    in_failures: bool,
}

impl Reading {
    fn line(&mut self, line: &str) {
        let Self { tally, in_failures } = self;
        if let Some(part) = Tally::of_line(line) {
            *tally += part;
            *in_failures = false;
        } else if line == "failures:" {
            *in_failures = true;
        } else if *in_failures && tally.said.len() < MAX_LINES_SAID {
            tally.said.push(line.to_owned());
        }
    }
}

/// Kept of each run of test programs. All of it is in the log where it happened.
const MAX_LINES_SAID: usize = 200;

/// Runs the command, shows its output as it comes, and adds up.
pub(super) fn follow(command: &mut Command) -> Result<(Tally, ExitStatus)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    let output = child.stdout.take().expect("piped just now");
    let mut reading = Reading::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cannot read the output of the tests")?;
        // A test may print anything.
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        reading.line(&line);
    }
    let status = child.wait().context("cannot wait for the tests")?;
    Ok((reading.tally, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; \
                        4 filtered out; finished in 0.00s";

    #[test]
    fn reads_what_a_test_program_prints() {
        let tally = Tally {
            passed: 3,
            failed: 2,
            skipped: 5,
            said: Vec::new(),
        };
        assert_eq!(Tally::of_line(LINE), Some(tally));
        assert_eq!(Tally::of_line("test result: I dreamt it"), None);
    }

    #[test]
    fn what_failed_tests_said_is_kept() {
        let mut reading = Reading::default();
        let output =
            "test a ... ok\nfailures:\n\n---- b stdout ----\nleft: 1\n\nfailures:\n    b\n\n";
        output
            .lines()
            .chain([LINE, "warning: more"])
            .for_each(|line| reading.line(line));
        assert_eq!(reading.tally.failed, 2);
        let said: Vec<&str> = reading.tally.said.iter().map(String::as_str).collect();
        assert_eq!(said, ["", "---- b stdout ----", "left: 1", "", "    b", ""]);
    }

    #[test]
    fn a_real_kernel_step_without_tests_or_with_skipped_ones_fails() {
        let nothing = Tally::default();
        let all = Tally {
            passed: 3,
            ..Tally::default()
        };
        let some = Tally {
            skipped: 1,
            ..all.clone()
        };
        assert_eq!(nothing.complaint(Kind::Check), None);
        assert_eq!(some.complaint(Kind::Tests), None);
        assert_eq!(all.complaint(Kind::RealKernel), None);
        assert!(nothing.complaint(Kind::RealKernel).is_some());
        assert!(some.complaint(Kind::RealKernel).is_some());
    }
}
