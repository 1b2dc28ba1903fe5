//! Processes that talk with themselves under names that nobody else has.

use std::process::{Command, Stdio};

use super::generator;
use crate::traffic::Moved;

const PROGRAM: &str = include_str!("talker.py");

/// What the names of one test begin with. Receivers know processes by name only, and the machine
/// has others.
#[must_use]
pub fn prefix(letter: char) -> String {
    format!("{letter}{}-", std::process::id())
}

/// Runs one that moves so many bytes each way over each protocol, and returns what it moved.
///
/// # Panics
/// It fails.
#[must_use]
#[track_caller]
pub fn talk(name: &str, tcp_bytes: u64, udp_bytes: u64) -> Vec<Moved> {
    let output = Command::new("python3")
        .args([
            "-c",
            PROGRAM,
            name,
            &tcp_bytes.to_string(),
            &udp_bytes.to_string(),
        ])
        .stderr(Stdio::inherit())
        .output()
        .expect("`python3` is installed; `cargo xtask setup` does it");
    assert!(output.status.success(), "{name}: {}", output.status);
    generator::parse(&output.stdout)
}
