//! Processes that live for a millisecond or two.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nettally_integration_tests::harness::stream::{Parent, Row, Stream};

use super::{Specks, own_chain, own_network_namespace, run, sent, text};

/// What each sends.
const EACH: usize = 10_000;

/// Fewer where processors are emulated.
fn processes() -> usize {
    let count = std::env::var("NETTALLY_SHORT_PROCESSES").ok();
    count.map_or(1000, |count| count.parse().expect("a number"))
}

/// One that has run.
struct Ran {
    pid: u32,
    exe: PathBuf,
    argument: String,
    lived: Duration,
}

#[test]
fn a_thousand_programs_of_a_millisecond_are_all_named_in_full() {
    let specks = Specks::new();
    let count = processes();
    let programs: Vec<PathBuf> = (0..count)
        .map(|number| specks.link(format!("{number:04}/speck-{number:04}")))
        .collect();
    let stream = Stream::start(1.0, &[]);
    let (ran, scanned) = run_all(&programs);
    stream.until(|told| {
        let named: BTreeSet<&str> = told
            .rows
            .iter()
            .filter_map(|row| row.process.strip_prefix("speck-"))
            .collect();
        (named.len() >= count)
            .then_some(())
            .ok_or_else(|| format!("{} of {count} came by name", named.len()))
    });
    let told = stream.finish();

    let expected = Expected {
        parents: own_chain(),
        network_namespace: own_network_namespace(),
    };
    let mut rows = BTreeMap::<u32, Vec<Row>>::new();
    for row in told.rows.iter().filter(|row| row.sent_bytes > 0) {
        rows.entry(row.pid).or_default().push(row.clone());
    }
    let mut missing = BTreeMap::<&str, Vec<String>>::new();
    for ran in &ran {
        let rows = rows.get(&ran.pid).map_or(&[][..], Vec::as_slice);
        // The number may have been used by a stranger as well.
        let rows: Vec<Row> = rows
            .iter()
            .filter(|row| row.process.starts_with("speck-"))
            .cloned()
            .collect();
        for what in expected.missing(ran, &rows) {
            missing.entry(what).or_default().push(format!("{rows:?}"));
        }
    }
    print(&ran, &scanned, &missing);
    println!("lost: {:?}", told.losses);
    let examples: Vec<_> = missing
        .iter()
        .map(|(what, rows)| format!("{what}: {} of {count}, such as {}", rows.len(), rows[0]))
        .collect();
    assert!(examples.is_empty(), "{}", examples.join("\n"));
}

struct Expected {
    parents: Vec<Parent>,
    network_namespace: u32,
}

impl Expected {
    /// What the rows of a process do not say as they should.
    fn missing(&self, ran: &Ran, rows: &[Row]) -> Vec<&'static str> {
        let all = |is_right: &dyn Fn(&Row) -> bool| !rows.is_empty() && rows.iter().all(is_right);
        let exe = text(&ran.exe);
        let has_arguments = |line: &str| line.contains(exe) && line.ends_with(&ran.argument);
        let checks = [
            ("bytes", sent(rows) == EACH as u64),
            ("path", all(&|row| row.exe.as_deref() == Some(exe))),
            (
                "command line",
                all(&|row| row.command_line.as_deref().is_some_and(has_arguments)),
            ),
            (
                "user",
                all(&|row| {
                    (row.uid, row.gid) == (Some(0), Some(0)) && row.user.as_deref() == Some("root")
                }),
            ),
            ("parents", all(&|row| row.parents == self.parents)),
            (
                "namespace",
                all(&|row| row.network_namespace == Some(self.network_namespace)),
            ),
            ("app", all(&|row| !row.app.is_empty())),
            ("kernel", all(&|row| row.attribution == "kernel")),
        ];
        let wrong = checks.into_iter().filter(|(_, is_right)| !is_right);
        wrong.map(|(what, _)| what).collect()
    }
}

/// Runs them one after the other while others look for them in `/proc`.
fn run_all(programs: &[PathBuf]) -> (Vec<Ran>, Vec<(Duration, usize)>) {
    const INTERVALS_MS: [u64; 3] = [1000, 100, 10];
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is left");
    let port = listener.local_addr().expect("it is bound").port();
    let is_over = AtomicBool::new(false);
    let is_over = &is_over;
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            for _ in programs {
                let (mut stream, _) = listener.accept().expect("they connect");
                while stream.read(&mut buffer).expect("they send") > 0 {}
            }
        });
        let scanners: Vec<_> = INTERVALS_MS
            .map(Duration::from_millis)
            .into_iter()
            .map(|interval| {
                (
                    interval,
                    scope.spawn(move || scan(interval, programs, is_over)),
                )
            })
            .collect();
        let ran = programs.iter().enumerate().map(|(number, exe)| {
            let argument = format!("argument-{number:04}");
            let steps = [
                format!("tcp:{port}:{EACH}"),
                "--".to_owned(),
                argument.clone(),
            ];
            let start = Instant::now();
            let pid = run(exe, &steps);
            Ran {
                pid,
                exe: exe.clone(),
                argument,
                lived: start.elapsed(),
            }
        });
        let ran = ran.collect();
        server.join().expect("it has served all");
        is_over.store(true, Ordering::Relaxed);
        let scanned = scanners.into_iter();
        let scanned =
            scanned.map(|(interval, scanner)| (interval, scanner.join().expect("it only reads")));
        (ran, scanned.collect())
    })
}

/// How many programs somebody would have found who reads `/proc` every so often.
fn scan(interval: Duration, programs: &[PathBuf], is_over: &AtomicBool) -> usize {
    let wanted: BTreeSet<&PathBuf> = programs.iter().collect();
    let mut found = BTreeSet::new();
    let mut known = BTreeSet::new();
    let mut next = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        let entries = fs::read_dir("/proc").expect("/proc is mounted");
        let pids =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let pids: BTreeSet<u32> = pids.collect();
        for pid in pids.difference(&known) {
            let exe = fs::read_link(format!("/proc/{pid}/exe"));
            found.extend(exe.ok().filter(|exe| wanted.contains(exe)));
        }
        known = pids;
        next += interval;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    found.len()
}

/// The table of who named how many.
#[expect(
    clippy::print_stdout,
    reason = "the figures are shown beside the verdict"
)]
fn print(ran: &[Ran], scanned: &[(Duration, usize)], missing: &BTreeMap<&str, Vec<String>>) {
    let mut lived: Vec<Duration> = ran.iter().map(|ran| ran.lived).collect();
    lived.sort();
    let at = |share: usize| lived[(lived.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(
        "{} processes, each from start to end {:.1} ms (median), {:.1} (99 %)",
        ran.len(),
        at(50),
        at(99)
    );
    let share = |named: usize| 100.0 * named as f64 / ran.len() as f64;
    let unnamed = missing.values().map(Vec::len).max().unwrap_or_default();
    println!(
        "named in full by nettally      {:>6.1} %",
        share(ran.len() - unnamed)
    );
    for (interval, named) in scanned {
        println!(
            "path found in /proc every {interval:>4?} {:>6.1} %",
            share(*named)
        );
    }
}
