//! Facts about the running kernel. Nothing here decides, attaches or changes anything.

use std::io;
use std::path::{Path, PathBuf};

use super::btf::Btf;
use super::cgroup::CgroupError;
use super::error::KernelError;
use super::hooks::{HookKind, TRACEPOINT};
use super::{cgroup, syscall};

/// What was found out.
#[derive(Debug)]
pub(super) struct Facts {
    /// Release of the running kernel.
    pub(super) release: String,
    /// Whether we may load programs.
    pub(super) may_load: Result<(), io::Error>,
    /// Whether its type information is there.
    pub(super) btf: Result<(), KernelError>,
    /// The tracepoints of the backend that are there, by name.
    pub(super) tracepoints: Vec<&'static str>,
    /// Root of cgroup v2.
    pub(super) cgroup: Result<PathBuf, CgroupError>,
    /// The kernel's lockdown mode, where it tells.
    pub(super) lockdown: Option<String>,
    /// Whether it has kernel TLS, or a module of it that may be loaded at any time.
    pub(super) has_ktls: bool,
    /// Whether sockets still have `sendpage`, which passes no tracepoint (before 6.5).
    pub(super) has_sendpage: bool,
    /// Whether we see other process numbers than the kernel's.
    pub(super) in_pid_namespace: bool,
}

/// Asks the kernel; the type information comes along because reading it takes longest.
pub(super) fn facts() -> (Facts, Option<Btf>) {
    let btf = Btf::of_kernel();
    let tracepoints = btf.as_ref().map_or_else(
        |_error| Vec::new(),
        |btf| {
            TRACEPOINT
                .iter()
                .filter(|hook| hook.kind == HookKind::Tracepoint && btf.has_tracepoint(hook.name))
                .map(|hook| hook.name)
                .collect()
        },
    );
    let has_sendpage = btf
        .as_ref()
        .is_ok_and(|btf| btf.member_offset("proto_ops", &["sendpage"]).is_some());
    let (btf, error) = match btf {
        Ok(btf) => (Some(btf), Ok(())),
        Err(error) => (None, Err(error)),
    };
    let release = release();
    let facts = Facts {
        has_ktls: has_ktls(&release),
        has_sendpage,
        in_pid_namespace: in_pid_namespace(),
        release,
        may_load: syscall::may_load_programs(),
        btf: error,
        tracepoints,
        cgroup: cgroup::open().map(|(folder, _file)| folder),
        lockdown: lockdown(),
    };
    (facts, btf)
}

fn release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(
        |_error| "unknown".to_owned(),
        |text| text.trim_end().to_owned(),
    )
}

/// The word in brackets of `none [integrity] confidentiality`.
fn lockdown() -> Option<String> {
    let text = std::fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let (_before, rest) = text.split_once('[')?;
    let (mode, _after) = rest.split_once(']')?;
    Some(mode.to_owned())
}

fn has_ktls(release: &str) -> bool {
    let modules = Path::new("/lib/modules")
        .join(release)
        .join("kernel/net/tls");
    Path::new("/proc/net/tls_stat").exists() || modules.is_dir()
}

/// The initial PID namespace has a fixed inode (`PROC_PID_INIT_INO` in `include/linux/proc_ns.h`).
fn in_pid_namespace() -> bool {
    std::fs::read_link("/proc/self/ns/pid")
        .is_ok_and(|namespace| namespace != Path::new("pid:[4026531836]"))
}
