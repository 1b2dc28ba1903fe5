//! The kernel's own count of calls beside the runs of our hooks: every call of the functions that
//! move bytes is seen by exactly one run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nettally_integration_tests::harness::daemon::Daemon;
use nettally_integration_tests::harness::generator;
use nettally_integration_tests::traffic::cases;
use serde::Serialize;

use crate::kprobes::Kprobes;
use crate::line::Line;
use crate::runs::{self, Statistics};

/// The four functions, what stands for them on IPv6, and what goes past them. Not every kernel has
/// the latter.
const FUNCTIONS: [&str; 6] = [
    "tcp_sendmsg",
    "tcp_recvmsg",
    "udp_sendmsg",
    "udp_recvmsg",
    "udpv6_sendmsg",
    "udpv6_recvmsg",
];
const OTHERS: [&str; 6] = [
    "tcp_sendpage",
    "tcp_splice_read",
    "mptcp_sendmsg",
    "mptcp_recvmsg",
    "tls_sw_sendmsg",
    "tls_sw_recvmsg",
];

/// Sockets of other families, which only the tracepoints pass, and leave alone: a row may use one
/// for its processes to wait for each other, and the daemon asks the kernel about sockets now and
/// then.
const ELSEWHERE: [&str; 4] = [
    "unix_stream_sendmsg",
    "unix_stream_recvmsg",
    "netlink_sendmsg",
    "netlink_recvmsg",
];

/// Rows whose calls go the same way.
struct Group {
    name: &'static str,
    rows: &'static [&'static str],
    /// What a socket's call to send enters.
    send: &'static [&'static str],
    /// What a socket's call to receive enters.
    receive: &'static [&'static str],
    /// In which direction there are more calls than that, or none to be seen, and why.
    exception: Option<(Direction, &'static str)>,
}

const TCP: Group = Group {
    name: "TCP",
    rows: &[
        "tcp-v4",
        "tcp-v6",
        "tcp-mapped",
        "tcp-write",
        "tcp-writev",
        "tcp-sendmsg",
        "tcp-sendmmsg",
        "tcp-read",
        "tcp-readv",
        "tcp-recvmsg",
        "tcp-recvmmsg",
        "tcp-peek",
        "tcp-waitall",
        "tcp-trunc",
        "tcp-more",
        "tcp-zerocopy",
        "tcp-oob",
        "tcp-partial",
        "tcp-epipe",
        "tcp-shared",
        "tcp-late",
        "uring-send",
        "uring-recv",
    ],
    send: &["tcp_sendmsg"],
    receive: &["tcp_recvmsg"],
    exception: None,
};

const GROUPS: &[Group] = &[
    Group {
        name: "nothing for a second",
        rows: &[],
        ..TCP
    },
    TCP,
    Group {
        name: "UDP over IPv4",
        rows: &[
            "udp-v4",
            "udp-con-v4",
            "udp-noaddr",
            "udp-peek",
            "udp-trunc",
            "udp-more",
            "udp-errqueue",
            "udp-shared",
        ],
        send: &["udp_sendmsg"],
        receive: &["udp_recvmsg"],
        exception: None,
    },
    Group {
        name: "UDP over IPv6",
        rows: &["udp-v6", "udp-con-v6"],
        send: &["udpv6_sendmsg"],
        receive: &["udpv6_recvmsg"],
        exception: None,
    },
    Group {
        name: "UDP over IPv4 on IPv6 sockets",
        rows: &["udp-mapped", "udp-con-map"],
        send: &["udpv6_sendmsg"],
        receive: &["udpv6_recvmsg"],
        exception: Some((
            Direction::Send,
            "`udpv6_sendmsg` hands each of these sends to `udp_sendmsg`: one send, one run",
        )),
    },
    Group {
        name: "TCP `sendfile` and `splice` out",
        rows: &["tcp-sendfile", "tcp-spl-out"],
        send: &["tcp_sendmsg", "tcp_sendpage"],
        ..TCP
    },
    Group {
        name: "TCP `splice` in",
        rows: &["tcp-spl-in"],
        receive: &[],
        exception: Some((
            Direction::Receive,
            "`tcp_splice_read` goes past `tcp_recvmsg`; its bytes are counted by the socket's \
             consumed sequence",
        )),
        ..TCP
    },
    Group {
        name: "MPTCP",
        rows: &["mptcp"],
        send: &["mptcp_sendmsg"],
        receive: &["mptcp_recvmsg"],
        exception: None,
    },
    Group {
        name: "kTLS",
        rows: &["ktls"],
        send: &["tls_sw_sendmsg"],
        receive: &["tls_sw_recvmsg"],
        exception: None,
    },
];

