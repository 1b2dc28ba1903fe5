//! Builders for the tests of this module.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};
use nettally_source::{
    HealthReport, Losses, Process, ProcessId, Protocol, Remote, Usage, UsageBatch, Window,
};

/// A process of alice's.
pub(crate) fn process(pid: u32, name: &str) -> Arc<Process> {
    Arc::new(Process {
        id: ProcessId {
            pid,
            start_boottime_ns: u64::from(pid) * 1_000_000_000,
            ..ProcessId::default()
        },
        name: name.to_owned(),
        exe: Some(format!("/usr/bin/{name}")),
        uid: Some(1000),
        user: Some("alice".to_owned()),
        ..Process::default()
    })
}

/// The window `[second, second + 1)`.
pub(crate) fn batch(second: i64, usage: Vec<Usage>) -> UsageBatch {
    let start = Timestamp::from_second(1_790_000_000 + second).unwrap();
    UsageBatch {
        window: Window {
            start,
            end: start + 1.second(),
        },
        usage,
        losses: Losses::default(),
    }
}

pub(crate) fn tcp(process: &Arc<Process>, remote: &str, sent: u64, received: u64) -> Usage {
    usage(process, Protocol::Tcp, remote, sent, received)
}

pub(crate) fn udp(process: &Arc<Process>, remote: &str, sent: u64, received: u64) -> Usage {
    usage(process, Protocol::Udp, remote, sent, received)
}

/// Frames of the link layer.
pub(crate) fn frames(process: &Arc<Process>, sent: u64, received: u64) -> Usage {
    Usage {
        local_port: 0,
        remote: Remote::None,
        ..usage(process, Protocol::Packet, "192.0.2.1:1", sent, received)
    }
}

/// Echo requests and replies.
pub(crate) fn icmp(process: &Arc<Process>, remote: &str, sent: u64, received: u64) -> Usage {
    usage(process, Protocol::Icmp, remote, sent, received)
}

fn usage(
    process: &Arc<Process>,
    protocol: Protocol,
    remote: &str,
    sent_bytes: u64,
    received_bytes: u64,
) -> Usage {
    let remote: std::net::SocketAddr = remote.parse().unwrap();
    let time = batch(0, vec![]).window.start;
    Usage {
        process: process.clone(),
        protocol,
        local_port: 40_000,
        remote: Remote::Address {
            ip: remote.ip(),
            port: remote.port(),
        },
        sent_bytes,
        received_bytes,
        first_activity: time,
        last_activity: time,
    }
}

/// All is well.
pub(crate) fn health() -> HealthReport {
    HealthReport {
        time: batch(0, vec![]).window.end,
        source: "top".to_owned(),
        backend: "tracepoint".to_owned(),
        kernel: "6.18.5".to_owned(),
        programs: Vec::new(),
        degradations: Vec::new(),
        losses: Losses::default(),
        windows: 1,
        flows: 12,
        flows_capacity: 65_536,
        drain_ms: 0.4,
        load_ms: 38.5,
    }
}

/// Numbers that only look random, so that a failing test fails again.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Below `bound`.
    pub(crate) fn roll(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
