//! Running the traffic generator.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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
        wait::until(Duration::from_secs(5), || match drip.sent_bytes() {
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

fn progress(directory: &Path) -> PathBuf {
    directory.join("progress")
}
