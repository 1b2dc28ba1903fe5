//! The one table of hooks: what each needs, and what is not seen without it.

/// A place in the kernel where a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hook {
    /// The kernel's name for it, and the name of our program.
    pub(super) name: &'static str,
    pub(super) kind: HookKind,
    /// First release of the kernel that has it.
    pub(super) since: (u32, u32),
    pub(super) without: Without,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookKind {
    /// A tracepoint with typed arguments.
    Tracepoint,
    /// An attach type of cgroup v2, at its root.
    Cgroup,
}

/// What the lack of a hook means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// Nothing can be measured.
    Nothing,
    /// Works, but sees less.
    Less,
}

/// The tracepoint backend.
pub(super) const TRACEPOINT: [Hook; 9] = [
    Hook {
        name: "sock_send_length",
        kind: HookKind::Tracepoint,
        since: (6, 3),
        without: Without::Nothing,
    },
    Hook {
        name: "sock_recv_length",
        kind: HookKind::Tracepoint,
        since: (6, 3),
        without: Without::Nothing,
    },
    Hook {
        name: "tcp_rcv_space_adjust",
        kind: HookKind::Tracepoint,
        since: (4, 15),
        without: Without::Nothing,
    },
    Hook {
        name: "inet_sock_set_state",
        kind: HookKind::Tracepoint,
        since: (4, 16),
        without: Without::Nothing,
    },
    Hook {
        name: "tcp_destroy_sock",
        kind: HookKind::Tracepoint,
        since: (4, 16),
        without: Without::Nothing,
    },
    Hook {
        name: "sendmsg4",
        kind: HookKind::Cgroup,
        since: (4, 18),
        without: Without::Less,
    },
    Hook {
        name: "sendmsg6",
        kind: HookKind::Cgroup,
        since: (4, 18),
        without: Without::Less,
    },
    Hook {
        name: "recvmsg4",
        kind: HookKind::Cgroup,
        since: (5, 2),
        without: Without::Less,
    },
    Hook {
        name: "recvmsg6",
        kind: HookKind::Cgroup,
        since: (5, 2),
        without: Without::Less,
    },
];