impl Group {
    /// Whether this kernel can do any of it; with rows that it cannot do, the others remain.
    fn is_possible(&self) -> bool {
        let mut of_group = cases().filter(|case| self.rows.contains(&case.name));
        self.rows.is_empty() || of_group.any(|case| (case.needs)().is_ok())
    }
}

/// Calls and runs of a group in one direction.
#[derive(Debug, Serialize)]
pub(crate) struct Count {
    group: String,
    direction: Direction,
    /// Calls of the functions of this direction.
    calls: BTreeMap<String, u64>,
    /// How many of these a socket made.
    entered: u64,
    /// Runs of our hooks of this direction.
    runs: BTreeMap<String, u64>,
    exception: String,
    /// Whether every call of a socket is one run, and other functions were called only where that
    /// is explained.
    is_well: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Send,
    Receive,
}

impl Direction {
    const BOTH: [Self; 2] = [Self::Send, Self::Receive];

    fn of_function(name: &str) -> Self {
        if name.contains("_send") {
            Self::Send
        } else {
            Self::Receive
        }
    }

    /// Of a program that runs once for each call of a socket, by its name, of which the kernel
    /// keeps 15 characters.
    fn of_program(name: &str) -> Option<Self> {
        match name {
            "sock_send_lengt" | "sock_send_length" | "inet_sendmsg" | "inet6_sendmsg"
            | "inet_sendpage" | "leave_send" | "leave_send_page" => Some(Self::Send),
            "sock_recv_lengt" | "sock_recv_length" | "inet_recvmsg" | "inet6_recvmsg"
            | "leave_receive" => Some(Self::Receive),
            _ => None,
        }
    }
}

impl Count {
    pub(crate) fn is_well(&self) -> bool {
        self.is_well
    }
}

fn is_well(
    calls: &BTreeMap<String, u64>,
    entered: u64,
    runs: &BTreeMap<String, u64>,
    exception: &str,
) -> bool {
    let calls: u64 = calls.values().sum();
    let runs: u64 = runs.values().sum();
    entered == runs && (calls == runs || !exception.is_empty())
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            group,
            direction,
            calls,
            entered,
            runs,
            exception,
            is_well,
        } = self;
        let verdict = if *is_well { "equal" } else { "DIFFERENT" };
        write!(
            f,
            "calls {group} {direction:?}: {verdict}, {entered} calls of sockets ({calls:?}), \
             runs {runs:?}; {exception}"
        )
    }
}

/// Runs the groups and prints what was counted; nothing where the kernel has no probes on
/// functions. Nobody asks the daemon meanwhile, as its answers are sent like any other bytes.
pub(crate) fn print(daemon: &Daemon, print: &mut impl FnMut(Line)) -> Result<()> {
    if !Kprobes::are_there() {
        return Ok(());
    }
    let statistics = Statistics::enable().context("cannot count runs")?;
    let others = [OTHERS.as_slice(), &ELSEWHERE].concat();
    let kprobes = Kprobes::attach(&FUNCTIONS, &others).context("cannot count calls")?;
    let counter = Counter::of(daemon, &kprobes)?;
    for group in GROUPS.iter().filter(|group| group.is_possible()) {
        for count in counter.group(group)? {
            print(Line::Calls(count));
        }
    }
    drop(kprobes);
    drop(statistics);
    Ok(())
}

/// Where the figures come from.
struct Counter<'a> {
    daemon: u32,
    kprobes: &'a Kprobes,
    /// Our hooks: number, direction and name.
    programs: Vec<(u64, Direction, String)>,
}

/// Calls by function, and runs by number of the program.
type Figures = (BTreeMap<String, u64>, BTreeMap<u64, u64>);

