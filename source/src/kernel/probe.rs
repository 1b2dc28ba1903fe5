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
    /// Whether a program on the way out of a function may be preempted.
    pub(super) preempts_functions: bool,
    /// Whether a program of a tracepoint may be preempted.
    pub(super) preempts_tracepoints: bool,
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
    let preempts = is_preemptible();
    let facts = Facts {
        preempts_functions: preempts,
        preempts_tracepoints: preempts && preempts_tracepoints(&release),
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

/// Whether the kernel takes the CPU away from itself. Where that can be chosen at boot and we may not
/// see what was, it does.
fn is_preemptible() -> bool {
    let version = std::fs::read_to_string("/proc/sys/kernel/version").unwrap_or_default();
    let chosen = std::fs::read_to_string("/sys/kernel/debug/sched/preempt").ok();
    preempts(&version, chosen.as_deref())
}

/// From the likes of `#1 SMP PREEMPT_DYNAMIC Debian` and `none (voluntary) full`.
fn preempts(version: &str, chosen: Option<&str>) -> bool {
    let is_built_so = version.contains("PREEMPT");
    let is_chosen_at_boot = version.contains("PREEMPT_DYNAMIC");
    match chosen {
        Some(chosen) if is_chosen_at_boot => {
            !chosen.contains("(none)") && !chosen.contains("(voluntary)")
        }
        Some(_) | None => is_built_so,
    }
}

/// Before 6.19 the kernel holds on to the CPU while the programs of a tracepoint run (`__DO_TRACE` in
/// `include/linux/tracepoint.h`).
fn preempts_tracepoints(release: &str) -> bool {
    let mut numbers = release
        .split(|byte: char| !byte.is_ascii_digit())
        .map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (6, 19)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preemption_is_what_was_built_or_chosen() {
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.1";
        assert!(!preempts("#1 SMP Debian", None));
        assert!(preempts("#1 SMP PREEMPT Debian", None));
        assert!(preempts(dynamic, None));
        assert!(!preempts(dynamic, Some("none (voluntary) full\n")));
        assert!(preempts(dynamic, Some("none voluntary full (lazy)\n")));
    }

    #[test]
    fn tracepoints_are_preempted_from_a_release_on() {
        for (release, expected) in [
            ("6.18.44-fc-v657", false),
            ("6.1.0-50-cloud-amd64", false),
            ("6.19.0", true),
            ("7.3.4+deb13-cloud-amd64", true),
            ("unknown", false),
        ] {
            assert_eq!(preempts_tracepoints(release), expected, "{release}");
        }
    }
}
