//! Who moved the bytes, as both formats say it.

use std::fmt::Write as _;

use nettally_source::{Attribution, Parent, Process, ProcessId, Runtime};
use serde::Serialize;

/// A process. A field that is not known is not there.
#[derive(Serialize)]
pub(super) struct Who<'a> {
    process: &'a str,
    /// Always there: Vector puts the number of our own process into a log record without one.
    pid: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    app: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exe: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parents: Option<Parents<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    /// As it is shown, grouped and filtered by.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_runtime: Option<Runtime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_namespace: Option<u32>,
    /// Only there where it holds.
    #[serde(skip_serializing_if = "is_false")]
    tunnel: bool,
    attribution: Attribution,
}

/// How ancestors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ancestry {
    /// A list of objects.
    List,
    /// A text, so that the record has nothing but scalars in it and fits a table as it is.
    Text,
}

/// The parent, its parent, and so on.
#[derive(Serialize)]
#[serde(untagged)]
enum Parents<'a> {
    List(&'a [Parent]),
    /// `bash(812) < sshd(640) < systemd(1)`.
    Text(String),
}

impl<'a> Parents<'a> {
    fn of(parents: &'a [Parent], ancestry: Ancestry) -> Option<Self> {
        if parents.is_empty() {
            return None;
        }
        Some(match ancestry {
            Ancestry::List => Self::List(parents),
            Ancestry::Text => Self::Text(chain(parents)),
        })
    }
}

fn chain(parents: &[Parent]) -> String {
    let mut chain = String::new();
    for Parent { pid, name } in parents {
        let separator = if chain.is_empty() { "" } else { " < " };
        write!(chain, "{separator}{name}({pid})").expect("a string takes it");
    }
    chain
}

impl<'a> Who<'a> {
    pub(super) fn of(process: &'a Process, ancestry: Ancestry) -> Self {
        let Process {
            id:
                ProcessId {
                    pid,
                    exec_id: _,
                    start_boottime_ns: _,
                },
            name,
            app,
            exe,
            command_line,
            uid,
            user,
            gid,
            parents,
            unit,
            container,
            pod,
            package,
            cgroup,
            network_namespace,
            tunnel,
            attribution,
        } = process;
        Self {
            process: name,
            pid: *pid,
            app,
            exe: exe.as_deref(),
            command_line: command_line.as_deref(),
            user: user.as_deref(),
            uid: *uid,
            gid: *gid,
            parents: Parents::of(parents, ancestry),
            unit: unit.as_deref(),
            container: process.container_text(),
            container_id: container.as_ref().map(|container| &*container.id),
            container_runtime: container.as_ref().map(|container| container.runtime),
            pod: pod.as_deref(),
            package: package.as_deref(),
            cgroup: cgroup.as_deref(),
            network_namespace: *network_namespace,
            tunnel: *tunnel,
            attribution: *attribution,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}
