//! The one table of hooks: what each backend needs, and what is not seen without it.

use crate::pipeline::Protocol;

/// A place in the kernel where a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hook {
    /// The kernel's name for it.
    pub(super) name: &'static str,
    pub(super) kind: HookKind,
    /// First release of the kernel that has it.
    pub(super) since: (u32, u32),
    pub(super) only: Only,
    pub(super) without: Without,
    /// Whether a call that its program misses is in no row. Of the others the next one brings it up.
    pub(super) counts_calls: bool,
    /// Whether it is the second program of a hook, for kernels that preempt programs; its name is that
    /// of the first after `second_`.
    pub(super) is_second: bool,
}

/// How a program gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookKind {
    /// A tracepoint with typed arguments; the program has its name.
    Tracepoint,
    /// A tracepoint whose arguments are numbers; the program has its name after `raw_`.
    RawTracepoint,
    /// An attach type of cgroup v2, at its root; the program has its name.
    Cgroup,
    /// The way into a function, by trampoline; the program has its name.
    Entry,
    /// The way out of a function, by trampoline; the program has its name.
    Exit,
    /// The way into a function, by breakpoint; the name of the program.
    Probe(&'static str),
    /// The ways into and out of a function, by breakpoint; the names of the programs. Without the
    /// first, only the way out.
    ProbePair(Option<&'static str>, &'static str),
}

/// When a hook is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Only {
    Always,
    /// If UDP or UDP-Lite is counted.
    Datagrams,
    /// If frames of the link layer are counted.
    Frames,
    /// If the kernel has `sendpage` (before 6.5).
    Sendpage,
    /// If kernel TLS is there.
    Tls,
    /// If raw and ping sockets of IPv6 have a function of their own.
    RawIpv6,
    /// If MPTCP has a way of splicing of its own (Linux 7.0).
    MptcpSplice,
}

/// What the lack of a hook means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// Nothing can be measured.
    Nothing,
    /// Remotes of unconnected UDP are not seen.
    NoAddresses,
    /// Frames of the link layer are not seen.
    NoFrames,
    /// What is spliced from kernel TLS is not seen.
    NoTlsSplice,
}

/// A set of hooks that sees everything once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Backend {
    /// On the way out of functions, by trampoline.
    Fexit,
    /// The socket layer's tracepoints.
    Tracepoint,
    /// On the ways into and out of functions, by breakpoint.
    Kprobe,
}

impl Backend {
    /// The most complete first, the most costly last.
    pub(super) const ALL: [Self; 3] = [Self::Fexit, Self::Tracepoint, Self::Kprobe];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fexit => "fexit",
            Self::Tracepoint => "tracepoint",
            Self::Kprobe => "kprobe",
        }
    }

    /// Without second programs.
    pub(super) const fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Fexit => FEXIT,
            Self::Tracepoint => TRACEPOINT,
            Self::Kprobe => KPROBE,
        }
    }

    /// In the order in which they are attached, with second programs if the kernel preempts programs.
    ///
    /// Of a tracepoint programs run in the order in which they were attached (`tracepoint_add_func` in
    /// `kernel/tracepoint.c`), of a function the last one is the first
    /// (`__bpf_trampoline_link_prog` in `kernel/bpf/trampoline.c`).
    pub(super) fn attached(self, twice: bool) -> Vec<Hook> {
        let second = |hook: &Hook| {
            let has_second = twice && hook.counts_calls && self != Self::Kprobe;
            has_second.then_some(Hook {
                is_second: true,
                ..*hook
            })
        };
        self.hooks()
            .iter()
            .flat_map(|hook| match hook.kind {
                HookKind::Entry | HookKind::Exit => [second(hook), Some(*hook)],
                HookKind::Tracepoint
                | HookKind::RawTracepoint
                | HookKind::Cgroup
                | HookKind::Probe(_)
                | HookKind::ProbePair(..) => [Some(*hook), second(hook)],
            })
            .flatten()
            .collect()
    }

    /// The program that finds the TCP sockets which are there already.
    pub(super) const fn finder(self) -> &'static str {
        match self {
            Self::Fexit | Self::Tracepoint => "existing_tcp",
            Self::Kprobe => "probed_existing_tcp",
        }
    }

    /// Whether addresses of unconnected sockets are seen only where a cgroup hook sees them.
    pub(super) const fn needs_addresses_handed_over(self) -> bool {
        matches!(self, Self::Tracepoint)
    }
}

impl Hook {
    /// Whether the hook is of use where these protocols are counted.
    pub(super) fn is_for(&self, protocols: &[Protocol]) -> bool {
        match self.only {
            Only::Datagrams => {
                protocols.contains(&Protocol::Udp) || protocols.contains(&Protocol::UdpLite)
            }
            Only::Frames => protocols.contains(&Protocol::Packet),
            Only::Tls | Only::MptcpSplice => protocols.contains(&Protocol::Tcp),
            Only::RawIpv6 => {
                protocols.contains(&Protocol::Icmp) || protocols.contains(&Protocol::Raw)
            }
            Only::Always | Only::Sendpage => true,
        }
    }

    /// The name of its program in the object, unless it is a probe.
    pub(super) fn program(&self) -> String {
        match (self.kind, self.is_second) {
            (HookKind::RawTracepoint, _) => format!("raw_{}", self.name),
            (_, true) => format!("second_{}", self.name),
            (_, false) => self.name.to_owned(),
        }
    }

