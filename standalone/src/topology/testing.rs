//! Builders of made-up events, for tests.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::{
    HealthReport, Losses, Process, ProcessId, Protocol, Remote, Usage, UsageBatch, Window,
};

pub(crate) fn second(number: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + number).unwrap()
}

/// The window that begins at `number` seconds and takes one.
pub(crate) fn batch(number: i64, usage: impl IntoIterator<Item = Row>) -> UsageBatch {
    UsageBatch {
        window: Window {
            start: second(number),
            end: second(number + 1),
        },
        usage: usage
            .into_iter()
            .map(|row| Usage {
                first_activity: second(number),
                last_activity: second(number),
                ..row.0
            })
            .collect(),
        losses: Losses::default(),
    }
}

pub(crate) struct Row(Usage);

/// A flow of the process `name` from `local_port`.
pub(crate) fn row(name: &str, protocol: Protocol, local_port: u16) -> Row {
    Row(Usage {
        process: Arc::new(Process {
            id: ProcessId {
                pid: 100,
                start_boottime_ns: name.bytes().map(u64::from).sum(),
                ..ProcessId::default()
            },
            name: name.to_owned(),
            exe: Some(format!("/bin/{name}")),
            uid: Some(0),
            user: Some("root".to_owned()),
            ..Process::default()
        }),
        protocol,
        local_port,
        remote: Remote::Address {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 80,
        },
        sent_bytes: 0,
        received_bytes: 0,
        first_activity: second(0),
        last_activity: second(0),
    })
}

impl Row {
    /// To the remote of this number.
    pub(crate) fn remote(self, number: u32) -> Self {
        let ip = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number));
        Self(Usage {
            remote: Remote::Address { ip, port: 80 },
            ..self.0
        })
    }

    pub(crate) fn moved(self, sent_bytes: u64, received_bytes: u64) -> Self {
        Self(Usage {
            sent_bytes,
            received_bytes,
            ..self.0
        })
    }
}

pub(crate) fn health(source: &str, windows: u64) -> HealthReport {
    HealthReport {
        time: second(0),
        source: source.to_owned(),
        backend: "tracepoint".to_owned(),
        kernel: "6.18".to_owned(),
        programs: Vec::new(),
        degradations: Vec::new(),
        losses: Losses::default(),
        windows,
        flows: 0,
        flows_capacity: 1,
        drain_ms: 0.0,
        load_ms: 0.0,
    }
}

/// Sent and received bytes of a window.
pub(crate) fn moved(batch: &UsageBatch) -> (u64, u64) {
    batch.usage.iter().fold((0, 0), |(sent, received), row| {
        (sent + row.sent_bytes, received + row.received_bytes)
    })
}
