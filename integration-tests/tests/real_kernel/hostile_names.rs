//! Process names that would do harm where they are shown without care.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::faces::Face;
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::statsd::{Statsd, word};
use nettally_integration_tests::harness::wait;

const NAMES: [&str; 6] = [
    "<script>x()",
    "a\"b'c`d",
    "\u{1b}[31mred",
    "a,b\nc\r\td",
    "\u{202e}gpj.exe",
    "a:1|c\nb:2|c",
];

#[test]
fn are_harmless_in_json_csv_table_and_statsd() {
    let statsd = Statsd::start();
    let daemon = Daemon::start(&Setup {
        statsd: Some(statsd.address),
        ..Setup::default()
    });
    let drips = NAMES.map(|name| Drip::start(name, 100, Duration::from_millis(10)));

    // JSON carries the name as it is.
    for face in Face::ALL {
        wait::until(wait::PATIENCE, || {
            let rows = face.read(&daemon)?;
            let has = |(name, drip): (&&str, &Drip)| {
                let mut rows = rows.iter().filter(|row| row.pid == drip.pid());
                rows.any(|row| row.process == *name)
            };
            let all = NAMES.iter().zip(&drips).all(has);
            all.then_some(())
                .ok_or_else(|| format!("{face:?}: {rows:?}"))
        });
    }

    let options = ["--since", "-1h", "--group-by", "pid,process"];
    let table = daemon.report(&options).expect("a table");
    assert_printable(&table);
    let csv = daemon
        .report(&[options.as_slice(), &["--csv"]].concat())
        .expect("CSV");
    assert_printable(&csv.replace("\r\n", "\n"));
    let pids = pids_by_csv_reader(&csv);
    for drip in &drips {
        assert!(pids.contains(&drip.pid()), "{pids:?}\n{csv}");
    }

    wait::until(wait::PATIENCE, || {
        let counters = statsd.counters();
        let missing = NAMES.iter().find(|name| {
            let counter = format!("nettally.process.{}.udp.sent_bytes", word(name));
            !counters.contains_key(&counter)
        });
        missing.map_or(Ok(()), |name| Err(format!("{name:?}: {counters:?}")))
    });
}

/// Line feeds aside, nothing that a terminal would obey.
#[track_caller]
fn assert_printable(text: &str) {
    let odd = text.chars().find(|&character| {
        character != '\n' && (character.is_control() || character == '\u{202e}')
    });
    assert_eq!(odd, None, "{text:?}");
}

/// Every row has as many fields as the header, read by a program that is not ours.
fn pids_by_csv_reader(csv: &str) -> Vec<u32> {
    const READER: &str = "
import csv, sys
rows = list(csv.reader(sys.stdin))
assert all(len(row) == len(rows[0]) for row in rows), rows
for row in rows[1:]: print(row[rows[0].index('pid')])
";
    let mut reader = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`python3` is installed; `cargo xtask setup` does it");
    let mut input = reader.stdin.take().expect("piped");
    input.write_all(csv.as_bytes()).expect("the reader reads");
    drop(input);
    let output = reader.wait_with_output().expect("the reader ends");
    assert!(output.status.success(), "{csv}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|pid| pid.parse().expect("a number"))
        .collect()
}
