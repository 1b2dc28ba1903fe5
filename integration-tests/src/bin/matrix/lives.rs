//! Sockets that live longer than a daemon: those that were there before it started, and those that
//! go on while it is killed and started again.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nettally_integration_tests::harness::faces;
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::traffic::Moved;

use crate::line::Line;
use crate::phases::{KINDS, Kind};
use crate::verdict::{Tolerance, Verdict, judge};
use crate::{Backend, Wanted};

/// For both ends to move their bytes, and for the daemon to store them.
const PATIENCE: Duration = Duration::from_secs(30);

const DRIP: (&str, &str) = (
    "again-drip",
    "daemon killed in the midst of a stream of datagrams",
);

/// Name and title of the row for sockets that are older than the daemon.
fn older(kind: &Kind) -> (String, String) {
    let Kind { name, title, .. } = kind;
    let title = format!("socket older than the daemon: {title}");
    (format!("old-{name}"), title)
}

/// Name and title of the row for sockets that see the daemon killed and started again.
fn again(kind: &Kind) -> (String, String) {
    let Kind { name, title, .. } = kind;
    let title = format!("daemon killed and started again: {title}");
    (format!("again-{name}"), title)
}

/// Every one of these rows gets a line, whatever happens.
pub(crate) fn run(backend: Backend, wanted: &Wanted, print: &mut impl FnMut(Line)) {
    let of_kinds = KINDS.iter().flat_map(|kind| [older(kind), again(kind)]);
    let drip = (DRIP.0.to_owned(), DRIP.1.to_owned());
    let mut rows: Vec<(String, String)> = of_kinds.chain([drip]).collect();
    rows.retain(|(row, _title)| wanted.has(row));
    if rows.is_empty() {
        return;
    }
    let start = Instant::now();
    let mut verdicts = BTreeMap::new();
    let failure = measure(backend, &mut verdicts).err();
    for (row, title) in rows {
        let verdict = verdicts.remove(&row).unwrap_or_else(|| {
            let failure = failure.clone();
            Verdict::Failed(failure.unwrap_or_else(|| "not measured".to_owned()))
        });
        print(Line::cell(&row, &title, verdict, start.elapsed()));
    }
}

fn measure(backend: Backend, verdicts: &mut BTreeMap<String, Verdict>) -> Result<(), String> {
    let mut sockets = Sockets::open()?;
    sockets.turn()?;
    let mut daemon = backend.start(&[])?;
    let truth = sockets.turn()?;
    let stored = wait_until_stored(&daemon.database(), &truth)?;
    for (kind, truth) in KINDS.iter().zip(&truth) {
        let verdict = judge(truth, &stored, Tolerance::Nothing);
        verdicts.insert(older(kind).0, verdict);
    }

    let drip = Drip::start("again-drip", 1000, Duration::from_millis(2));
    std::thread::sleep(Duration::from_secs(1));
    daemon.signal(libc::SIGKILL);
    daemon.wait();
    let survived = faces::database(&daemon.database())?;
    sockets.turn()?;

    daemon.restart()?;
    let when_restarted = drip.sent_bytes();
    let truth = sockets.turn()?;
    let before_stop = drip.sent_bytes();
    daemon.stop();
    let after_stop = drip.sent_bytes();
    let stored = faces::database(&daemon.database())?;
    let later = difference(&stored, &survived)?;
    for (kind, truth) in KINDS.iter().zip(&truth) {
        let verdict = judge(truth, &later, Tolerance::Nothing);
        verdicts.insert(again(kind).0, verdict);
    }
    let of_drip = |rows: &[Moved]| -> u64 {
        let rows = rows.iter().filter(|row| row.pid == drip.pid());
        rows.map(|row| row.sent_bytes).sum()
    };
    let dripped = Dripped {
        when_restarted,
        before_stop,
        after_stop,
        stored: of_drip(&stored),
        stored_later: of_drip(&later),
    };
    verdicts.insert(DRIP.0.to_owned(), dripped.verdict());
    Ok(())
}

/// How much a process had sent by its own account, and how much of it was stored.
#[derive(Clone, Copy, Debug)]
struct Dripped {
    when_restarted: u64,
    before_stop: u64,
    after_stop: u64,
    stored: u64,
    stored_later: u64,
}

