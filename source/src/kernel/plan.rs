//! What to attach, decided from facts alone.

use super::cgroup::CgroupError;
use super::error::KernelError;
use super::hooks::{Backend, Hook, HookKind, Only, Without};
use super::probe::{Facts, Tls};
use crate::config::{BackendChoice, ProcessNetworkConfig};
use crate::pipeline::{Degradation, Protocol};

/// What will be attached, and what is not seen then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) backend: Backend,
    pub(super) hooks: Vec<Hook>,
    /// Whether hooks that count calls have a second program.
    pub(super) twice: bool,
    pub(super) degradations: Vec<Degradation>,
}

/// Decides: what to try first, and what next if the kernel refuses that. Or says everything that
/// stands in the way.
pub(super) fn plans(
    facts: &Facts,
    config: &ProcessNetworkConfig,
) -> Result<Vec<Plan>, Vec<Degradation>> {
    let mut blockers = Vec::new();
    blockers.extend(permission_blocker(facts));
    if let Err(error) = &facts.btf {
        blockers.push(blocker(
            "btf_missing",
            error.to_string(),
            "use a kernel built with CONFIG_DEBUG_INFO_BTF, as distributions' kernels since 2021 are",
        ));
    }
    if !blockers.is_empty() {
        return Err(blockers);
    }
    let mut plans = Vec::new();
    for backend in wanted(config.backend) {
        match obstacle(backend, facts, config) {
            None => plans.push(plan(backend, facts, config)),
            Some(obstacle) => blockers.push(obstacle),
        }
    }
    if plans.is_empty() {
        Err(blockers)
    } else {
        Ok(plans)
    }
}

fn wanted(choice: BackendChoice) -> Vec<Backend> {
    match choice {
        BackendChoice::Auto => Backend::ALL.to_vec(),
        BackendChoice::Fexit => vec![Backend::Fexit],
        BackendChoice::Tracepoint => vec![Backend::Tracepoint],
        BackendChoice::Kprobe => vec![Backend::Kprobe],
    }
}

fn plan(backend: Backend, facts: &Facts, config: &ProcessNetworkConfig) -> Plan {
    let twice = match backend {
        Backend::Fexit => facts.preempts_functions,
        Backend::Tracepoint => facts.preempts_tracepoints,
        Backend::Kprobe => false,
    };
    let hooks = hooks(backend, facts, config, twice).collect();
    let counts = |protocol: Protocol| config.protocols.contains(&protocol);
    let mut degradations = Vec::new();
    if backend.needs_addresses_handed_over() {
        let has_datagrams = counts(Protocol::Udp) || counts(Protocol::UdpLite);
        match &facts.cgroup {
            Err(error) if has_datagrams => degradations.push(no_addresses(error)),
            Err(_) | Ok(_) => degradations.extend(unnamed(config)),
        }
        degradations.extend(facts.has_sendpage.then(sendpage));
    }
    if counts(Protocol::Tcp) {
        degradations.extend(tls(backend, facts));
        let splices_mptcp = facts.functions.contains(&"mptcp_splice_read");
        let sees_functions = backend != Backend::Tracepoint;
        degradations.extend((splices_mptcp && !sees_functions).then(mptcp_splice));
    }
    let is_held_up = backend == Backend::Kprobe && facts.preempts_functions;
    degradations.extend(is_held_up.then(preempted));
    degradations.extend(facts.in_pid_namespace.then(pid_namespace));
    Plan {
        backend,
        hooks,
        twice,
        degradations,
    }
}

/// The hooks of the backend that are there and of use.
fn hooks<'a>(
    backend: Backend,
    facts: &'a Facts,
    config: &'a ProcessNetworkConfig,
    twice: bool,
) -> impl Iterator<Item = Hook> + 'a {
    let is_there = move |hook: &Hook| match (hook.kind, hook.only) {
        (HookKind::Cgroup, _) => facts.cgroup.is_ok(),
        (_, Only::Sendpage) => facts.has_sendpage,
        (_, Only::Tls) => facts.tls == Tls::Loaded && facts.may_probe.is_ok(),
        (_, Only::Frames | Only::RawIpv6 | Only::MptcpSplice) => {
            facts.functions.contains(&hook.name)
        }
        (_, Only::Always | Only::Datagrams) => true,
    };
    backend
        .attached(twice)
        .into_iter()
        .filter(move |hook| hook.is_for(&config.protocols) && is_there(hook))
}

