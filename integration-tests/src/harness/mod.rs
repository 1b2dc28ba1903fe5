//! The daemon, its faces, and the comparison with the truth.
//!
//! Read in this order: [`daemon`] (start, ask, stop), [`faces`] (one row type for all of them),
//! [`compare`] (to the byte), then the helpers.

pub mod browser;
pub mod clickhouse;
pub mod compare;
pub mod daemon;
pub mod faces;
pub mod generator;
pub mod kernel_maps;
pub mod lines;
pub mod memory;
pub mod network;
pub mod open_telemetry;
pub mod programs;
pub mod prometheus;
pub mod receivers;
pub mod statsd;
pub mod stream;
pub mod talker;
pub mod terminal;
pub mod wait;

/// Fails the test unless it runs as root: a test that is skipped has found out nothing.
///
/// # Panics
/// Not root.
pub fn require_root() {
    // SAFETY: takes nothing, cannot fail.
    let user = unsafe { libc::geteuid() };
    assert_eq!(
        user, 0,
        "this test loads eBPF programs and needs root; run it with `sudo -E cargo xtask test`"
    );
}
