//! The generator's rows, here and over a cable to another network namespace.

use std::time::{Duration, Instant};

use nettally_integration_tests::harness::daemon::Daemon;
use nettally_integration_tests::harness::faces;
use nettally_integration_tests::harness::generator;
use nettally_integration_tests::harness::network::Peer;
use nettally_integration_tests::traffic::{Case, Lack, Moved, cases};
use serde_json::Value;

use crate::line::Line;
use crate::verdict::{Tolerance, Verdict, judge as compare};
use crate::{Backend, Wanted};

/// A row that takes longer hangs. An emulated processor is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// Rows that are also run over a cable: every family, and what depends on where packets come from.
const CABLE: [&str; 9] = [
    "tcp-v4",
    "tcp-v6",
    "tcp-mapped",
    "tcp-spl-in",
    "tcp-sendfile",
    "udp-v4",
    "udp-v6",
    "udp-con-v4",
    "udp-con-v6",
];

/// What is missed where the daemon says so: row, backend, code of the degradation.
/// `splice` from kernel TLS passes no tracepoint: `tls_sw_splice_read` calls none.
const DEGRADED: &[(&str, Backend, &str)] = &[
    ("ktls-spl-in", Backend::Tracepoint, "ktls_splice"),
    ("mptcp-spl-in", Backend::Tracepoint, "mptcp_splice"),
];

/// A row that has been run.
pub(crate) struct Ran {
    row: String,
    case: &'static Case,
    outcome: Outcome,
    took: Duration,
}

enum Outcome {
    Moved(Vec<Moved>),
    Lack(String),
    Failed(String),
}

/// Runs them one by one; the daemon's account is read later, once.
pub(crate) fn run(wanted: &Wanted) -> Vec<Ran> {
    let here = cases()
        .filter(|case| wanted.has(case.name))
        .map(|case| run_one(case.name.to_owned(), case, &[]));
    let mut ran: Vec<Ran> = here.collect();
    let over_cable: Vec<_> = cases()
        .filter(|case| CABLE.contains(&case.name))
        .map(|case| (format!("{}@netns", case.name), case))
        .filter(|(row, _case)| wanted.has(row))
        .collect();
    if !over_cable.is_empty() {
        let peer = Peer::start();
        let (ipv4, ipv6) = (peer.ipv4.to_string(), peer.ipv6.to_string());
        let place = [
            "--ipv4",
            &ipv4,
            "--ipv6",
            &ipv6,
            "--namespace",
            &peer.namespace,
        ];
        for (row, case) in over_cable {
            ran.push(run_one(row, case, &place));
        }
    }
    ran
}

fn run_one(row: String, case: &'static Case, place: &[&str]) -> Ran {
    let start = Instant::now();
    let outcome = match (case.needs)() {
        Err(Lack(text)) => Outcome::Lack(text),
        Ok(()) => {
            let arguments = [place, &["cases", case.name]].concat();
            match generator::try_run(&arguments, PATIENCE) {
                Ok(truth) => Outcome::Moved(truth),
                Err(text) => Outcome::Failed(text),
            }
        }
    };
    Ran {
        row,
        case,
        outcome,
        took: start.elapsed(),
    }
}

/// Compares all of them with what the daemon has stored.
pub(crate) fn judge(
    backend: Backend,
    ran: Vec<Ran>,
    daemon: &Daemon,
    health: &Value,
    print: &mut impl FnMut(Line),
) {
    let stored = faces::database(&daemon.database());
    for Ran {
        row,
        case,
        outcome,
        took,
    } in ran
    {
        let verdict = match (outcome, &stored) {
            (Outcome::Lack(text), _) => Verdict::NotApplicable(text),
            (Outcome::Failed(text), _) => Verdict::Failed(text),
            (Outcome::Moved(_), Err(text)) => Verdict::Failed(text.clone()),
            (Outcome::Moved(truth), Ok(stored)) => {
                compare(&truth, stored, tolerance(case, backend, health))
            }
        };
        let title = if row == case.name {
            case.title.to_owned()
        } else {
            format!("{}, other network namespace", case.title)
        };
        print(Line::cell(&row, &title, verdict, took));
    }
}

fn tolerance(case: &Case, backend: Backend, health: &Value) -> Tolerance<'static> {
    if case.remote_needs_trampolines && backend == Backend::Tracepoint {
        return Tolerance::Remote;
    }
    let degradations = health["degradations"].as_array().map(Vec::as_slice);
    let is_said = |code: &str| {
        let said = degradations.unwrap_or_default();
        said.iter().any(|said| said["code"] == code)
    };
    DEGRADED
        .iter()
        .find(|&&(row, on, code)| row == case.name && on == backend && is_said(code))
        .map_or(Tolerance::Nothing, |&(_row, _on, code)| {
            Tolerance::Received(code)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_named_here_are_rows_of_the_generator() {
        let degraded = DEGRADED.iter().map(|&(row, _on, _code)| row);
        for row in CABLE.into_iter().chain(degraded) {
            assert!(cases().any(|case| case.name == row), "{row}");
        }
    }
}