/// Why a backend cannot be tried.
fn obstacle(backend: Backend, facts: &Facts, config: &ProcessNetworkConfig) -> Option<Degradation> {
    let refused = match backend {
        Backend::Fexit => facts.may_trampoline.as_ref().err().map(|error| {
            blocker(
                "fexit_refused",
                format!("fexit: the kernel refuses trampolines: {error}"),
                "use Linux 5.11 or later that is not locked down against them",
            )
        }),
        Backend::Tracepoint => None,
        Backend::Kprobe => facts.may_probe.as_ref().err().map(|error| {
            blocker(
                "kprobes_missing",
                format!("kprobe: {error}"),
                "use a kernel built with CONFIG_KPROBE_EVENTS, and mount -t tracefs none /sys/kernel/tracing",
            )
        }),
    };
    refused.or_else(|| missing_hooks(backend, facts, config))
}

fn missing_hooks(
    backend: Backend,
    facts: &Facts,
    config: &ProcessNetworkConfig,
) -> Option<Degradation> {
    let missing: Vec<Hook> = hooks(backend, facts, config, false)
        .filter(|hook| hook.without == Without::Nothing)
        .filter(|hook| match hook.kind {
            HookKind::Tracepoint | HookKind::RawTracepoint => {
                !facts.tracepoints.contains(&hook.name)
            }
            HookKind::Entry | HookKind::Exit | HookKind::Probe(_) | HookKind::ProbePair(..) => {
                !facts.functions.contains(&hook.name)
            }
            HookKind::Cgroup => false,
        })
        .collect();
    let (major, minor) = missing.iter().map(|hook| hook.since).max()?;
    let names: Vec<&str> = missing.iter().map(|hook| hook.name).collect();
    let what = match backend {
        Backend::Tracepoint => "tracepoint",
        Backend::Fexit | Backend::Kprobe => "function or tracepoint",
    };
    Some(blocker(
        if backend == Backend::Tracepoint {
            "tracepoints_missing"
        } else {
            "functions_missing"
        },
        format!(
            "{}: this kernel ({}) has no {what} {}",
            backend.name(),
            facts.release,
            names.join(", ")
        ),
        &format!("use Linux {major}.{minor} or later"),
    ))
}

/// What is less without the cgroup hooks.
pub(super) const NO_ADDRESSES: &str =
    "remotes of unconnected UDP sockets are not seen (their bytes are exact)";

fn no_addresses(error: &CgroupError) -> Degradation {
    let remedy = match error {
        CgroupError::NotMounted => "mount -t cgroup2 none /sys/fs/cgroup/unified",
        CgroupError::NotTheRoot { .. } => "run in the host's cgroup namespace",
        CgroupError::Unreadable { .. } => "let the program read /proc/self/mounts and the mount",
    };
    blocker(
        "cgroup_v2_missing",
        format!("{NO_ADDRESSES}, because {error}"),
        remedy,
    )
}

/// What the tracepoint backend does not see of addresses, where something like that is counted.
fn unnamed(config: &ProcessNetworkConfig) -> Option<Degradation> {
    let what: Vec<&str> = [
        (Protocol::Udp, "UDP that is received without asking for it"),
        (Protocol::Icmp, "ICMP"),
        (Protocol::Raw, "raw IP"),
        (Protocol::Sctp, "SCTP"),
    ]
    .into_iter()
    .filter(|(protocol, _)| config.protocols.contains(protocol))
    .map(|(_, what)| what)
    .collect();
    if what.is_empty() {
        return None;
    }
    Some(blocker(
        "remotes_unseen",
        format!(
            "on unconnected sockets the remote is not seen of {} (the bytes are exact): no \
             tracepoint shows it",
            what.join(", ")
        ),
        "use a kernel on which the backend fexit or kprobe loads",
    ))
}

