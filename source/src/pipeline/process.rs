//! Who: a process, as the kernel tells it from others and as a person would name it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Tells a process from every other since boot: a reused PID has another start time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct ProcessId {
    /// Thread group id in the initial PID namespace, as in the host's `/proc`.
    pub pid: u32,
    /// Changes when the process becomes another program (`exec`): the low half of the kernel's
    /// `task_struct::self_exec_id`.
    #[serde(default)]
    pub exec_id: u32,
    /// Nanoseconds from boot to the start of the process.
    pub start_boottime_ns: u64,
}

/// A process as a person would name it. Texts come from whoever runs it and may hold any character:
/// escape them where they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Which one.
    pub id: ProcessId,
    /// Name of the thread-group leader (`comm`, 15 bytes at most); `[kernel: NAME]` for a thread of
    /// the kernel.
    pub name: String,
    /// What to group by over weeks: an application has the same however often it is started. Never
    /// empty, unless nothing is known.
    pub app: String,
    /// Absolute path of the executable in its mount namespace, whatever a `chroot` hides of it;
    /// `/memfd:NAME` for one that is in memory alone.
    pub exe: Option<String>,
    /// Arguments, the first one included, quoted where a shell would need it; secrets are replaced
    /// by `***`. `None` if it is not known, or not wanted.
    pub command_line: Option<String>,
    /// Real user id.
    pub uid: Option<u32>,
    /// Name of that user, if the machine knows one.
    pub user: Option<String>,
    /// Real group id.
    pub gid: Option<u32>,
    /// Parent, its parent, and so on, at most 4; without those that are not known.
    pub parents: Vec<Parent>,
    /// Innermost systemd unit that is not a slice, such as `nginx.service`.
    pub unit: Option<String>,
    /// The container it runs in.
    pub container: Option<Container>,
    /// Kubernetes pod uid, with hyphens.
    pub pod: Option<String>,
    /// Sandboxed package, such as `flatpak:org.mozilla.firefox` or `snap:spotify`.
    pub package: Option<String>,
    /// Path of its control group, in version 2 or else in the version 1 hierarchy that has one.
    pub cgroup: Option<String>,
    /// Inode number of its network namespace.
    pub network_namespace: Option<u32>,
    /// Whether it holds a tun or tap device: what others send through it, it sends once more.
    pub tunnel: bool,
    /// Where this comes from.
    pub attribution: Attribution,
}

impl Process {
    /// One of which no more is known.
    #[must_use]
    pub fn named(id: ProcessId, name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            id,
            app: name.clone(),
            name,
            ..Self::default()
        }
    }

    /// The container as it is shown, grouped and filtered by: `docker:3f2a9c1b7d55`.
    #[must_use]
    pub fn container_text(&self) -> Option<String> {
        self.container.as_ref().map(ToString::to_string)
    }
}

/// An ancestor of a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Parent {
    /// Thread group id in the initial PID namespace.
    pub pid: u32,
    /// Name of its thread-group leader.
    pub name: String,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Container {
    /// What runs it.
    pub runtime: Runtime,
    /// As the runtime names it: 64 hexadecimal digits, or a name.
    pub id: String,
}

impl Container {
    /// Digits of an id that are shown, as `docker ps` does.
    const SHOWN: usize = 12;
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runtime, id } = self;
        let is_hash = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let shown = if is_hash { &id[..Self::SHOWN] } else { id };
        write!(f, "{runtime}:{shown}")
    }
}

/// What runs containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// Docker.
    Docker,
    /// containerd, without Docker.
    Containerd,
    /// CRI-O.
    Crio,
    /// Podman.
    Podman,
    /// systemd-nspawn.
    Nspawn,
    /// LXC, and LXD and Incus, which use it.
    Lxc,
}

impl Runtime {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Docker,
        Self::Containerd,
        Self::Crio,
        Self::Podman,
        Self::Nspawn,
        Self::Lxc,
    ];

    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::Crio => "crio",
            Self::Podman => "podman",
            Self::Nspawn => "nspawn",
            Self::Lxc => "lxc",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where what is known of a process comes from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Attribution {
    /// Recorded in the kernel when it moved its first bytes: complete, however short it lived.
    Kernel,
    /// Read from `/proc` afterwards, while it lived.
    Proc,
    /// Only its name, user and parents are known.
    Name,
    /// Nothing is known.
    #[default]
    Unknown,
}

impl Attribution {
    /// All, the best first.
    pub const ALL: [Self; 4] = [Self::Kernel, Self::Proc, Self::Name, Self::Unknown];

    /// Lower-case name: `kernel`, `proc`, `name`, `unknown`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Proc => "proc",
            Self::Name => "name",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown attribution `{0}`; allowed: kernel, proc, name, unknown")]
pub struct UnknownAttribution(pub String);

impl FromStr for Attribution {
    type Err = UnknownAttribution;

    fn from_str(text: &str) -> Result<Self, UnknownAttribution> {
        Self::ALL
            .into_iter()
            .find(|attribution| attribution.name() == text)
            .ok_or_else(|| UnknownAttribution(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_shown_as_its_engine_shows_it() {
        let shown = |runtime, id: &str| {
            let id = id.to_owned();
            Container { runtime, id }.to_string()
        };
        let hash = "3f2a9c1b7d55".to_owned() + &"0".repeat(52);
        assert_eq!(shown(Runtime::Docker, &hash), "docker:3f2a9c1b7d55");
        assert_eq!(shown(Runtime::Lxc, "web"), "lxc:web");
    }

    #[test]
    fn words_are_written_as_they_are_read() {
        for attribution in Attribution::ALL {
            assert_eq!(attribution.name().parse(), Ok(attribution));
            let json = serde_json::to_value(attribution).unwrap();
            assert_eq!(json, attribution.name());
        }
        for runtime in Runtime::ALL {
            assert_eq!(serde_json::to_value(runtime).unwrap(), runtime.name());
        }
    }

    #[test]
    fn a_process_that_is_only_named_is_its_own_app() {
        let process = Process::named(ProcessId::default(), "curl");
        assert_eq!((&*process.name, &*process.app), ("curl", "curl"));
    }
}
