//! What the kernel says a process holds.

use std::fs;

/// Bytes of memory that are resident now.
///
/// # Panics
/// There is no such process.
#[must_use]
#[track_caller]
pub fn resident_bytes(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

/// Bytes of memory that were resident at the most.
///
/// # Panics
/// There is no such process.
#[must_use]
#[track_caller]
pub fn peak_bytes(pid: u32) -> u64 {
    status(pid, "VmHWM:")
}

#[track_caller]
fn status(pid: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let value = status.lines().find_map(|text| text.strip_prefix(line));
    let value = value.expect("every process has it").trim();
    let kibibytes = value.trim_end_matches(" kB").parse::<u64>();
    kibibytes.expect("a number") << 10
}
