//! Builders of made-up events.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use nettally_source::{
    Degradation, HealthReport, LossCount, LossReason, Losses, Process, ProcessId, ProgramStats,
    Protocol, Remote, Usage, UsageBatch, Window,
};

pub(crate) fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// A window of one second.
pub(crate) fn batch(second: i64, usage: Vec<Usage>) -> UsageBatch {
    let start = instant(second);
    UsageBatch {
        window: Window {
            start,
            end: start + SignedDuration::from_secs(1),
        },
        usage,
        losses: Losses::default(),
    }
}

/// A TCP flow with port 443 of `remote`.
pub(crate) fn flow(name: &str, pid: u32, remote: &str, sent: u64, received: u64) -> Usage {
    Usage {
        process: Arc::new(Process {
            id: ProcessId {
                pid,
                start_boottime_ns: u64::from(pid) * 1_000,
                ..ProcessId::default()
            },
            name: name.to_owned(),
            exe: Some(format!("/usr/bin/{name}")),
            uid: Some(1000),
            user: Some("ada".to_owned()),
            ..Process::default()
        }),
        protocol: Protocol::Tcp,
        local_port: 40_000,
        remote: Remote::Address {
            ip: remote.parse().unwrap(),
            port: 443,
        },
        sent_bytes: sent,
        received_bytes: received,
        first_activity: instant(0),
        last_activity: instant(0),
    }
}

/// Frames of the link layer.
pub(crate) fn frames(name: &str, pid: u32, sent: u64, received: u64) -> Usage {
    Usage {
        protocol: Protocol::Packet,
        local_port: 0,
        remote: Remote::None,
        ..flow(name, pid, "192.0.2.1", sent, received)
    }
}

/// A healthy tracepoint source.
pub(crate) fn health() -> HealthReport {
    HealthReport {
        time: instant(1),
        source: "network".to_owned(),
        backend: "tracepoint".to_owned(),
        kernel: "6.18.0".to_owned(),
        programs: vec![ProgramStats {
            hook: "sock_send_length".to_owned(),
            runs: 0,
            run_time_ns: 0,
            recursion_misses: 0,
            instructions: 1_234,
            memory_bytes: 20_480,
        }],
        degradations: Vec::new(),
        losses: Losses::default(),
        windows: 1,
        flows: 1,
        flows_capacity: 65_536,
        drain_ms: 0.5,
        load_ms: 38.5,
    }
}

/// One that sees less and lost something.
pub(crate) fn degraded_health() -> HealthReport {
    let count = LossCount {
        events: 2,
        sent_bytes: 100,
        received_bytes: 0,
    };
    HealthReport {
        degradations: vec![Degradation {
            code: "cgroup_hooks_missing".to_owned(),
            summary: "UDP remotes may be unresolved".to_owned(),
            remedy: "grant CAP_NET_ADMIN".to_owned(),
        }],
        losses: Losses(BTreeMap::from([(LossReason::FlowsFull, count)])),
        ..health()
    }
}
