//! What was moved, by whom, to where.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{process, sys};

/// A transport protocol, named as nettally names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// UDP-Lite.
    UdpLite,
    /// ICMP and ICMPv6.
    Icmp,
    /// Raw IP.
    Raw,
    /// SCTP.
    Sctp,
    /// Frames of the link layer.
    Packet,
}

impl Protocol {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::Tcp,
        Self::Udp,
        Self::UdpLite,
        Self::Icmp,
        Self::Raw,
        Self::Sctp,
        Self::Packet,
    ];

    /// `tcp`, `udp` and so on.
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

/// What one process moved to and from one remote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moved {
    /// Name of the process.
    pub process: String,
    /// Its number.
    pub pid: u32,
    /// Over what.
    pub protocol: Protocol,
    /// The other end, IPv4 never in its mapped form; `None` where the process gave the kernel no
    /// chance to tell.
    pub remote: Option<SocketAddr>,
    /// Sum of what the sending calls returned.
    pub sent_bytes: u64,
    /// Sum of what the receiving calls returned.
    pub received_bytes: u64,
}

/// The account of the calling process.
#[derive(Debug, Default)]
pub struct Ledger(BTreeMap<(Protocol, Option<SocketAddr>), (u64, u64)>);

impl Ledger {
    /// Adds what a sending call returned.
    pub fn sent(&mut self, protocol: Protocol, remote: Option<SocketAddr>, bytes: usize) {
        self.entry(protocol, remote).0 += bytes as u64;
    }

    /// Adds what a receiving call returned.
    pub fn received(&mut self, protocol: Protocol, remote: Option<SocketAddr>, bytes: usize) {
        self.entry(protocol, remote).1 += bytes as u64;
    }

    /// Says that nothing may be reported of this process: a row without bytes.
    pub fn nothing(&mut self) {
        self.received(Protocol::Tcp, None, 0);
    }

    /// Adds another account, such as that of a thread.
    pub fn add(&mut self, other: Self) {
        for ((protocol, remote), (sent_bytes, received_bytes)) in other.0 {
            let sum = self.entry(protocol, remote);
            sum.0 += sent_bytes;
            sum.1 += received_bytes;
        }
    }

    fn entry(&mut self, protocol: Protocol, remote: Option<SocketAddr>) -> &mut (u64, u64) {
        let remote = remote.map(|remote| SocketAddr::new(folded(remote.ip()), remote.port()));
        self.0.entry((protocol, remote)).or_default()
    }

    /// Prints the account, one line for each remote, for [`Moved`] to be read from. Each line is
    /// one write, so that lines of several processes do not mix.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn print(&self) -> io::Result<()> {
        for (&(protocol, remote), &(sent_bytes, received_bytes)) in &self.0 {
            print(&Moved {
                process: process::name(),
                pid: std::process::id(),
                protocol,
                remote,
                sent_bytes,
                received_bytes,
            })?;
        }
        Ok(())
    }

    /// Says that nothing may be reported of another process.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn print_nothing(process: String, pid: u32) -> io::Result<()> {
        print(&Moved {
            process,
            pid,
            protocol: Protocol::Tcp,
            remote: None,
            sent_bytes: 0,
            received_bytes: 0,
        })
    }
}

fn print(moved: &Moved) -> io::Result<()> {
    let mut line = serde_json::to_vec(moved)?;
    line.push(b'\n');
    sys::write_once(libc::STDOUT_FILENO, &line)
}

fn folded(address: IpAddr) -> IpAddr {
    address.to_canonical()
}
