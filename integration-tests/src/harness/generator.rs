//! Running the traffic generator.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{programs, wait};
use crate::traffic::Moved;

/// Runs the generator to its end and returns the truth.
///
/// # Panics
/// It fails.
#[must_use]
#[track_caller]
pub fn run(arguments: &[&str]) -> Vec<Moved> {
    let output = Command::new(programs::traffic())
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "traffic {arguments:?}: {}",
        output.status
    );
    parse(&output.stdout)
}

/// As [`run`], where a case may fail or hang.
///
/// # Errors
/// It fails, or has not ended within `patience`; the text is what it printed about it.
pub fn try_run(arguments: &[&str], patience: Duration) -> Result<Vec<Moved>, String> {
    let mut child = Command::new(programs::traffic())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that its children can be ended with it.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot start the generator: {error}"))?;
    let group = child.id().cast_signed();
    let printed = read_aside(child.stdout.take().expect("piped"));
    let complaints = read_aside(child.stderr.take().expect("piped"));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break Some(status);
        }
        if start.elapsed() > patience {
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    if status.is_none_or(|status| !status.success()) {
        // SAFETY: no memory is involved; the group is of the child that we made.
        unsafe { libc::kill(-group, libc::SIGKILL) };
        drop(child.wait());
    }
    let read = |reader: JoinHandle<Vec<u8>>| reader.join().expect("it only reads");
    let (printed, complaints) = (read(printed), read(complaints));
    match status {
        Some(status) if status.success() => Ok(parse(&printed)),
        status => Err(format!(
            "{}: {}",
            status.map_or_else(
                || format!("no end in {patience:?}"),
                |status| status.to_string()
            ),
            String::from_utf8_lossy(&complaints).trim()
        )),
    }
}

/// Everything that comes, so that whoever writes never waits.
fn read_aside(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // An error is the end as well.
        drop(from.read_to_end(&mut bytes));
        bytes
    })
}

/// The truth from what it printed.
///
/// # Panics
/// That is not the truth.
#[must_use]
pub fn parse(printed: &[u8]) -> Vec<Moved> {
    let text = str::from_utf8(printed).expect("JSON is text");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// A process that sends on and on. Dropping it kills it.
#[derive(Debug)]
pub struct Drip {
    child: Child,
    directory: TempDir,
}

impl Drip {
    /// Starts one called `name` and waits for its first byte.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(name: &str, bytes: usize, interval: Duration) -> Self {
        let directory = TempDir::new().expect("a directory for the test");
        let child = Command::new(programs::traffic())
            .args(["drip", name, &bytes.to_string()])
            .arg(interval.as_millis().to_string())
            .arg(progress(directory.path()))
            .spawn()
            .expect("the program starts");
        let drip = Self { child, directory };
        wait::until(wait::PATIENCE, || match drip.sent_bytes() {
            0 => Err("nothing sent yet".to_owned()),
            _ => Ok(()),
        });
        drip
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it; returns its process number and what it had sent. The last send may be missing.
    #[must_use]
    pub fn stop(mut self) -> (u32, u64) {
        // Both fail if it has ended already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
        (self.pid(), self.sent_bytes())
    }

    /// What it has sent so far; the send under way may be missing.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        let bytes = std::fs::read(progress(self.directory.path())).unwrap_or_default();
        bytes.try_into().map_or(0, u64::from_ne_bytes)
    }
}

impl Drop for Drip {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A generator that has moved its bytes and is still there. Dropping it lets it end.
#[derive(Debug)]
pub struct Held {
    child: Child,
    lines: Receiver<String>,
    truth: Vec<Moved>,
}

impl Held {
    /// Starts a case whose connections stay open, and waits until it has printed `rows` lines.
    ///
    /// # Panics
    /// It ends before.
    #[must_use]
    #[track_caller]
    pub fn start(case: &str, rows: usize) -> Self {
        let arguments: [&OsStr; 2] = ["held".as_ref(), case.as_ref()];
        Self::start_program(&programs::traffic(), &arguments, rows)
    }

    /// As [`Held::start`], of a copy of the generator.
    ///
    /// # Panics
    /// It ends before.
    #[must_use]
    #[track_caller]
    pub fn start_program(program: &Path, arguments: &[&OsStr], rows: usize) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let printed = BufReader::new(child.stdout.take().expect("piped"));
        let (lines, come) = channel();
        std::thread::spawn(move || {
            for line in printed.lines().map_while(Result::ok) {
                // Later lines are read too, so that printing them succeeds.
                drop(lines.send(line));
            }
        });
        let mut held = Self {
            child,
            lines: come,
            truth: Vec::new(),
        };
        held.read(rows);
        held
    }

    /// Waits until it has printed `rows` lines more.
    ///
    /// # Panics
    /// It does not print them.
    #[track_caller]
    pub fn read(&mut self, rows: usize) {
        // A process that has failed prints nothing, while the others wait.
        let more: Vec<Moved> = (0..rows)
            .map_while(|_row| self.lines.recv_timeout(wait::PATIENCE).ok())
            .flat_map(|line| parse(line.as_bytes()))
            .collect();
        assert_eq!(more.len(), rows, "it printed no more than {more:?}");
        self.truth.extend(more);
    }

    /// What it has printed.
    #[must_use]
    pub fn truth(&self) -> &[Moved] {
        &self.truth
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// It has ended.
    pub fn write_line(&mut self) {
        let input = self.child.stdin.as_mut().expect("piped");
        input.write_all(b"\n").expect("it waits for the line");
    }

    /// Lets it end.
    ///
    /// # Panics
    /// It fails.
    #[track_caller]
    pub fn finish(mut self) {
        drop(self.child.stdin.take());
        let status = self.child.wait().expect("our own child");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // All its processes wait for the end of their input, if they have not ended already.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

fn progress(directory: &Path) -> PathBuf {
    directory.join("progress")
}
