//! The examples in a real Vector, if the environment variable `VECTOR_BIN` names one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nettally_integration_tests::harness::clickhouse::Clickhouse;
use nettally_integration_tests::harness::daemon::free_address;
use nettally_integration_tests::harness::talker::{prefix, talk};
use nettally_integration_tests::harness::{programs, require_root, wait};
use nettally_integration_tests::traffic::Moved;
use tempfile::TempDir;

use super::examples;

const SCHEMA: &str = include_str!("../../../../config-examples/clickhouse/schema.sql");

/// The program, or a line that says what is not run. Vector is in no registry that the tests use.
fn vector() -> Option<PathBuf> {
    let program = std::env::var_os("VECTOR_BIN").map(PathBuf::from);
    if program.is_none() {
        let sentence = b"NOT RUN against a real Vector: VECTOR_BIN names none.\n";
        // Past the capture of what tests print.
        std::io::stderr()
            .write_all(sentence)
            .expect("a terminal or a pipe");
    }
    program
}

/// Ends with the test.
struct Running(Child);

impl Running {
    fn stop(mut self) {
        // SAFETY: no memory is involved; the child is not waited for yet, so the number is its own.
        unsafe { libc::kill(self.0.id().cast_signed(), libc::SIGTERM) };
        let status = self.0.wait().expect("our own child");
        assert!(status.success(), "vector: {status}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is as well.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs an example, with these of its texts replaced.
fn start(vector: &Path, directory: &Path, example: &str, replaced: &[(&str, &str)]) -> Running {
    let mut examples = examples().into_iter();
    let mut text = examples
        .find(|found| found.name == example)
        .expect(example)
        .text;
    let config = directory.join("nettally.yaml");
    let yaml = format!(
        "data_dir: {}\nsources: {{ network: {{ type: process_network, scrape_interval_secs: 0.2 }} }}\n",
        directory.join("data").display()
    );
    std::fs::write(&config, yaml).expect("our own directory");
    let stream = format!(
        "{}, stream, -c, {}",
        programs::nettally().display(),
        config.display()
    );
    let data_dir = directory.join("vector");
    std::fs::create_dir(&data_dir).expect("our own directory");
    let data_dir = data_dir.display().to_string();
    let ours = [
        ("/usr/bin/nettally, stream", stream.as_str()),
        ("/var/lib/vector", &data_dir),
    ];
    for (shown, used) in ours.iter().chain(replaced) {
        text = text.replace(shown, used);
    }
    let file = directory.join("vector.yaml");
    std::fs::write(&file, text).expect("our own directory");
    let child = Command::new(vector)
        .arg("--config")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("VECTOR_BIN starts");
    Running(child)
}

fn sum(truth: &[Moved]) -> [u64; 2] {
    let sent = truth.iter().map(|row| row.sent_bytes).sum();
    [sent, truth.iter().map(|row| row.received_bytes).sum()]
}

#[test]
fn vector_validates_and_tests_every_example() {
    let Some(vector) = vector() else { return };
    for example in examples() {
        for arguments in [
            &["validate", "--no-environment", "--deny-warnings"][..],
            &["test"],
        ] {
            let output = Command::new(&vector)
                .args(arguments)
                .arg(&example.path)
                .output();
            let output = output.expect("VECTOR_BIN starts");
            assert!(
                output.status.success(),
                "{} {arguments:?}: {output:?}",
                example.name
            );
        }
    }
}

#[test]
fn a_real_vector_brings_every_byte_to_clickhouse() {
    let Some(vector) = vector() else { return };
    require_root();
    let clickhouse = Clickhouse::start();
    clickhouse.run(SCHEMA);
    let directory = TempDir::new().expect("a directory for the test");
    let replaced = [
        ("clickhouse.example:8123", clickhouse.address.as_str()),
        ("timeout_secs: 10", "timeout_secs: 1"),
    ];
    let running = start(&vector, directory.path(), "clickhouse", &replaced);
    let prefix = prefix('w');
    wait::until(Duration::from_secs(60), || {
        drop(talk(&format!("{prefix}a"), 1, 0));
        match clickhouse.number("SELECT count() FROM nettally.flows")? {
            0 => Err("no rows yet".to_owned()),
            _ => Ok(()),
        }
    });
    let name = format!("{prefix}b");
    let truth = talk(&name, 1_000_003, 50_021);
    running.stop();
    let found = ["sent_bytes", "received_bytes"].map(|bytes| {
        let question =
            format!("SELECT sum({bytes}) AS sum FROM nettally.flows WHERE process = '{name}'");
        clickhouse.number(&question).expect("it can be asked")
    });
    assert_eq!(found, sum(&truth));
}

#[test]
fn a_real_vector_shows_prometheus_every_byte() {
    let Some(vector) = vector() else { return };
    require_root();
    let directory = TempDir::new().expect("a directory for the test");
    let address = free_address().to_string();
    let replaced = [("127.0.0.1:9598", address.as_str())];
    let running = start(&vector, directory.path(), "prometheus", &replaced);
    let exported = || {
        let answer = ureq::get(format!("http://{address}/metrics")).call();
        let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
        text.map_err(|error| error.to_string())
    };
    let prefix = prefix('e');
    wait::until(Duration::from_secs(60), || {
        drop(talk(&format!("{prefix}a"), 1, 0));
        let text = exported()?;
        text.contains(&prefix).then_some(()).ok_or(text)
    });
    let name = format!("{prefix}b");
    let truth = sum(&talk(&name, 1_000_003, 50_021));
    wait::until(Duration::from_secs(30), || {
        let text = exported()?;
        let sums = ["transmit", "receive"].map(|direction| {
            let start = format!("host_process_network_{direction}_bytes_total{{");
            let ours = format!("name=\"{name}\"");
            let lines = text
                .lines()
                .filter(|line| line.starts_with(&start) && line.contains(&ours));
            // Labels have no spaces; a time may follow the value.
            let values = lines.filter_map(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
            values.sum::<u64>()
        });
        (sums == truth)
            .then_some(())
            .ok_or_else(|| format!("{sums:?}, moved {truth:?}"))
    });
    running.stop();
}