fn sendpage() -> Degradation {
    blocker(
        "sendpage",
        "bytes sent by sendfile and splice are not seen: this kernel passes the tracepoint only for \
         other sends"
            .to_owned(),
        "use Linux 6.5 or later, or the backend fexit or kprobe",
    )
}

/// What the tracepoint backend does not see of MPTCP.
fn mptcp_splice() -> Degradation {
    blocker(
        "mptcp_splice",
        "bytes received by splice over MPTCP are not seen: no tracepoint shows them".to_owned(),
        "use the backend fexit or kprobe, where the kernel allows it",
    )
}

/// `trace_call_bpf` in `kernel/trace/bpf_trace.c` runs one program of all probes on a CPU at a time, and
/// a return probe may be preempted there (kernel 6.1 and later, where it is a `rethook`).
fn preempted() -> Degradation {
    blocker(
        "probes_preempted",
        "a call may be missed while another process is held up inside a probe: this kernel can take \
         the CPU away from it (the number of calls is the loss `recursion_missed`)"
            .to_owned(),
        "use the backend fexit or tracepoint, or boot with preempt=none",
    )
}

fn pid_namespace() -> Degradation {
    blocker(
        "pid_namespace",
        "paths of executables are not seen: this program runs in a PID namespace of its own, so the \
         kernel's process numbers are not those of its /proc"
            .to_owned(),
        "run it in the host's PID namespace",
    )
}

/// What is not seen of kernel TLS.
fn tls(backend: Backend, facts: &Facts) -> Option<Degradation> {
    let remedy = match (backend, facts.tls, &facts.may_probe) {
        (_, Tls::Missing, _) | (Backend::Fexit | Backend::Kprobe, Tls::Loaded, Ok(())) => {
            return None;
        }
        (Backend::Tracepoint, Tls::Loaded | Tls::NotLoaded, _) => {
            "use the backend fexit or kprobe, where the kernel allows it"
        }
        (Backend::Fexit | Backend::Kprobe, Tls::NotLoaded, _) => {
            "load the module before nettally starts: modprobe tls"
        }
        (Backend::Fexit | Backend::Kprobe, Tls::Loaded, Err(_)) => {
            "use a kernel built with CONFIG_KPROBE_EVENTS"
        }
    };
    Some(no_tls_splice(remedy))
}

/// Without its hook.
pub(super) fn no_tls_splice(remedy: &str) -> Degradation {
    blocker(
        "ktls_splice",
        "bytes received by splice over kernel TLS are not seen".to_owned(),
        remedy,
    )
}

/// Where a socket receives frames that no hook sees.
pub(super) fn frames_in_rings() -> Degradation {
    blocker(
        "packet_rings",
        "a process captures packets into memory that it shares with the kernel (a ring, as tcpdump \
         does): the frames that it gets are not counted, because no call receives them"
            .to_owned(),
        "",
    )
}

/// Where the kernel side cannot record who a process is.
pub(super) fn no_snapshots(error: &KernelError) -> Degradation {
    blocker(
        "process_details",
        format!(
            "of a process that ends before it is looked up, only name and user are known: {error}"
        ),
        "shorten `scrape_interval_secs`, so that processes are looked up sooner",
    )
}

fn permission_blocker(facts: &Facts) -> Option<Degradation> {
    let error = facts.may_load.as_ref().err()?;
    let is_locked = facts.lockdown.as_deref() == Some("confidentiality");
    let (summary, remedy) = if is_locked {
        (
            "the kernel is locked down (confidentiality), which forbids reading kernel memory",
            "boot with lockdown=integrity or without lockdown",
        )
    } else if error.kind() == std::io::ErrorKind::PermissionDenied {
        (
            "not permitted to load eBPF programs",
            "run as root (sudo), or give the program CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN",
        )
    } else {
        return Some(blocker(
            "bpf_unavailable",
            format!("the kernel refuses eBPF programs: {error}"),
            "use a kernel built with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS",
        ));
    };
    Some(blocker("permission", summary.to_owned(), remedy))
}

fn blocker(code: &str, summary: String, remedy: &str) -> Degradation {
    Degradation {
        code: code.to_owned(),
        summary,
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
