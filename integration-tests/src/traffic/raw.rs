//! Raw sockets: what they move, and that what others move stays with the others.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use super::datagrams::{DATAGRAM, Wiring, lengths};
use super::ledger::{Ledger, Protocol};
use super::namespaces::{End, Neighbours, Version};
use super::place::{Family, Place, client_socket};
use super::tcp::{PAYLOAD, Stream};
use super::{Case, process, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
    Case::new("raw", "raw sockets beside TCP and UDP", beside_traffic),
    Case::new("raw-v4", "raw IP, unconnected, IPv4", |name, _elsewhere| {
        both(name, Version::V4, Wiring::Unconnected)
    })
    .without_remote_on_tracepoint(),
    Case::new("raw-v6", "raw IP, unconnected, IPv6", |name, _elsewhere| {
        both(name, Version::V6, Wiring::Unconnected)
    })
    .without_remote_on_tracepoint(),
    Case::new(
        "raw-con-v4",
        "raw IP, connected, IPv4",
        |name, _elsewhere| both(name, Version::V4, Wiring::Connected),
    ),
    Case::new(
        "raw-con-v6",
        "raw IP, connected, IPv6",
        |name, _elsewhere| both(name, Version::V6, Wiring::Connected),
    ),
    Case::new(
        "raw-hdrincl",
        "raw IP with its header (IP_HDRINCL)",
        with_header,
    )
    .without_remote_on_tracepoint(),
];

/// A protocol of IP that nobody has.
const NUMBER: u8 = 200;
/// Header of IPv4, without options.
const HEADER: usize = 20;

const DATAGRAMS: usize = 20;

/// Two raw sockets get a copy of every packet that a client sends over TCP and UDP; then their
/// owner takes the copies, and sends a datagram that it has put together itself.
fn beside_traffic(name: &'static str, _elsewhere: &Place) -> io::Result<()> {
    // Copies come where packets come in, so client and server are on this machine.
    let place = Place::default();
    let (listener, tcp) = place.listen(Family::V4)?;
    let (receiver, udp) = place.bind(Family::V4)?;
    let remote = SocketAddr::new(place.ipv4.into(), 0);
    let sniffer = |protocol| {
        let socket = sys::socket(libc::AF_INET, libc::SOCK_RAW, protocol)?;
        sys::connect(&socket, remote).map(|()| socket)
    };
    let raw_tcp = sniffer(libc::IPPROTO_TCP)?;
    let raw_udp = sniffer(libc::IPPROTO_UDP)?;
    process::pair(
        name,
        |ledger| {
            Stream::accept(&listener, ledger)?.read(usize::MAX, 4096, 0)?;
            for _ in 0..DATAGRAMS {
                let (received, remote) = sys::receive_from(&receiver, &mut [0; 2000], 0)?;
                ledger.received(Protocol::Udp, Some(remote), received);
            }
            Ok(())
        },
        |ledger| {
            Stream::connect(tcp, ledger)?.send(PAYLOAD, 1448, 0)?;
            let sender = client_socket(Family::V4)?;
            for _ in 0..DATAGRAMS {
                let sent = sys::send_to(&sender, &[b'x'; DATAGRAM], 0, udp)?;
                ledger.sent(Protocol::Udp, Some(udp), sent);
            }
            Ok(())
        },
    )?;
    process::fork("raw-only", |ledger| {
        let copied = [&raw_tcp, &raw_udp].map(take_copies);
        for copied in copied {
            let copied = copied?;
            // Others may fill their queues: not all copies need to have come.
            assert!(copied > 0, "nothing was copied");
            ledger.received(Protocol::Raw, Some(remote), copied);
        }
        let sent = regardless_of_others(|| sys::send(&raw_udp, &packet(udp), 0))?;
        ledger.sent(Protocol::Raw, Some(remote), sent);
        Ok(())
    })?
    .wait()
}

/// Everything that waits, with the headers.
fn take_copies(socket: &OwnedFd) -> io::Result<usize> {
    let mut buffer = vec![0; 1 << 17];
    let mut sum = 0;
    loop {
        match regardless_of_others(|| sys::receive(socket, &mut buffer, libc::MSG_DONTWAIT)) {
            Ok(received) => sum += received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(sum),
            Err(error) => return Err(error),
        }
    }
}

/// A raw socket is told when anybody's datagram to its remote is refused, instead of doing what it
/// was asked for, and then does it.
fn regardless_of_others(mut moved: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match moved() {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            done => return done,
        }
    }
}

