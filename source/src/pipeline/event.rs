//! What flows from a source to its sinks.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::health::{HealthReport, Losses};
use super::process::Process;

/// One event. Cheap to clone: the data is shared.
#[derive(Clone, Debug)]
pub enum Event {
    /// What was moved in one window, by everybody.
    Usage(Arc<UsageBatch>),
    /// How the source itself is doing; sent at start and after every window.
    Health(Arc<HealthReport>),
}

/// A half-open span of wall-clock time, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Window {
    /// First instant inside.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "crate::pipeline::schema::Instant")
    )]
    pub start: Timestamp,
    /// First instant after.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "crate::pipeline::schema::Instant")
    )]
    pub end: Timestamp,
}

/// Everything one source saw in one window.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageBatch {
    /// When.
    pub window: Window,
    /// One row per flow that moved bytes; a flow appears once.
    pub usage: Vec<Usage>,
    /// What was lost or not attributed in this window (not since start).
    pub losses: Losses,
}

/// What one flow moved in one window. Bytes are payload at the socket layer: what the application
/// handed over or received, without headers or retransmissions.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Who. Shared by all flows of the process.
    pub process: Arc<Process>,
    /// Over what.
    pub protocol: Protocol,
    /// Port on this machine, if [`Remote::has_local_port`].
    pub local_port: u16,
    /// The other end.
    pub remote: Remote,
    /// Bytes the kernel accepted from the process.
    pub sent_bytes: u64,
    /// Bytes the kernel handed to the process.
    pub received_bytes: u64,
    /// First activity inside the window, taken in the kernel.
    pub first_activity: Timestamp,
    /// Last activity inside the window, taken in the kernel.
    pub last_activity: Timestamp,
}

/// The other end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remote {
    /// Known. IPv4 is never in its IPv6-mapped form.
    Address {
        /// Address.
        ip: IpAddr,
        /// Port.
        port: u16,
    },
    /// The bytes are exact, their remote is not known; counted in
    /// [`LossReason::RemoteUnresolved`](super::LossReason::RemoteUnresolved).
    Unresolved,
    /// The bytes are exact, their remotes were too many for the kernel's table and share a row;
    /// counted in [`LossReason::FlowsFull`](super::LossReason::FlowsFull).
    Other,
    /// There is none that has an IP address: frames of the link layer.
    None,
}

impl Remote {
    /// How [`Remote::Unresolved`] is written where an address is expected.
    pub const UNRESOLVED: &'static str = "unresolved";
    /// How [`Remote::Other`] is written where an address is expected.
    pub const OTHER: &'static str = "other";
    /// How [`Remote::None`] is written where an address is expected.
    pub const NONE: &'static str = "none";

    /// From an IPv6 address in which IPv4 is folded as `::ffff:a.b.c.d`.
    #[must_use]
    pub fn folded(address: [u8; 16], port: u16) -> Self {
        Self::Address {
            ip: Ipv6Addr::from(address).to_canonical(),
            port,
        }
    }

    /// Whether a flow with it has a port on this machine: folded rows and frames have none.
    #[must_use]
    pub const fn has_local_port(&self) -> bool {
        match self {
            Self::Address { .. } | Self::Unresolved => true,
            Self::Other | Self::None => false,
        }
    }

    /// The address as text, or `unresolved`, `other`, `none`.
    #[must_use]
    pub fn ip_text(&self) -> String {
        match self {
            Self::Address { ip, port: _ } => ip.to_string(),
            Self::Unresolved => Self::UNRESOLVED.to_owned(),
            Self::Other => Self::OTHER.to_owned(),
            Self::None => Self::NONE.to_owned(),
        }
    }

    /// The port, if the remote is known.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Address { ip: _, port } => Some(*port),
            Self::Unresolved | Self::Other | Self::None => None,
        }
    }
}

/// A transport protocol, as users name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP, MPTCP included.
    Tcp,
    /// UDP.
    Udp,
    /// UDP-Lite.
    UdpLite,
    /// ICMP and ICMPv6, on ping sockets and raw ones.
    Icmp,
    /// Raw IP of any other kind.
    Raw,
    /// SCTP.
    Sctp,
    /// Frames of the link layer (`AF_PACKET`), each of which may hold what another protocol counts
    /// too: outside totals, unless it is asked for.
    Packet,
}

impl Protocol {
    /// All, in the order they are shown.
    pub const ALL: [Self; 7] = [
        Self::Tcp,
        Self::Udp,
        Self::UdpLite,
        Self::Icmp,
        Self::Raw,
        Self::Sctp,
        Self::Packet,
    ];

    /// Whether its bytes belong into a total over protocols. Those of [`Protocol::Packet`] do not:
    /// other protocols may count them too.
    #[must_use]
    pub const fn is_in_totals(self) -> bool {
        match self {
            Self::Tcp | Self::Udp | Self::UdpLite | Self::Icmp | Self::Raw | Self::Sctp => true,
            Self::Packet => false,
        }
    }

    /// Lower-case name: `tcp`, `udp`, `udplite`, `icmp`, `raw`, `sctp`, `packet`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpLite => "udplite",
            Self::Icmp => "icmp",
            Self::Raw => "raw",
            Self::Sctp => "sctp",
            Self::Packet => "packet",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown protocol `{0}`; allowed: tcp, udp, udplite, icmp, raw, sctp, packet")]
pub struct UnknownProtocol(pub String);

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownProtocol(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_ipv4_is_shown_as_ipv4() {
        let mut address = [0; 16];
        address[10..].copy_from_slice(&[0xff, 0xff, 127, 0, 0, 1]);
        assert_eq!(Remote::folded(address, 80).ip_text(), "127.0.0.1");
    }

    #[test]
    fn every_protocol_parses_back_from_its_name() {
        for protocol in Protocol::ALL {
            assert_eq!(protocol.name().parse(), Ok(protocol));
        }
        assert!("tpc".parse::<Protocol>().is_err());
    }
}
