//! Both sides of the balance, connection by connection. Pure.
//!
//! A connection is what nettally's rows and the kernel's sockets have in common: local port, remote
//! address, remote port. Sockets that share it (in several namespaces, or one after the other) are
//! added up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use nettally_source::{LossClass, LossReason, Losses, Protocol, Remote, Usage, UsageBatch};
use serde::Serialize;

use super::sockets::SocketMoved;
use super::span::{Moved, Span};

/// Bytes in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// Sent.
    pub sent_bytes: u64,
    /// Received.
    pub received_bytes: u64,
}

impl Bytes {
    /// Of both directions.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.sent_bytes.saturating_add(self.received_bytes)
    }

    pub(super) fn add(&mut self, other: Self) {
        self.sent_bytes = self.sent_bytes.saturating_add(other.sent_bytes);
        self.received_bytes = self.received_bytes.saturating_add(other.received_bytes);
    }

    fn without(self, other: Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes.saturating_sub(other.sent_bytes),
            received_bytes: self.received_bytes.saturating_sub(other.received_bytes),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Connection {
    local_port: u16,
    remote: SocketAddr,
}

/// What nettally attributed.
#[derive(Debug, Default)]
pub(super) struct Attributed {
    connections: BTreeMap<Connection, (Bytes, BTreeSet<String>)>,
    /// TCP whose remote is not known.
    without_connection: Bytes,
    other_protocols: BTreeMap<Protocol, Bytes>,
    losses: Losses,
}

impl Attributed {
    pub(super) fn add(&mut self, batch: &UsageBatch) {
        self.losses.merge(&batch.losses);
        for usage in &batch.usage {
            let Usage {
                process,
                protocol,
                local_port,
                remote,
                sent_bytes,
                received_bytes,
                first_activity: _,
                last_activity: _,
            } = usage;
            let bytes = Bytes {
                sent_bytes: *sent_bytes,
                received_bytes: *received_bytes,
            };
            match (protocol, remote) {
                (Protocol::Tcp, Remote::Address { ip, port }) => {
                    let connection = Connection {
                        local_port: *local_port,
                        remote: SocketAddr::new(*ip, *port),
                    };
                    let (sum, processes) = self.connections.entry(connection).or_default();
                    sum.add(bytes);
                    processes.insert(process.name.clone());
                }
                (Protocol::Tcp, Remote::Unresolved | Remote::Other | Remote::None) => {
                    self.without_connection.add(bytes);
                }
                _ => self
                    .other_protocols
                    .entry(*protocol)
                    .or_default()
                    .add(bytes),
            }
        }
    }
}

/// One connection on which the two sides differ, or whose sockets the kernel does not tell about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// Address and port here; the port alone if there was no socket.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// User that the socket belongs to.
    pub uid: Option<u32>,
    /// Inode of the socket's file, `None` if it was closed when it was seen first.
    pub inode: Option<u32>,
    /// Names of the processes that nettally attributed bytes to.
    pub processes: BTreeSet<String>,
    /// What the kernel says was moved.
    pub kernel: Moved,
    /// What nettally attributed.
    pub attributed: Bytes,
    /// What nettally missed, at least.
    pub unattributed: Bytes,
    /// What nettally attributed too much, at least.
    pub over_attributed: Bytes,
}

/// The balance of TCP.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Balance {
    /// Sockets that the kernel told about.
    pub sockets: u64,
    /// Sum over them of what was moved. Where the bounds differ, traffic was moving in the instants of
    /// start and end, or the kernel does not tell whether a FIN came.
    pub kernel: Moved,
    /// What was attributed on those.
    pub attributed: Bytes,
    /// Of it, what has no connection: its remote is not known.
    pub attributed_without_connection: Bytes,
    /// What the kernel moved and nettally did not attribute, at least.
    pub unattributed: Bytes,
    /// What nettally attributed and the kernel did not move, at least.
    pub over_attributed: Bytes,
    /// Both of these, of what the kernel moved.
    pub difference_percent: f64,
    /// Attributed, but outside the comparison: see [`NotCompared`].
    pub not_compared: NotCompared,
    /// Largest difference first.
    pub differing: Vec<Differing>,
}

/// Attributed bytes that no count of the kernel stands against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// Sockets with kernel TLS or MPTCP, whose bytes are not the application's.
    pub layered: Bytes,
    /// Sockets that were closed before the end, but kept open by their process, or that were
    /// disconnected (`SO_LINGER` of 0): the kernel forgets their counts.
    pub forgotten: Bytes,
    /// Sockets in namespaces that we may not enter or found late, or whose last message was lost.
    pub not_seen: Bytes,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) balance: Balance,
    pub(super) lost: BTreeMap<LossReason, nettally_source::LossCount>,
    pub(super) lost_bytes: Bytes,
    pub(super) other_protocols: BTreeMap<Protocol, Bytes>,
}

