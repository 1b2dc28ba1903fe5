//! Who moved the bytes, whatever it is and however short it lives.
//!
//! All of it is done by the program `speck`, which does what its arguments say, and told by
//! `nettally stream`. Each file is a kind of difficulty.

mod changes;
mod containers;
mod executables;
mod secrets;
mod short;
mod starts;
mod tunnel;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nettally_integration_tests::harness::programs;
use nettally_integration_tests::harness::stream::{Parent, Row, Stream, Told};
use tempfile::TempDir;

/// Copies of `speck` under paths of their own.
struct Specks(TempDir);

impl Specks {
    fn new() -> Self {
        let directory = TempDir::new().expect("a directory for the test");
        fs::copy(programs::speck(), directory.path().join("speck")).expect("our own directory");
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn directory(&self, name: &str) -> PathBuf {
        let directory = self.path().join(name);
        fs::create_dir_all(&directory).expect("our own directory");
        directory
    }

    /// The program at that path below the directory.
    fn link(&self, name: impl AsRef<Path>) -> PathBuf {
        let link = self.path().join(name);
        fs::create_dir_all(link.parent().expect("it has one")).expect("our own directory");
        fs::hard_link(self.path().join("speck"), &link).expect("our own directory");
        link
    }
}

/// Runs it to its end; its number.
#[track_caller]
fn run<S: AsRef<OsStr>>(program: &Path, steps: &[S]) -> u32 {
    let child = Command::new(program)
        .args(steps)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let pid = child.id();
    let output = child.wait_with_output().expect("our own child");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {complaint}", output.status);
    pid
}

/// Waits until the rows that are `wanted` have sent so much, and returns them; fails if it is more.
#[track_caller]
fn rows_of(stream: &Stream, sent_bytes: u64, wanted: impl Fn(&Row) -> bool) -> Vec<Row> {
    let rows = stream.until(|told| {
        let rows: Vec<Row> = told
            .rows
            .iter()
            .filter(|row| wanted(row))
            .cloned()
            .collect();
        if sent(&rows) >= sent_bytes {
            return Ok(rows);
        }
        Err(format!(
            "sent {} of {sent_bytes} in {rows:?}; others: {}; lost: {:?}",
            sent(&rows),
            others(told),
            told.losses
        ))
    });
    assert_eq!(sent(&rows), sent_bytes, "{rows:?}");
    rows
}

fn sent(rows: &[Row]) -> u64 {
    rows.iter().map(|row| row.sent_bytes).sum()
}

/// The last rows: to explain what is missing.
fn others(told: &Told) -> String {
    let rows = told.rows.iter().rev().take(8);
    let rows = rows.map(|row| {
        format!(
            "{} {} {:?} {:?} {} sent {}",
            row.pid, row.process, row.exe, row.command_line, row.attribution, row.sent_bytes
        )
    });
    rows.collect::<Vec<_>>().join("; ")
}

/// This process and its ancestors, as its children should have them.
fn own_chain() -> Vec<Parent> {
    let parent_of = |pid: u32| -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        line.trim().parse().ok().filter(|&pid| pid != 0)
    };
    let chain = std::iter::successors(Some(std::process::id()), |&pid| parent_of(pid));
    chain
        .take(4)
        .map(|pid| Parent {
            pid,
            name: comm(pid),
        })
        .collect()
}

/// Name of the first thread.
fn comm(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).expect("it lives");
    name.trim_end_matches('\n').to_owned()
}

/// As the kernel numbers it.
fn own_network_namespace() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    let file = fs::metadata("/proc/self/ns/net").expect("/proc is mounted");
    u32::try_from(file.ino()).expect("such numbers are small")
}

/// The text of a path that is text.
fn text(path: &Path) -> &str {
    path.to_str().expect("our own directory")
}