impl Dripped {
    /// How much was sent while nobody counted is not known to the byte; but none is counted twice,
    /// and none of what was sent later is missing. The send under way when a figure was taken is
    /// not in it.
    fn verdict(self) -> Verdict {
        const UNDER_WAY: u64 = 1000;
        let Self {
            when_restarted,
            before_stop,
            after_stop,
            stored,
            stored_later,
        } = self;
        let is_all_there = stored_later + UNDER_WAY >= before_stop - when_restarted;
        let is_counted_once = stored <= after_stop + UNDER_WAY;
        if before_stop > when_restarted && is_all_there && is_counted_once {
            Verdict::Exact
        } else {
            Verdict::Differs(format!("{self:?}"))
        }
    }
}

/// Reads the database until it has all of `truth`; the last reading if it never has.
fn wait_until_stored(database: &Path, truth: &[Vec<Moved>]) -> Result<Vec<Moved>, String> {
    let start = Instant::now();
    loop {
        let stored = faces::database(database)?;
        let is_exact = |truth: &Vec<Moved>| {
            let verdict = judge(truth, &stored, Tolerance::Nothing);
            verdict == Verdict::Exact
        };
        if truth.iter().all(is_exact) || start.elapsed() > PATIENCE {
            return Ok(stored);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What `all` has more than `part`.
fn difference(all: &[Moved], part: &[Moved]) -> Result<Vec<Moved>, String> {
    let mut rest = all.to_vec();
    for before in part {
        let same = rest.iter_mut().find(|row| {
            (&row.process, row.pid, row.protocol, row.remote)
                == (&before.process, before.pid, before.protocol, before.remote)
        });
        let row = same.ok_or_else(|| format!("{before:?} was stored and is gone"))?;
        let less = |now: u64, then: u64| {
            now.checked_sub(then)
                .ok_or_else(|| format!("{before:?} was stored and has become less"))
        };
        row.sent_bytes = less(row.sent_bytes, before.sent_bytes)?;
        row.received_bytes = less(row.received_bytes, before.received_bytes)?;
    }
    Ok(rest)
}

/// Both ends of a socket of each kind.
struct Sockets(Vec<Generator>);

struct Generator {
    child: Child,
    lines: Receiver<String>,
}

impl Sockets {
    fn open() -> Result<Self, String> {
        let generators = KINDS.iter().map(|kind| Generator::start(kind.name));
        generators.collect::<Result<_, _>>().map(Self)
    }

    /// Lets each kind move its bytes; the truth of each.
    fn turn(&mut self) -> Result<Vec<Vec<Moved>>, String> {
        self.0.iter_mut().map(Generator::turn).collect()
    }
}

impl Generator {
    fn start(kind: &str) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(["phases", kind])
            // So that both ends can be ended with it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start ourselves: {error}"))?;
        let printed = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in printed.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines })
    }

    fn turn(&mut self) -> Result<Vec<Moved>, String> {
        let orders = self.child.stdin.as_mut().expect("piped");
        orders.write_all(b"\n").map_err(|error| error.to_string())?;
        // One line of each end.
        (0..2)
            .map(|_end| {
                let line = self.lines.recv_timeout(PATIENCE);
                let line = line.map_err(|error| format!("an end says nothing: {error}"))?;
                serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))
            })
            .collect()
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // An end that waits for bytes would not see that the input is over.
        // SAFETY: no memory is involved; the group is of the child that we made.
        unsafe { libc::kill(-self.child.id().cast_signed(), libc::SIGKILL) };
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use nettally_integration_tests::traffic::Protocol;

    use super::*;

    fn moved(pid: u32, sent_bytes: u64) -> Moved {
        Moved {
            process: "p".to_owned(),
            pid,
            protocol: Protocol::Tcp,
            remote: None,
            sent_bytes,
            received_bytes: 0,
        }
    }

    #[test]
    fn what_is_stored_later_is_what_was_not_there_before() {
        let later = difference(&[moved(1, 30), moved(2, 5)], &[moved(1, 10)]);
        assert_eq!(later, Ok(vec![moved(1, 20), moved(2, 5)]));
        assert!(difference(&[moved(1, 9)], &[moved(1, 10)]).is_err());
        assert!(difference(&[], &[moved(1, 10)]).is_err());
    }

    #[test]
    fn a_stream_counted_twice_or_no_more_is_noticed() {
        let dripped = Dripped {
            when_restarted: 5000,
            before_stop: 9000,
            after_stop: 10_000,
            stored: 8000,
            stored_later: 4000,
        };
        assert_eq!(dripped.verdict(), Verdict::Exact);
        let twice = Dripped {
            stored: 12_000,
            ..dripped
        };
        let no_more = Dripped {
            stored_later: 0,
            ..dripped
        };
        let idle = Dripped {
            before_stop: 5000,
            ..dripped
        };
        for wrong in [twice, no_more, idle] {
            assert!(!wrong.verdict().is_well(), "{wrong:?}");
        }
    }
}