#[derive(Debug)]
struct Sockets {
    local: SocketAddr,
    uid: u32,
    inode: u32,
    moved: Moved,
    has_layer: bool,
}

/// Compares. `may_miss_sockets` says whether there may be sockets that were not seen.
pub(super) fn compare(
    sockets: Vec<SocketMoved>,
    attributed: Attributed,
    may_miss_sockets: bool,
) -> Compared {
    let Attributed {
        mut connections,
        without_connection,
        other_protocols,
        losses,
    } = attributed;
    let mut balance = Balance {
        sockets: sockets.len() as u64,
        kernel: Moved::ZERO,
        attributed: without_connection,
        attributed_without_connection: without_connection,
        unattributed: Bytes::default(),
        over_attributed: Bytes::default(),
        difference_percent: 0.0,
        not_compared: NotCompared::default(),
        differing: Vec::new(),
    };
    let (groups, forgotten_ports) = grouped(sockets);
    let mut room = Bytes::default();
    for (connection, group) in groups {
        let (bytes, processes) = connections.remove(&connection).unwrap_or_default();
        if group.has_layer {
            balance.not_compared.layered.add(bytes);
            continue;
        }
        room.add(Bytes {
            sent_bytes: room_in(group.moved.sent_bytes, bytes.sent_bytes),
            received_bytes: room_in(group.moved.received_bytes, bytes.received_bytes),
        });
        balance.take(connection, Some(&group), bytes, processes);
    }
    for (connection, (bytes, processes)) in connections {
        let NotCompared {
            forgotten,
            not_seen,
            ..
        } = &mut balance.not_compared;
        if forgotten_ports.contains(&connection.local_port) {
            forgotten.add(bytes);
        } else if may_miss_sockets {
            not_seen.add(bytes);
        } else {
            balance.take(connection, None, bytes, processes);
        }
    }
    // These belong to some of the connections, as far as those have room for them.
    balance.unattributed = balance.unattributed.without(without_connection);
    if !may_miss_sockets && forgotten_ports.is_empty() {
        balance
            .over_attributed
            .add(without_connection.without(room));
    }
    balance.difference_percent = percent(
        balance
            .unattributed
            .sum()
            .saturating_add(balance.over_attributed.sum()),
        balance
            .kernel
            .sent_bytes
            .low
            .saturating_add(balance.kernel.received_bytes.low),
    );
    let size = |row: &Differing| row.unattributed.sum().max(row.over_attributed.sum());
    balance
        .differing
        .sort_by_key(|row| std::cmp::Reverse(size(row)));
    Compared {
        balance,
        lost_bytes: lost_bytes(&losses),
        lost: losses.0,
        other_protocols,
    }
}

/// Sockets by connection, and the ports of those whose remote the kernel has forgotten.
fn grouped(sockets: Vec<SocketMoved>) -> (BTreeMap<Connection, Sockets>, BTreeSet<u16>) {
    let mut groups = BTreeMap::<Connection, Sockets>::new();
    let mut forgotten_ports = BTreeSet::new();
    for SocketMoved { reading, moved } in sockets {
        if reading.remote.port() == 0 {
            if reading.was_reset {
                forgotten_ports.insert(reading.local.port());
            }
            continue;
        }
        let connection = Connection {
            local_port: reading.local.port(),
            remote: without_scope(reading.remote),
        };
        let group = groups.entry(connection).or_insert_with(|| Sockets {
            local: reading.local,
            uid: reading.uid,
            inode: reading.inode,
            moved: Moved::ZERO,
            has_layer: false,
        });
        group.moved = group.moved.plus(moved);
        group.has_layer |= reading.has_layer;
    }
    (groups, forgotten_ports)
}

/// What may still be attributed without being too much.
fn room_in(span: Span, attributed: u64) -> u64 {
    span.high
        .map_or(u64::MAX, |high| high.saturating_sub(attributed))
}

