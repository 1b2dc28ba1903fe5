//! What nettally attributed, added up by connection.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use nettally_source::{LossClass, LossReason, Losses, Protocol, Remote, Usage, UsageBatch};
use serde::Serialize;

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

    pub(super) fn without(self, other: Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes.saturating_sub(other.sent_bytes),
            received_bytes: self.received_bytes.saturating_sub(other.received_bytes),
        }
    }
}

/// What nettally's rows and the kernel's sockets have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Connection {
    pub(super) local_port: u16,
    pub(super) remote: SocketAddr,
}

/// What nettally attributed.
#[derive(Debug, Default)]
pub(super) struct Attributed {
    pub(super) connections: BTreeMap<Connection, (Bytes, BTreeSet<String>)>,
    /// TCP whose remote is not known.
    pub(super) without_connection: Bytes,
    pub(super) other_protocols: BTreeMap<Protocol, Bytes>,
    pub(super) losses: Losses,
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

/// Bytes that nettally itself knows to be in no row.
pub(super) fn lost_bytes(losses: &Losses) -> Bytes {
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
