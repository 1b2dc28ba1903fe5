//! Two sockets for datagrams, each with a process and an account. An empty datagram says that no
//! more will come.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;

use super::ledger::{Ledger, Protocol};
use super::place::{Family, Place, client_socket};
use super::{process, sys};

/// Payload of one datagram.
pub const DATAGRAM: usize = 1000;
/// Datagrams of a case in one direction; few enough to wait in a receive buffer of default size.
const DATAGRAMS: usize = 50;

/// Datagrams of odd lengths, without the end.
pub fn lengths() -> impl Iterator<Item = usize> {
    (0..DATAGRAMS).map(|index| DATAGRAM - index)
}

/// Whether the sockets are connected to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// Both are.
    Connected,
    /// Neither is.
    Unconnected,
}

/// One of the two, in its process.
#[derive(Debug)]
pub struct Side<'a> {
    /// The socket.
    pub socket: &'a UdpSocket,
    /// The other one's address.
    pub remote: SocketAddr,
    /// Whether it is connected there.
    pub wiring: Wiring,
    /// Over what.
    pub protocol: Protocol,
    /// The account.
    pub ledger: &'a mut Ledger,
}

/// What a side does.
pub type Act = fn(&mut Side<'_>) -> io::Result<()>;

impl Side<'_> {
    /// Where a sending call must say that the bytes go.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        match self.wiring {
            Wiring::Connected => None,
            Wiring::Unconnected => Some(self.remote),
        }
    }

    /// Adds what a sending call returned.
    pub fn sent(&mut self, bytes: usize) {
        self.ledger.sent(self.protocol, Some(self.remote), bytes);
    }

    /// Adds what a receiving call returned.
    pub fn received(&mut self, bytes: usize) {
        self.ledger
            .received(self.protocol, Some(self.remote), bytes);
    }

    /// `send` or `sendto`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send(&mut self, bytes: &[u8], flags: i32) -> io::Result<()> {
        let sent = match self.destination() {
            None => sys::send(self.socket, bytes, flags)?,
            Some(remote) => sys::send_to(self.socket, bytes, flags, remote)?,
        };
        self.sent(sent);
        Ok(())
    }

    /// Says that no more will come.
    ///
    /// # Errors
    /// The kernel's.
    pub fn end(&mut self) -> io::Result<()> {
        self.send(&[], 0)
    }

    /// Sends by `call` until it has sent all lengths, and the end.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn send_by(
        &mut self,
        mut call: impl FnMut(&Self, &[u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        for length in lengths() {
            let sent = call(self, &vec![b'x'; length])?;
            self.sent(sent);
        }
        self.end()
    }

    /// Receives by `call` until the end.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn receive_by(
        &mut self,
        room: usize,
        mut call: impl FnMut(&Self, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; room];
        loop {
            let received = call(self, &mut buffer)?;
            if received == 0 {
                return Ok(());
            }
            self.received(received);
        }
    }
}

/// A client that sends and a server that receives.
///
/// # Errors
/// Those of the two.
pub fn one_way(
    name: &str,
    place: &Place,
    (protocol, family, wiring): (Protocol, Family, Wiring),
    client: Act,
    server: Act,
) -> io::Result<()> {
    let (receiver, address) = bound(place, family, protocol)?;
    let sender = neighbour(address, protocol)?;
    let sender_address = sender.local_addr()?;
    if wiring == Wiring::Connected {
        sender.connect(address)?;
        receiver.connect(sender_address)?;
    }
    process::pair(
        name,
        |ledger| {
            server(&mut Side {
                socket: &receiver,
                remote: sender_address,
                wiring,
                protocol,
                ledger,
            })
        },
        |ledger| {
            client(&mut Side {
                socket: &sender,
                remote: address,
                wiring,
                protocol,
                ledger,
            })
        },
    )
}

/// A UDP socket in that place, and its address.
///
/// # Errors
/// The address is not there.
pub fn receiver(place: &Place, family: Family) -> io::Result<(UdpSocket, SocketAddr)> {
    bound(place, family, Protocol::Udp)
}

/// A UDP socket of our own, bound to no address but a port.
///
/// # Errors
/// No ports are left.
pub fn sender(family: Family) -> io::Result<UdpSocket> {
    let socket = client_socket(family)?;
    sys::prepare_to_receive(&socket)?;
    Ok(socket)
}

/// A socket of that protocol in that place, and its address.
fn bound(place: &Place, family: Family, protocol: Protocol) -> io::Result<(UdpSocket, SocketAddr)> {
    let address = SocketAddr::new(place.address(family), 0);
    let socket = place.inside(|| made(address, protocol))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// A socket in our own place, bound to the address from which packets to `remote` come.
fn neighbour(remote: SocketAddr, protocol: Protocol) -> io::Result<UdpSocket> {
    let anywhere: IpAddr = match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let probe = UdpSocket::bind((anywhere, 0))?;
    probe.connect(remote)?;
    made(SocketAddr::new(probe.local_addr()?.ip(), 0), protocol)
}

fn made(address: SocketAddr, protocol: Protocol) -> io::Result<UdpSocket> {
    let number = if protocol == Protocol::UdpLite {
        libc::IPPROTO_UDPLITE
    } else {
        libc::IPPROTO_UDP
    };
    let socket: OwnedFd = sys::socket(sys::domain(address), libc::SOCK_DGRAM, number)?;
    sys::bind(&socket, address)?;
    sys::prepare_to_receive(&socket)?;
    Ok(socket.into())
}