fn without_scope(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

impl Balance {
    fn take(
        &mut self,
        connection: Connection,
        sockets: Option<&Sockets>,
        attributed: Bytes,
        processes: BTreeSet<String>,
    ) {
        let Connection { local_port, remote } = connection;
        let kernel = sockets.map_or(Moved::ZERO, |sockets| sockets.moved);
        let (sent_less, sent_more) = kernel.sent_bytes.distance(attributed.sent_bytes);
        let (received_less, received_more) =
            kernel.received_bytes.distance(attributed.received_bytes);
        let differing = Differing {
            local: sockets.map_or_else(
                || SocketAddr::new([0, 0, 0, 0].into(), local_port),
                |sockets| sockets.local,
            ),
            remote,
            uid: sockets.map(|sockets| sockets.uid),
            inode: sockets
                .map(|sockets| sockets.inode)
                .filter(|&inode| inode != 0),
            processes,
            kernel,
            attributed,
            unattributed: Bytes {
                sent_bytes: sent_less,
                received_bytes: received_less,
            },
            over_attributed: Bytes {
                sent_bytes: sent_more,
                received_bytes: received_more,
            },
        };
        // Beyond what is known for sure, an open end is worth what was attributed.
        let closed = |span: Span, attributed: u64| match span {
            Span { low, high: None } => Span::between(low, low.max(attributed)),
            known => known,
        };
        self.kernel = self.kernel.plus(Moved {
            sent_bytes: closed(kernel.sent_bytes, attributed.sent_bytes),
            received_bytes: closed(kernel.received_bytes, attributed.received_bytes),
        });
        let beyond = |span: Span, attributed: u64| match span {
            Span { low, high: None } => attributed.saturating_sub(low),
            _ => 0,
        };
        self.not_compared.forgotten.add(Bytes {
            sent_bytes: beyond(kernel.sent_bytes, attributed.sent_bytes),
            received_bytes: beyond(kernel.received_bytes, attributed.received_bytes),
        });
        self.attributed.add(attributed);
        self.unattributed.add(differing.unattributed);
        self.over_attributed.add(differing.over_attributed);
        if differing.unattributed.sum() > 0 || differing.over_attributed.sum() > 0 {
            self.differing.push(differing);
        }
    }
}

fn percent(difference: u64, of: u64) -> f64 {
    match (difference, of) {
        (0, _) => 0.0,
        (_, 0) => 100.0,
        (difference, of) => 100.0 * difference as f64 / of as f64,
    }
}

/// Bytes that nettally itself knows to be in no row.
fn lost_bytes(losses: &Losses) -> Bytes {
    let mut lost = Bytes::default();
    for (reason, count) in &losses.0 {
        let is_in_no_row = match reason.class() {
            LossClass::Bytes => *reason != LossReason::OverReported,
            LossClass::Delivery => true,
            LossClass::Detail => false,
        };
        if is_in_no_row {
            lost.add(Bytes {
                sent_bytes: count.sent_bytes,
                received_bytes: count.received_bytes,
            });
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;
    use nettally_source::{LossCount, Process, ProcessId, Window};

    use super::*;
    use crate::audit::message::Reading;

    const REMOTE: &str = "192.0.2.1:443";

    fn socket(local_port: u16, sent: Span) -> SocketMoved {
        SocketMoved {
            reading: Reading {
                cookie: 1,
                local: SocketAddr::new([10, 0, 0, 1].into(), local_port),
                remote: REMOTE.parse().unwrap(),
                uid: 1000,
                inode: 77,
                moved: Moved::ZERO,
                last_sent: Duration::ZERO,
                has_layer: false,
                was_reset: false,
            },
            moved: Moved {
                sent_bytes: sent,
                received_bytes: Span::ZERO,
            },
        }
    }

    fn usage(local_port: u16, remote: Option<&str>, sent_bytes: u64) -> Usage {
        let process = Process {
            id: ProcessId {
                pid: 1,
                start_boottime_ns: 1,
            },
            name: "curl".to_owned(),
            exe: None,
            uid: None,
            user: None,
        };
        let remote = remote.map(|text| text.parse::<SocketAddr>().unwrap());
        Usage {
            process: Arc::new(process),
            protocol: Protocol::Tcp,
            local_port,
            remote: remote.map_or(Remote::Unresolved, |remote| Remote::Address {
                ip: remote.ip(),
                port: remote.port(),
            }),
            sent_bytes,
            received_bytes: 0,
            first_activity: Timestamp::UNIX_EPOCH,
            last_activity: Timestamp::UNIX_EPOCH,
        }
    }

    fn attributed(usage: Vec<Usage>, losses: Losses) -> Attributed {
        let mut attributed = Attributed::default();
        attributed.add(&UsageBatch {
            window: Window {
                start: Timestamp::UNIX_EPOCH,
                end: Timestamp::UNIX_EPOCH,
            },
            usage,
            losses,
        });
        attributed
    }

    fn balance(sockets: Vec<SocketMoved>, usage: Vec<Usage>) -> Balance {
        compare(sockets, attributed(usage, Losses::default()), false).balance
    }

    fn sent(balance: &Balance) -> (u64, u64, f64) {
        let Balance {
            unattributed,
            over_attributed,
            difference_percent,
            ..
        } = balance;
        (
            unattributed.sent_bytes,
            over_attributed.sent_bytes,
            *difference_percent,
        )
    }

    #[test]
    fn what_lies_between_the_bounds_is_no_difference() {
        for bytes in [100, 105, 110] {
            let found = balance(
                vec![socket(5, Span::between(100, 110))],
                vec![usage(5, Some(REMOTE), bytes)],
            );
            assert_eq!(sent(&found), (0, 0, 0.0));
            assert_eq!(found.differing, []);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let sockets = vec![
            socket(5, Span::exactly(100)),
            socket(6, Span::exactly(300)),
            socket(5, Span::exactly(50)),
        ];
        let found = balance(
            sockets,
            vec![usage(5, Some(REMOTE), 140), usage(6, Some(REMOTE), 300)],
        );
        let (unattributed, over, percent) = sent(&found);
        assert_eq!((unattributed, over), (10, 0));
        assert!((percent - 100.0 * 10.0 / 450.0).abs() < 1e-9, "{percent}");
        let [row] = found.differing.as_slice() else {
            panic!("{:?}", found.differing);
        };
        assert_eq!(row.local.port(), 5);
        assert_eq!((row.uid, row.inode), (Some(1000), Some(77)));
    }

    #[test]
    fn too_much_is_a_difference_too_and_does_not_cancel_what_is_missing() {
        let sockets = vec![socket(5, Span::exactly(100)), socket(6, Span::exactly(100))];
        let usage = vec![usage(5, Some(REMOTE), 110), usage(6, Some(REMOTE), 90)];
        assert_eq!(sent(&balance(sockets, usage)), (10, 10, 10.0));
    }

    #[test]
    fn bytes_without_a_connection_are_of_those_that_miss_some() {
        let sockets = || vec![socket(5, Span::exactly(100))];
        assert_eq!(
            sent(&balance(sockets(), vec![usage(5, None, 100)])),
            (0, 0, 0.0)
        );
        assert_eq!(
            sent(&balance(sockets(), vec![usage(5, None, 90)])),
            (10, 0, 10.0)
        );
        assert_eq!(
            sent(&balance(sockets(), vec![usage(5, None, 120)])),
            (0, 20, 20.0)
        );
    }

    #[test]
    fn a_row_without_a_socket_is_too_much_unless_there_may_be_one() {
        let usage = || vec![usage(5, Some(REMOTE), 10)];
        assert_eq!(sent(&balance(Vec::new(), usage())), (0, 10, 100.0));
        let found = compare(Vec::new(), attributed(usage(), Losses::default()), true).balance;
        assert_eq!(sent(&found), (0, 0, 0.0));
        assert_eq!(found.not_compared.not_seen.sent_bytes, 10);

        let mut reset = socket(5, Span::exactly(0));
        reset.reading.was_reset = true;
        reset.reading.remote.set_port(0);
        let found = balance(vec![reset], usage());
        assert_eq!(found.not_compared.forgotten.sent_bytes, 10);
        assert_eq!(sent(&found), (0, 0, 0.0));
    }

    #[test]
    fn what_the_kernel_counts_otherwise_is_set_aside() {
        let mut layered = socket(5, Span::exactly(122));
        layered.reading.has_layer = true;
        let found = balance(vec![layered], vec![usage(5, Some(REMOTE), 100)]);
        assert_eq!(sent(&found), (0, 0, 0.0));
        assert_eq!(found.not_compared.layered.sent_bytes, 100);

        let open = socket(5, Span::at_least(60));
        let found = balance(vec![open], vec![usage(5, Some(REMOTE), 100)]);
        assert_eq!(found.not_compared.forgotten.sent_bytes, 40);
        assert_eq!(found.kernel.sent_bytes, Span::between(60, 100));
    }

    #[test]
    fn only_what_is_in_no_row_is_lost() {
        let mut losses = Losses::default();
        let count = LossCount {
            events: 1,
            sent_bytes: 7,
            received_bytes: 0,
        };
        losses.add(LossReason::OwnerUnknown, count);
        losses.add(LossReason::RemoteUnresolved, count);
        let found = compare(Vec::new(), attributed(Vec::new(), losses), false);
        assert_eq!(found.lost_bytes.sent_bytes, 7);
        assert_eq!(found.lost.len(), 2);
    }
}
