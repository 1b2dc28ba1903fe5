//! What is compared, and how it comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

use nettally_integration_tests::harness::compare::differences;
use nettally_integration_tests::traffic::{Moved, Protocol};
use serde::Serialize;

/// How a row came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "text", rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Processes, bytes, remotes and protocols are right, to the byte.
    Exact,
    /// All but the remote, which is said not to be known.
    ExactWithoutRemote,
    /// Less than was moved, which the daemon's degradation of this code says.
    Degraded(String),
    /// What is different.
    Differs(String),
    /// This kernel cannot move bytes this way, and why.
    NotApplicable(String),
    /// The traffic itself failed.
    Failed(String),
}

impl Verdict {
    pub(crate) fn is_well(&self) -> bool {
        match self {
            Self::Exact | Self::ExactWithoutRemote | Self::Degraded(_) | Self::NotApplicable(_) => {
                true
            }
            Self::Differs(_) | Self::Failed(_) => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => write!(f, "exact"),
            Self::ExactWithoutRemote => write!(f, "exact, remote unresolved"),
            Self::Degraded(code) => write!(f, "degraded: {code}"),
            Self::Differs(text) => write!(f, "DIFFERS: {text}"),
            Self::NotApplicable(text) => write!(f, "not applicable: {text}"),
            Self::Failed(text) => write!(f, "FAILED: {text}"),
        }
    }
}

/// What of the truth need not be reported.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tolerance<'a> {
    Nothing,
    /// The remote may be unresolved or folded.
    Remote,
    /// Received bytes may be missing, which the degradation of this code says.
    Received(&'a str),
}

/// Compares the rows of all processes in `truth`.
pub(crate) fn judge(truth: &[Moved], found: &[Moved], tolerance: Tolerance<'_>) -> Verdict {
    if truth.is_empty() {
        return Verdict::Failed("no process gave an account".to_owned());
    }
    let pids: BTreeSet<u32> = truth.iter().map(|row| row.pid).collect();
    let Err(text) = differences(&pids, truth, found) else {
        return Verdict::Exact;
    };
    let of_pids = || found.iter().filter(|row| pids.contains(&row.pid));
    match tolerance {
        Tolerance::Remote if is_exact_without_remote(truth, of_pids()) => {
            Verdict::ExactWithoutRemote
        }
        Tolerance::Received(code) if lacks_received_only(truth, of_pids()) => {
            Verdict::Degraded(code.to_owned())
        }
        Tolerance::Nothing | Tolerance::Remote | Tolerance::Received(_) => {
            Verdict::Differs(in_short(&text))
        }
    }
}

/// The first differences of what may be thousands.
fn in_short(text: &str) -> String {
    const SHOWN: usize = 6;
    let lines: Vec<&str> = text.lines().collect();
    let shown = lines[..lines.len().min(SHOWN)].join("; ");
    match lines.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

type WithoutRemote = (String, u32, Protocol);
type WithRemote = (WithoutRemote, Option<SocketAddr>);

fn with_remote(row: &Moved) -> WithRemote {
    (without_remote(row), row.remote)
}

fn without_remote(row: &Moved) -> WithoutRemote {
    (row.process.clone(), row.pid, row.protocol)
}

/// Sent and received bytes by key; a key without bytes is not there.
fn sums<'a, K: Ord>(
    rows: impl Iterator<Item = &'a Moved>,
    key: fn(&Moved) -> K,
) -> BTreeMap<K, (u64, u64)> {
    let mut sums = BTreeMap::new();
    for row in rows.filter(|row| (row.sent_bytes, row.received_bytes) != (0, 0)) {
        let sum: &mut (u64, u64) = sums.entry(key(row)).or_default();
        sum.0 += row.sent_bytes;
        sum.1 += row.received_bytes;
    }
    sums
}