    /// The names of its programs in the object.
    pub(super) fn programs(&self) -> Vec<String> {
        match self.kind {
            HookKind::RawTracepoint
            | HookKind::Tracepoint
            | HookKind::Cgroup
            | HookKind::Entry
            | HookKind::Exit => vec![self.program()],
            HookKind::Probe(program) => vec![program.to_owned()],
            HookKind::ProbePair(enter, leave) => enter
                .into_iter()
                .chain([leave])
                .map(str::to_owned)
                .collect(),
        }
    }
}

const fn hook(name: &'static str, kind: HookKind, since: (u32, u32)) -> Hook {
    Hook {
        name,
        kind,
        since,
        only: Only::Always,
        without: Without::Nothing,
        counts_calls: !matches!(
            kind,
            HookKind::RawTracepoint | HookKind::Cgroup | HookKind::Tracepoint
        ),
        is_second: false,
    }
}

/// A tracepoint that tells what a call returned.
const fn call(name: &'static str) -> Hook {
    Hook {
        counts_calls: true,
        ..hook(name, HookKind::Tracepoint, (6, 3))
    }
}

const fn only(only: Only, hook: Hook) -> Hook {
    Hook { only, ..hook }
}

const fn or(without: Without, hook: Hook) -> Hook {
    Hook { without, ..hook }
}

const fn cgroup(name: &'static str, since: (u32, u32)) -> Hook {
    let hook = hook(name, HookKind::Cgroup, since);
    or(Without::NoAddresses, only(Only::Datagrams, hook))
}

const fn frames(name: &'static str, kind: HookKind) -> Hook {
    or(
        Without::NoFrames,
        only(Only::Frames, hook(name, kind, (2, 6))),
    )
}

/// In a module on most kernels, where trampolines may not use socket storage: Debian's 6.1 crashes.
const TLS_SPLICE: Hook = or(
    Without::NoTlsSplice,
    only(
        Only::Tls,
        hook(
            "tls_sw_splice_read",
            HookKind::ProbePair(Some("enter_splice"), "leave_splice"),
            (4, 17),
        ),
    ),
);

const TRACEPOINT: &[Hook] = &[
    call("sock_send_length"),
    call("sock_recv_length"),
    hook("tcp_rcv_space_adjust", HookKind::Tracepoint, (4, 15)),
    hook("inet_sock_set_state", HookKind::Tracepoint, (4, 16)),
    hook("tcp_destroy_sock", HookKind::Tracepoint, (4, 16)),
    cgroup("sendmsg4", (4, 18)),
    cgroup("sendmsg6", (4, 18)),
    cgroup("recvmsg4", (5, 2)),
    cgroup("recvmsg6", (5, 2)),
];

const FEXIT: &[Hook] = &[
    hook("tcp_rcv_space_adjust", HookKind::Tracepoint, (5, 11)),
    hook("inet_sock_set_state", HookKind::Tracepoint, (5, 11)),
    hook("tcp_destroy_sock", HookKind::Tracepoint, (5, 11)),
    hook("inet_sendmsg", HookKind::Exit, (5, 11)),
    hook("inet6_sendmsg", HookKind::Exit, (5, 11)),
    only(
        Only::Sendpage,
        hook("inet_sendpage", HookKind::Exit, (5, 11)),
    ),
    hook("inet_recvmsg", HookKind::Exit, (5, 11)),
    hook("inet6_recvmsg", HookKind::Exit, (5, 11)),
    only(
        Only::RawIpv6,
        hook("sock_common_recvmsg", HookKind::Exit, (5, 11)),
    ),
    only(
        Only::MptcpSplice,
        hook("mptcp_splice_read", HookKind::Exit, (7, 0)),
    ),
    only(
        Only::Datagrams,
        hook("skb_consume_udp", HookKind::Entry, (5, 11)),
    ),
    frames("packet_sendmsg", HookKind::Exit),
    frames("packet_recvmsg", HookKind::Exit),
    TLS_SPLICE,
];

const KPROBE: &[Hook] = &[
    hook("tcp_rcv_space_adjust", HookKind::RawTracepoint, (4, 17)),
    hook("inet_sock_set_state", HookKind::RawTracepoint, (4, 17)),
    hook("tcp_destroy_sock", HookKind::RawTracepoint, (4, 17)),
    hook("inet_sendmsg", SEND, (5, 8)),
    hook("inet6_sendmsg", SEND, (5, 8)),
    only(
        Only::Sendpage,
        hook(
            "inet_sendpage",
            HookKind::ProbePair(Some("enter_send_page"), "leave_send_page"),
            (5, 8),
        ),
    ),
    hook("inet_recvmsg", RECEIVE, (5, 8)),
    hook("inet6_recvmsg", RECEIVE, (5, 8)),
    only(Only::RawIpv6, hook("sock_common_recvmsg", RECEIVE, (5, 8))),
    only(
        Only::MptcpSplice,
        hook(
            "mptcp_splice_read",
            HookKind::ProbePair(Some("enter_splice"), "leave_splice"),
            (7, 0),
        ),
    ),
    only(
        Only::Datagrams,
        hook("inet_release", HookKind::Probe("enter_release"), (5, 8)),
    ),
    only(
        Only::Datagrams,
        hook(
            "skb_consume_udp",
            HookKind::Probe("enter_consume_udp"),
            (5, 8),
        ),
    ),
    frames(
        "packet_sendmsg",
        HookKind::ProbePair(None, "leave_send_frames"),
    ),
    frames(
        "packet_recvmsg",
        HookKind::ProbePair(Some("enter_receive_frames"), "leave_receive_frames"),
    ),
    TLS_SPLICE,
];

const SEND: HookKind = HookKind::ProbePair(Some("enter_send"), "leave_send");
const RECEIVE: HookKind = HookKind::ProbePair(Some("enter_receive"), "leave_receive");
