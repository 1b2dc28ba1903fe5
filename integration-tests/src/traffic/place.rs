//! Where servers are.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use super::sys::enter_network_namespace;

/// Addresses that servers listen on, and the network namespace they are in.
#[derive(Clone, Debug)]
pub struct Place {
    /// For IPv4 and its form mapped into IPv6.
    pub ipv4: Ipv4Addr,
    /// For IPv6.
    pub ipv6: Ipv6Addr,
    /// Name of a namespace made by `ip netns`; `None` is the one we are in.
    pub namespace: Option<String>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            ipv4: Ipv4Addr::LOCALHOST,
            ipv6: Ipv6Addr::LOCALHOST,
            namespace: None,
        }
    }
}

/// How an address is written.
#[derive(Clone, Copy, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// IPv4 on an IPv6 socket.
    Mapped,
}

impl Place {
    /// A listener and its address.
    ///
    /// # Errors
    /// The address is not there.
    pub fn listen(&self, family: Family) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = self.inside(|| TcpListener::bind((self.address(family), 0)))?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// A UDP socket and its address.
    ///
    /// # Errors
    /// The address is not there.
    pub fn bind(&self, family: Family) -> io::Result<(UdpSocket, SocketAddr)> {
        let socket = self.inside(|| UdpSocket::bind((self.address(family), 0)))?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    }

    /// The address for that family.
    pub(super) fn address(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.ipv4.into(),
            Family::V6 => self.ipv6.into(),
            Family::Mapped => self.ipv4.to_ipv6_mapped().into(),
        }
    }

    /// Sockets stay in the namespace in which they were made.
    pub(super) fn inside<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let Some(namespace) = &self.namespace else {
            return work();
        };
        let home = File::open("/proc/self/ns/net")?;
        enter_network_namespace(&File::open(format!("/run/netns/{namespace}"))?)?;
        let done = work();
        enter_network_namespace(&home)?;
        done
    }
}

/// An unbound client socket for `family`, on a port of the kernel's choice.
///
/// # Errors
/// No ports are left.
pub fn client_socket(family: Family) -> io::Result<UdpSocket> {
    match family {
        Family::V4 => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        Family::V6 | Family::Mapped => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }
}
