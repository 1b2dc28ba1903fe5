//! Facts about the running kernel. Nothing here decides, attaches or changes anything.

use std::io;
use std::path::{Path, PathBuf};

use super::btf::Btf;
use super::cgroup::CgroupError;
use super::error::KernelError;
use super::hooks::{Backend, HookKind};
use super::{cgroup, syscall, tracefs};

/// What was found out.
#[derive(Debug)]
pub(super) struct Facts {
    /// Release of the running kernel.
    pub(super) release: String,
    /// Whether we may load programs.
    pub(super) may_load: Result<(), io::Error>,
    /// Whether we may load programs for the ways out of functions.
    pub(super) may_trampoline: Result<(), io::Error>,
    /// Whether we may put breakpoints into functions, or what is missing.
    pub(super) may_probe: Result<(), String>,
    /// Whether its type information is there.
    pub(super) btf: Result<(), KernelError>,
    /// The tracepoints of any backend that are there, by name.
    pub(super) tracepoints: Vec<&'static str>,
    /// The functions of any backend that are there, by name; modules are not looked into.
    pub(super) functions: Vec<&'static str>,
    /// Root of cgroup v2.
    pub(super) cgroup: Result<PathBuf, CgroupError>,
    /// The kernel's lockdown mode, where it tells.
    pub(super) lockdown: Option<String>,
    /// Kernel TLS.
    pub(super) tls: Tls,
    /// Whether sockets still have `sendpage`, which passes no tracepoint (before 6.5).
    pub(super) has_sendpage: bool,
    /// Whether we see other process numbers than the kernel's.
    pub(super) in_pid_namespace: bool,
}

/// Kernel TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// There is none.
    Missing,
    /// It is a module that may be loaded at any time.
    NotLoaded,
    Loaded,
}

/// Asks the kernel; the type information comes along because reading it takes longest.
pub(super) fn facts() -> (Facts, Option<Btf>) {
    let btf = Btf::of_kernel();
    let known = btf.as_ref().ok();
    let hooks = || Backend::ALL.into_iter().flat_map(Backend::hooks);
    let mut tracepoints: Vec<&str> = hooks()
        .filter(|hook| matches!(hook.kind, HookKind::Tracepoint | HookKind::RawTracepoint))
        .map(|hook| hook.name)
        .filter(|name| known.is_some_and(|btf| btf.has_tracepoint(name)))
        .collect();
    let mut functions: Vec<&str> = hooks()
        .map(|hook| hook.name)
        .filter(|name| known.is_some_and(|btf| btf.function(name).is_some()))
        .collect();
    for names in [&mut tracepoints, &mut functions] {
        names.sort_unstable();
        names.dedup();
    }
    let may_trampoline = known
        .and_then(|btf| btf.function("inet_sendmsg"))
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        .and_then(syscall::may_load_exit_program);
    let has_sendpage =
        known.is_some_and(|btf| btf.member_offset("proto_ops", &["sendpage"]).is_some());
    let (btf, error) = match btf {
        Ok(btf) => (Some(btf), Ok(())),
        Err(error) => (None, Err(error)),
    };
    let release = release();
    let facts = Facts {
        tls: tls(&release),
        has_sendpage,
        in_pid_namespace: in_pid_namespace(),
        release,
        may_load: syscall::may_load_programs(),
        may_trampoline,
        may_probe: tracefs::may_probe(),
        btf: error,
        tracepoints,
        functions,
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

fn tls(release: &str) -> Tls {
    let modules = Path::new("/lib/modules")
        .join(release)
        .join("kernel/net/tls");
    if Path::new("/proc/net/tls_stat").exists() || Path::new("/sys/module/tls").is_dir() {
        Tls::Loaded
    } else if modules.is_dir() {
        Tls::NotLoaded
    } else {
        Tls::Missing
    }
}

/// The initial PID namespace has a fixed inode (`PROC_PID_INIT_INO` in `include/linux/proc_ns.h`).
fn in_pid_namespace() -> bool {
    std::fs::read_link("/proc/self/ns/pid")
        .is_ok_and(|namespace| namespace != Path::new("pid:[4026531836]"))
}
