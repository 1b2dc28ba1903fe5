//! To the byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::daemon::Daemon;
use super::faces::Face;
use super::statsd::Statsd;
use super::wait;
use crate::traffic::{Moved, Protocol};

/// As [`expect_only`], of everything in `truth`.
///
/// # Panics
/// A face does not tell the truth in time; the message lists every difference.
#[track_caller]
pub fn expect_exactly(daemon: &mut Daemon, truth: &[Moved]) {
    expect_only(daemon, truth, |_| true);
}

/// Waits until every face has what `is_counted` of the truth and nothing else of the processes in
/// it, then stops the daemon and reads the database once more, so that nothing that came later is
/// overlooked. Rows of other processes are not looked at.
///
/// # Panics
/// A face does not tell the truth in time; the message lists every difference.
#[track_caller]
pub fn expect_only(daemon: &mut Daemon, truth: &[Moved], is_counted: impl Fn(&Moved) -> bool) {
    let pids = pids(truth);
    let counted: Vec<Moved> = truth
        .iter()
        .filter(|&row| is_counted(row))
        .cloned()
        .collect();
    assert!(!counted.is_empty(), "there was no traffic");
    expect(daemon, |found| differences(&pids, &counted, found));
}

/// As [`expect_exactly`], of everything in `truth`, and in `but_remotes`, whose remotes may be said
/// not to be known.
///
/// # Panics
/// A face does not tell the truth in time; the message lists every difference.
#[track_caller]
pub fn expect_exactly_and(daemon: &mut Daemon, truth: &[Moved], but_remotes: &[Moved]) {
    assert!(
        !truth.is_empty() && !but_remotes.is_empty(),
        "there was no traffic"
    );
    expect(daemon, |found| {
        differences(&pids(truth), truth, found)?;
        differences_but_remotes(&pids(but_remotes), but_remotes, found)
    });
}

#[track_caller]
fn expect(daemon: &mut Daemon, differences: impl Fn(&[Moved]) -> Result<(), String>) {
    for face in Face::ALL {
        wait::until(Duration::from_secs(90), || {
            differences(&face.read(daemon)?)
                .map_err(|text| format!("{face:?}; {}:\n{text}", losses(daemon)))
        });
    }
    daemon.stop();
    let stored = Face::Sqlite.read(daemon).expect("the database is readable");
    if let Err(text) = differences(&stored) {
        panic!("after the end:\n{text}");
    }
}

fn pids(truth: &[Moved]) -> BTreeSet<u32> {
    truth.iter().map(|row| row.pid).collect()
}

/// What the daemon says that it has lost: to explain a difference, never to excuse it.
fn losses(daemon: &Daemon) -> String {
    daemon.get("/api/v1/health").map_or_else(
        |error| error,
        |health| format!("lost {}, sinks {}", health["losses"], health["sinks"]),
    )
}

/// What is different for the processes `pids`.
///
/// # Errors
/// Something is; one line for each row.
pub fn differences(pids: &BTreeSet<u32>, truth: &[Moved], found: &[Moved]) -> Result<(), String> {
    let found = found.iter().filter(|row| pids.contains(&row.pid));
    let (truth, found) = (sums(truth), sums(found));
    let keys: BTreeSet<&Key> = truth.keys().chain(found.keys()).collect();
    let mut text = String::new();
    for key in keys {
        let (expected, got) = (truth.get(key), found.get(key));
        if expected != got {
            writeln!(text, "{key:?}: moved {expected:?}, reported {got:?}")
                .expect("a string takes it");
        }
    }
    if text.is_empty() { Ok(()) } else { Err(text) }
}

/// As [`differences`], where the remote of a byte may be said not to be known. It may not be wrong.
///
/// # Errors
/// Something is different; one line for each row.
pub fn differences_but_remotes(
    pids: &BTreeSet<u32>,
    truth: &[Moved],
    found: &[Moved],
) -> Result<(), String> {
    let remotes = |row: &Moved| (row.pid, row.protocol, row.remote);
    let known: BTreeSet<_> = truth.iter().map(remotes).collect();
    let without = |row: &Moved| Moved {
        remote: row.remote.filter(|_| !known.contains(&remotes(row))),
        ..row.clone()
    };
    let [truth, found] = [truth, found].map(|rows| rows.iter().map(without).collect::<Vec<_>>());
    differences(pids, &truth, &found)
}

type Key = (String, u32, Protocol, Option<std::net::SocketAddr>);

/// Sent and received bytes of each process, protocol and remote; rows without bytes do not count.
fn sums<'a>(rows: impl IntoIterator<Item = &'a Moved>) -> BTreeMap<Key, (u64, u64)> {
    let mut sums: BTreeMap<Key, (u64, u64)> = BTreeMap::new();
    for row in rows {
        let Moved {
            process,
            pid,
            protocol,
            remote,
            sent_bytes,
            received_bytes,
        } = row.clone();
        let sum = sums.entry((process, pid, protocol, remote)).or_default();
        sum.0 += sent_bytes;
        sum.1 += received_bytes;
    }
    sums.retain(|_, &mut sum| sum != (0, 0));
    sums
}

/// Waits until the counters that came by StatsD have the truth, by process name and protocol.
///
/// # Panics
/// They do not have it in time.
#[track_caller]
pub fn expect_in_statsd(statsd: &Statsd, truth: &[Moved]) {
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for row in truth {
        let name = super::statsd::word(&row.process);
        let start = format!("nettally.process.{name}.{}", row.protocol.name());
        *expected.entry(format!("{start}.sent_bytes")).or_default() += row.sent_bytes;
        *expected
            .entry(format!("{start}.received_bytes"))
            .or_default() += row.received_bytes;
    }
    wait::until(Duration::from_secs(90), || {
        let counters = statsd.counters();
        let mut text = String::new();
        for (name, &bytes) in &expected {
            let got = counters.get(name).copied().unwrap_or_default();
            if got != bytes {
                writeln!(text, "{name}: moved {bytes}, reported {got}").expect("a string takes it");
            }
        }
        if text.is_empty() { Ok(()) } else { Err(text) }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(pid: u32, sent_bytes: u64) -> Moved {
        Moved {
            process: "p".to_owned(),
            pid,
            protocol: Protocol::Udp,
            remote: None,
            sent_bytes,
            received_bytes: 0,
        }
    }

    #[test]
    fn a_remote_may_be_unknown_but_not_wrong() {
        let remote = |port| Some(([127, 0, 0, 1], port).into());
        let to = |remote, sent_bytes| Moved {
            remote,
            ..moved(1, sent_bytes)
        };
        let truth = [to(remote(7), 60), to(remote(8), 40)];
        let difference = |found: &[Moved]| differences_but_remotes(&[1].into(), &truth, found);
        assert_eq!(difference(&[to(None, 100)]), Ok(()));
        assert_eq!(difference(&[to(remote(7), 60), to(None, 40)]), Ok(()));
        assert!(difference(&[to(None, 99)]).is_err());
        assert!(difference(&[to(remote(7), 60), to(remote(9), 40)]).is_err());
    }

    #[test]
    fn one_byte_is_a_difference_and_strangers_are_not() {
        let found = [moved(1, 60), moved(1, 40), moved(2, 7)];
        let difference = |pid, truth: Vec<Moved>| differences(&[pid].into(), &truth, &found);
        assert_eq!(difference(1, vec![moved(1, 100)]), Ok(()));
        assert!(difference(1, vec![moved(1, 99)]).is_err());
        assert!(difference(3, vec![moved(3, 1)]).is_err());
        assert!(difference(2, vec![]).is_err(), "nothing was expected of it");
    }
}
