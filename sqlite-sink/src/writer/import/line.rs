//! The lines of an export.

use std::net::IpAddr;

use jiff::Timestamp;
use nettally_source::pipeline::{Container, Process, ProcessId, Runtime};
use serde::Deserialize;

use crate::moment::{Span, floor_ms};

/// A line: which it is, is in `record`.
#[derive(Debug, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(super) enum Line {
    Begin(Begin),
    Usage(Box<UsageLine>),
    Loss(LossLine),
    End(End),
}

#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    pub(super) version: u32,
    columns: Vec<String>,
    pub(super) flushed_until: Option<Timestamp>,
}

/// The columns that are stored.
const KNOWN: [&str; 19] = [
    "window_start",
    "window_end",
    "process",
    "pid",
    "exe",
    "user",
    "protocol",
    "local_port",
    "remote_ip",
    "remote_port",
    "sent_bytes",
    "received_bytes",
    "app",
    "unit",
    "container",
    "pod",
    "package",
    "cgroup",
    "command_line",
];

impl Begin {
    pub(super) fn unknown_columns(&self) -> Vec<String> {
        let unknown = |column: &&String| !KNOWN.contains(&column.as_str());
        self.columns.iter().filter(unknown).cloned().collect()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct UsageLine {
    window_start: Timestamp,
    window_end: Timestamp,
    process: String,
    /// None where processes that are alike are one.
    pub(super) pid: Option<u32>,
    exe: Option<String>,
    user: Option<String>,
    pub(super) protocol: String,
    pub(super) local_port: Option<u16>,
    remote_ip: String,
    pub(super) remote_port: Option<u16>,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    app: Option<String>,
    unit: Option<String>,
    container: Option<String>,
    pod: Option<String>,
    package: Option<String>,
    cgroup: Option<String>,
    command_line: Option<String>,
}

/// The other end, as the column `remote_ip` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    Address(IpAddr),
    Unresolved,
    Folded,
    None,
}

impl UsageLine {
    pub(super) fn span(&self) -> Result<Span, String> {
        span(self.window_start, self.window_end)
    }

    pub(super) fn remote(&self) -> Result<Other, String> {
        match self.remote_ip.as_str() {
            "unresolved" => Ok(Other::Unresolved),
            "other" => Ok(Other::Folded),
            "none" => Ok(Other::None),
            text => text.parse().map(Other::Address).map_err(|_no_address| {
                format!("`{text}` is no remote_ip; allowed: an address, unresolved, other, none")
            }),
        }
    }

    /// What is known of the process.
    pub(super) fn process(&self) -> Result<Process, String> {
        let Self {
            process,
            pid,
            exe,
            user,
            app,
            unit,
            container,
            pod,
            package,
            cgroup,
            command_line,
            ..
        } = self;
        // A user without a name is shown as its number.
        let uid = user.as_ref().and_then(|user| user.parse().ok());
        let id = ProcessId {
            pid: pid.unwrap_or_default(),
            ..ProcessId::default()
        };
        Ok(Process {
            exe: exe.clone(),
            uid,
            user: user.clone().filter(|_name| uid.is_none()),
            app: app.clone().unwrap_or_else(|| process.clone()),
            unit: unit.clone(),
            container: container.as_deref().map(read_container).transpose()?,
            pod: pod.clone(),
            package: package.clone(),
            cgroup: cgroup.clone(),
            command_line: command_line.clone(),
            ..Process::named(id, process)
        })
    }
}

/// Reads `docker:3f2a9c1b7d55`; the rest of the id is not in an export.
fn read_container(text: &str) -> Result<Container, String> {
    let runtimes = Runtime::ALL;
    text.split_once(':')
        .and_then(|(name, id)| {
            let runtime = runtimes.into_iter().find(|known| known.name() == name)?;
            let id = id.to_owned();
            Some(Container { runtime, id })
        })
        .ok_or_else(|| {
            let names = runtimes.map(Runtime::name).join(", ");
            format!("`{text}` is no container; allowed: one of {names}, a colon, and its id")
        })
}

#[derive(Debug, Deserialize)]
pub(super) struct LossLine {
    tier: LossTier,
    window_start: Timestamp,
    window_end: Timestamp,
    pub(super) reason: String,
    pub(super) events: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LossTier {
    Window,
    Day,
}

impl LossLine {
    pub(super) fn span(&self) -> Result<Span, String> {
        span(self.window_start, self.window_end)
    }

    pub(super) fn is_of_window(&self) -> bool {
        match self.tier {
            LossTier::Window => true,
            LossTier::Day => false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct End {
    pub(super) rows: u64,
    pub(super) losses: u64,
}

fn span(start: Timestamp, end: Timestamp) -> Result<Span, String> {
    if start >= end {
        return Err(format!(
            "window_start {start} is not before window_end {end}"
        ));
    }
    Ok(Span {
        start_ms: floor_ms(start),
        end_ms: floor_ms(end),
    })
}