/// Every byte is in a row of its process and protocol, and none under a remote it was not moved
/// to.
fn is_exact_without_remote<'a>(
    truth: &'a [Moved],
    found: impl Iterator<Item = &'a Moved> + Clone,
) -> bool {
    if sums(truth.iter(), without_remote) != sums(found.clone(), without_remote) {
        return false;
    }
    let moved = sums(truth.iter(), with_remote);
    sums(found, with_remote).iter().all(|(key, &bytes)| {
        let (_process, remote) = key;
        remote.is_none()
            || moved
                .get(key)
                .is_some_and(|&moved| is_at_most(bytes, moved))
    })
}

/// Sent bytes are right, received ones are not too many.
fn lacks_received_only<'a>(truth: &'a [Moved], found: impl Iterator<Item = &'a Moved>) -> bool {
    let moved = sums(truth.iter(), with_remote);
    let found = sums(found, with_remote);
    let keys: BTreeSet<_> = moved.keys().chain(found.keys()).collect();
    keys.into_iter().all(|key| {
        let of = |sums: &BTreeMap<_, _>| sums.get(key).copied().unwrap_or_default();
        let (found, moved): ((u64, u64), (u64, u64)) = (of(&found), of(&moved));
        found.0 == moved.0 && is_at_most(found, moved)
    })
}

fn is_at_most(one: (u64, u64), other: (u64, u64)) -> bool {
    one.0 <= other.0 && one.1 <= other.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(port: Option<u16>, sent_bytes: u64, received_bytes: u64) -> Moved {
        Moved {
            process: "p".to_owned(),
            pid: 1,
            protocol: Protocol::Udp,
            remote: port.map(|port| SocketAddr::from(([127, 0, 0, 1], port))),
            sent_bytes,
            received_bytes,
        }
    }

    #[track_caller]
    fn comes_out(truth: &Moved, found: &[Moved], tolerance: Tolerance<'_>, well: bool) {
        let verdict = judge(std::slice::from_ref(truth), found, tolerance);
        assert_eq!(verdict.is_well(), well, "{verdict}");
    }

    #[test]
    fn a_remote_may_be_unresolved_but_not_wrong_and_bytes_must_be_right() {
        let truth = moved(Some(1), 10, 20);
        let unresolved = |sent, received| [moved(None, sent, received)];
        comes_out(&truth, &unresolved(10, 20), Tolerance::Remote, true);
        comes_out(&truth, &unresolved(10, 20), Tolerance::Nothing, false);
        comes_out(&truth, &unresolved(10, 21), Tolerance::Remote, false);
        comes_out(&truth, &[moved(Some(2), 10, 20)], Tolerance::Remote, false);
        let partly = [moved(Some(1), 4, 20), moved(None, 6, 0)];
        comes_out(&truth, &partly, Tolerance::Remote, true);
    }

    #[test]
    fn received_bytes_may_be_missing_only_where_a_degradation_says_so_and_never_too_many() {
        let truth = moved(Some(1), 10, 20);
        let tolerance = Tolerance::Received("splice");
        comes_out(&truth, &[moved(Some(1), 10, 0)], tolerance, true);
        comes_out(&truth, &[moved(Some(1), 10, 0)], Tolerance::Nothing, false);
        comes_out(&truth, &[moved(Some(1), 9, 20)], tolerance, false);
        comes_out(&truth, &[moved(Some(1), 10, 21)], tolerance, false);
        comes_out(&truth, &[moved(Some(2), 10, 20)], tolerance, false);
    }

    #[test]
    fn a_long_difference_is_cut_and_says_so() {
        assert_eq!(in_short("a\nb\n"), "a; b");
        let long = in_short(&"a\n".repeat(9));
        assert!(long.ends_with("a; and 3 more"), "{long}");
    }

    #[test]
    fn a_row_of_which_nothing_is_known_has_not_come_out_well() {
        assert!(!judge(&[], &[], Tolerance::Nothing).is_well());
    }
}