/// A UDP header, without a checksum, and a payload.
fn packet(remote: SocketAddr) -> Vec<u8> {
    let mut packet = vec![b'x'; 8 + DATAGRAM];
    let length = u16::try_from(packet.len()).expect("a short packet");
    for (index, field) in [9999, remote.port(), length, 0].into_iter().enumerate() {
        packet[index * 2..][..2].copy_from_slice(&field.to_be_bytes());
    }
    packet
}

/// A raw socket in a namespace of its own, and its neighbour's.
struct Ends {
    client: (OwnedFd, End),
    server: (OwnedFd, End),
}

impl Ends {
    fn new(version: Version, client: u8) -> io::Result<Self> {
        let neighbours = Neighbours::new()?;
        let make = |number: u8| {
            let socket = sys::socket(version.domain(), libc::SOCK_RAW, number.into())?;
            sys::prepare_to_receive(&socket)?;
            Ok(socket)
        };
        let (namespace, end) = neighbours.client;
        let client = (namespace.inside(|| make(client))?, end);
        let (namespace, end) = neighbours.server;
        let server = (namespace.inside(|| make(NUMBER))?, end);
        Ok(Self { client, server })
    }
}

/// Packets of all lengths one way, and half of each back.
fn both(name: &str, version: Version, wiring: Wiring) -> io::Result<()> {
    let Ends { client, server } = Ends::new(version, NUMBER)?;
    let there = SocketAddr::new(server.1.address(version), 0);
    let here = SocketAddr::new(client.1.address(version), 0);
    if wiring == Wiring::Connected {
        sys::connect(&client.0, there)?;
        sys::connect(&server.0, here)?;
    }
    process::pair(
        name,
        |ledger| {
            for length in lengths() {
                receive(&server.0, here, wiring, ledger)?;
                send(&server.0, &vec![b'x'; length / 2], here, wiring, ledger)?;
            }
            Ok(())
        },
        |ledger| {
            for length in lengths() {
                send(&client.0, &vec![b'x'; length], there, wiring, ledger)?;
                receive(&client.0, there, wiring, ledger)?;
            }
            Ok(())
        },
    )
}

fn send(
    socket: &OwnedFd,
    bytes: &[u8],
    remote: SocketAddr,
    wiring: Wiring,
    ledger: &mut Ledger,
) -> io::Result<()> {
    let sent = match wiring {
        Wiring::Connected => sys::send(socket, bytes, 0)?,
        Wiring::Unconnected => sys::send_to(socket, bytes, 0, remote)?,
    };
    ledger.sent(Protocol::Raw, Some(remote), sent);
    Ok(())
}

/// Of version 4, the call gives the header of the packet, too.
fn receive(
    socket: &OwnedFd,
    remote: SocketAddr,
    wiring: Wiring,
    ledger: &mut Ledger,
) -> io::Result<()> {
    let mut buffer = [0; 2000];
    let received = match wiring {
        Wiring::Connected => sys::receive(socket, &mut buffer, 0)?,
        Wiring::Unconnected => {
            let (received, sender) = sys::receive_from(socket, &mut buffer, 0)?;
            assert_eq!(sender, remote);
            received
        }
    };
    ledger.received(Protocol::Raw, Some(remote), received);
    Ok(())
}

/// The client writes the header itself, and is told of it as sent.
fn with_header(name: &'static str, _elsewhere: &Place) -> io::Result<()> {
    let whole = libc::IPPROTO_RAW.try_into().expect("a number of IP");
    let Ends { client, server } = Ends::new(Version::V4, whole)?;
    let there = SocketAddr::new(server.1.ipv4.into(), 0);
    let here = SocketAddr::new(client.1.ipv4.into(), 0);
    process::pair(
        name,
        |ledger| {
            for _ in lengths() {
                receive(&server.0, here, Wiring::Unconnected, ledger)?;
            }
            Ok(())
        },
        |ledger| {
            for length in lengths() {
                let mut packet = vec![b'x'; HEADER + length];
                packet[..HEADER].copy_from_slice(&header(&client.1, &server.1));
                send(&client.0, &packet, there, Wiring::Unconnected, ledger)?;
            }
            Ok(())
        },
    )
}

/// A header of IPv4. The kernel fills in length, identification and checksum.
fn header(from: &End, to: &End) -> [u8; HEADER] {
    const VERSION_AND_LENGTH: u8 = 0x45;
    const HOPS: u8 = 64;
    let mut header = [0; HEADER];
    header[0] = VERSION_AND_LENGTH;
    header[8] = HOPS;
    header[9] = NUMBER;
    header[12..16].copy_from_slice(&from.ipv4.octets());
    header[16..20].copy_from_slice(&to.ipv4.octets());
    header
}