impl<'a> Counter<'a> {
    fn of(daemon: &Daemon, kprobes: &'a Kprobes) -> Result<Self> {
        let mut programs = Vec::new();
        for (program, _runs) in runs::of_process(daemon.pid())? {
            let name = runs::name(program)?;
            if let Some(direction) = Direction::of_program(&name) {
                programs.push((program, direction, name));
            }
        }
        let has = |direction| programs.iter().any(|&(_, of, _)| of == direction);
        if !Direction::BOTH.into_iter().all(has) {
            bail!("the daemon has no program for a direction: {programs:?}");
        }
        Ok(Self {
            daemon: daemon.pid(),
            kprobes,
            programs,
        })
    }

    fn figures(&self) -> Result<Figures> {
        Ok((self.kprobes.counts()?, runs::of_process(self.daemon)?))
    }

    fn group(&self, group: &Group) -> Result<[Count; 2]> {
        const PATIENCE: Duration = Duration::from_secs(300);
        // Connections of the harness itself come to their end.
        std::thread::sleep(Duration::from_millis(500));
        let before = self.figures()?;
        if group.rows.is_empty() {
            std::thread::sleep(Duration::from_secs(1));
        } else {
            let arguments = [&["cases"], group.rows].concat();
            let ran = generator::try_run(&arguments, PATIENCE);
            ran.map_err(anyhow::Error::msg)?;
        }
        let after = self.figures()?;
        Ok(Direction::BOTH.map(|direction| self.count(group, direction, &before, &after)))
    }

    fn count(
        &self,
        group: &Group,
        direction: Direction,
        before: &Figures,
        after: &Figures,
    ) -> Count {
        let calls_of = |function: &str| {
            let of = |(calls, _runs): &Figures| calls.get(function).copied().unwrap_or_default();
            of(after) - of(before)
        };
        let runs_of = |program: &u64| {
            let of = |(_calls, runs): &Figures| runs.get(program).copied().unwrap_or_default();
            of(after) - of(before)
        };
        let of_direction = |name: &&&str| Direction::of_function(name) == direction;
        let programs = self.programs.iter().filter(|(_, of, _)| *of == direction);
        let sees_every_family = programs
            .clone()
            .any(|(_, _, name)| name.starts_with("sock_"));
        let elsewhere: &[&str] = if sees_every_family { &ELSEWHERE } else { &[] };
        let entered = match direction {
            Direction::Send => group.send,
            Direction::Receive => group.receive,
        };
        let entered = entered.iter().chain(elsewhere);
        let calls: BTreeMap<String, u64> = FUNCTIONS
            .iter()
            .chain(&OTHERS)
            .chain(elsewhere)
            .filter(of_direction)
            .map(|&function| (function.to_owned(), calls_of(function)))
            .filter(|&(_, calls)| calls > 0)
            .collect();
        let entered = entered
            .filter(of_direction)
            .map(|function| calls_of(function))
            .sum();
        let runs = programs
            .map(|(program, _, name)| (name.clone(), runs_of(program)))
            .collect();
        let exception = group.exception.filter(|&(of, _why)| of == direction);
        let exception = exception.map_or("", |(_of, why)| why);
        Count {
            group: group.name.to_owned(),
            direction,
            is_well: is_well(&calls, entered, &runs, exception),
            calls,
            entered,
            runs,
            exception: exception.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_counted_are_rows_of_the_generator() {
        for row in GROUPS.iter().flat_map(|group| group.rows) {
            assert!(cases().any(|case| case.name == *row), "{row}");
        }
    }

    #[test]
    fn one_run_for_each_call_and_no_call_of_others_without_a_reason() {
        let well = |calls: &[(&str, u64)], entered, runs, exception| {
            let calls = calls.iter().map(|&(name, calls)| (name.to_owned(), calls));
            let runs = [("inet_sendmsg".to_owned(), runs)].into();
            is_well(&calls.collect(), entered, &runs, exception)
        };
        let nested = [("udpv6_sendmsg", 3), ("udp_sendmsg", 3)];
        assert!(well(&[("tcp_sendmsg", 3)], 3, 3, ""));
        assert!(!well(&[("tcp_sendmsg", 3)], 3, 2, ""));
        assert!(!well(&[("tcp_sendmsg", 3)], 3, 4, "nested"));
        assert!(!well(&nested, 3, 3, ""));
        assert!(well(&nested, 3, 3, "nested"));
    }
}
