//! Both sides of the balance, connection by connection. Pure.
//!
//! A connection is what nettally's rows and the kernel's sockets have in common: local port, remote
//! address, remote port. Sockets that share it (in several namespaces, or one after the other) are
//! added up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use nettally_source::{LossReason, Protocol};
use serde::Serialize;

use super::attributed::{Attributed, Bytes, Connection, lost_bytes};
use super::sockets::SocketMoved;
use super::span::{Moved, Span};

/// One connection on which the two sides differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// Address and port here.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// User that the socket belongs to.
    pub uid: u32,
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
    /// Part of the attributed bytes that a count of the kernel stands against.
    pub compared_percent: f64,
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
    /// Sockets that were listed, and then closed but kept open by their process, or disconnected: the
    /// kernel forgets their counts.
    pub forgotten: Bytes,
    /// Connections of which the kernel told nothing: as above between two listings, such as those
    /// that `SO_LINGER` of 0 aborts; in namespaces that we may not enter or found late; or the last
    /// message was lost.
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

/// Compares.
pub(super) fn compare(sockets: Vec<SocketMoved>, attributed: Attributed) -> Compared {
    let Attributed {
        mut connections,
        without_connection,
        other_protocols,
        losses,
    } = attributed;
    let mut balance = Balance {
        sockets: sockets.len() as u64,
        kernel: Moved::ZERO,
        attributed: Bytes::default(),
        attributed_without_connection: without_connection,
        unattributed: Bytes::default(),
        over_attributed: Bytes::default(),
        difference_percent: 0.0,
        compared_percent: 100.0,
        not_compared: NotCompared::default(),
        differing: Vec::new(),
    };
    let mut room = Bytes::default();
    for (connection, group) in grouped(sockets) {
        let (bytes, processes) = connections.remove(&connection).unwrap_or_default();
        if group.has_layer {
            balance.not_compared.layered.add(bytes);
            continue;
        }
        room.add(Bytes {
            sent_bytes: room_in(group.moved.sent_bytes, bytes.sent_bytes),
            received_bytes: room_in(group.moved.received_bytes, bytes.received_bytes),
        });
        balance.take(connection, &group, bytes, processes);
    }
    for (bytes, _processes) in connections.into_values() {
        balance.not_compared.not_seen.add(bytes);
    }
    // These belong to some of the connections, as far as those have room for them.
    let too_many = without_connection.without(room);
    balance.not_compared.not_seen.add(too_many);
    balance.attributed.add(without_connection.without(too_many));
    balance.unattributed = balance.unattributed.without(without_connection);
    balance.compared_percent = balance.compared_percent();
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

/// Sockets by connection, but for those whose remote the kernel has forgotten.
fn grouped(sockets: Vec<SocketMoved>) -> BTreeMap<Connection, Sockets> {
    let mut groups = BTreeMap::<Connection, Sockets>::new();
    for SocketMoved { reading, moved } in sockets {
        if reading.remote.port() == 0 {
            continue;
        }
        let connection = Connection {
            local_port: reading.local.port(),
            remote: reading.remote,
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
    groups
}

/// What may still be attributed without being too much.
fn room_in(span: Span, attributed: u64) -> u64 {
    span.high
        .map_or(u64::MAX, |high| high.saturating_sub(attributed))
}

impl Balance {
    fn take(
        &mut self,
        connection: Connection,
        sockets: &Sockets,
        attributed: Bytes,
        processes: BTreeSet<String>,
    ) {
        let &Sockets {
            local,
            uid,
            inode,
            moved: kernel,
            has_layer: _,
        } = sockets;
        let (sent_less, sent_more) = kernel.sent_bytes.distance(attributed.sent_bytes);
        let (received_less, received_more) =
            kernel.received_bytes.distance(attributed.received_bytes);
        let differing = Differing {
            local,
            remote: connection.remote,
            uid,
            inode: (inode != 0).then_some(inode),
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

    fn compared_percent(&self) -> f64 {
        let NotCompared {
            layered,
            forgotten,
            not_seen,
        } = self.not_compared;
        // What is forgotten is on sockets that were seen.
        let compared = self.attributed.without(forgotten).sum();
        let left_out = [layered, forgotten, not_seen];
        let left_out = left_out.iter().map(|bytes| bytes.sum());
        100.0
            - percent(
                left_out.clone().sum(),
                compared.saturating_add(left_out.sum()),
            )
    }
}

fn percent(difference: u64, of: u64) -> f64 {
    match (difference, of) {
        (0, _) => 0.0,
        (_, 0) => 100.0,
        (difference, of) => 100.0 * difference as f64 / of as f64,
    }
}

#[cfg(test)]
mod tests;
