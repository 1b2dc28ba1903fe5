//! ICMP: echo requests of two processes that the other one's kernel answers. Each pair has network
//! namespaces of its own, so that ping sockets can be allowed there, and no one else's messages
//! come in.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use super::datagrams::Wiring;
use super::ledger::{Ledger, Protocol};
use super::namespaces::{Neighbours, Version};
use super::{Case, process, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
    Case::new(
        "ping-v4",
        "ping socket, unconnected, IPv4",
        |name, _elsewhere| ping(name, Version::V4, Wiring::Unconnected),
    )
    .without_remote_on_tracepoint(),
    Case::new(
        "ping-v6",
        "ping socket, unconnected, IPv6",
        |name, _elsewhere| ping(name, Version::V6, Wiring::Unconnected),
    )
    .without_remote_on_tracepoint(),
    Case::new(
        "ping-con-v4",
        "ping socket, connected, IPv4",
        |name, _elsewhere| ping(name, Version::V4, Wiring::Connected),
    ),
    Case::new(
        "ping-con-v6",
        "ping socket, connected, IPv6",
        |name, _elsewhere| ping(name, Version::V6, Wiring::Connected),
    ),
    Case::new(
        "icmp-raw-v4",
        "ICMP on a raw socket, IPv4",
        |name, _elsewhere| raw(name, Version::V4, Wiring::Unconnected),
    )
    .without_remote_on_tracepoint(),
    Case::new(
        "icmp-raw-v6",
        "ICMP on a raw socket, IPv6",
        |name, _elsewhere| raw(name, Version::V6, Wiring::Unconnected),
    )
    .without_remote_on_tracepoint(),
    Case::new(
        "icmp-rcon-v4",
        "ICMP on a raw socket, connected, IPv4",
        |name, _elsewhere| raw(name, Version::V4, Wiring::Connected),
    ),
    Case::new(
        "icmp-rcon-v6",
        "ICMP on a raw socket, connected, IPv6",
        |name, _elsewhere| raw(name, Version::V6, Wiring::Connected),
    ),
];

/// Echo requests of a process.
const REQUESTS: u16 = 20;
/// Header of an echo request and its answer.
const HEADER: usize = 8;
/// Payload of the first request.
const PAYLOAD: usize = 500;

fn ping(name: &str, version: Version, wiring: Wiring) -> io::Result<()> {
    let Neighbours { client, server } = Neighbours::new()?;
    let make = || sys::socket(version.domain(), libc::SOCK_DGRAM, protocol(version));
    for (namespace, _end) in [&client, &server] {
        // Of all groups; there is no such right otherwise, not even for root.
        namespace.set("ipv4/ping_group_range", "0 2147483647")?;
    }
    let sockets = (client.0.inside(make)?, server.0.inside(make)?);
    let there = SocketAddr::new(server.1.address(version), 0);
    let here = SocketAddr::new(client.1.address(version), 0);
    let both = |socket: &OwnedFd, remote, ledger: &mut Ledger| {
        wire(socket, remote, wiring)?;
        for number in 0..REQUESTS {
            request(socket, remote, wiring, number, version, ledger)?;
            receive(socket, remote, wiring, ledger)?;
        }
        Ok(())
    };
    process::pair(
        name,
        |ledger| both(&sockets.1, here, ledger),
        |ledger| both(&sockets.0, there, ledger),
    )
}

/// The client's raw socket gets the answers, the server's gets copies of the requests.
fn raw(name: &str, version: Version, wiring: Wiring) -> io::Result<()> {
    let Neighbours { client, server } = Neighbours::new()?;
    let make = || sys::socket(version.domain(), libc::SOCK_RAW, protocol(version));
    let sockets = (client.0.inside(make)?, server.0.inside(make)?);
    let there = SocketAddr::new(server.1.address(version), 0);
    let here = SocketAddr::new(client.1.address(version), 0);
    wire(&sockets.0, there, wiring)?;
    wire(&sockets.1, here, wiring)?;
    process::pair(
        name,
        |ledger| {
            let mut come = 0;
            while come < REQUESTS {
                come += u16::from(is_long(receive(&sockets.1, here, wiring, ledger)?));
            }
            Ok(())
        },
        |ledger| {
            for number in 0..REQUESTS {
                request(&sockets.0, there, wiring, number, version, ledger)?;
                // Messages about neighbours come, too; they are counted, and are no answers.
                while !is_long(receive(&sockets.0, there, wiring, ledger)?) {}
            }
            Ok(())
        },
    )
}

/// Whether so many bytes are an echo of ours.
fn is_long(received: usize) -> bool {
    received > PAYLOAD
}

fn wire(socket: &OwnedFd, remote: SocketAddr, wiring: Wiring) -> io::Result<()> {
    sys::prepare_to_receive(socket)?;
    match wiring {
        Wiring::Connected => sys::connect(socket, remote),
        Wiring::Unconnected => Ok(()),
    }
}

fn request(
    socket: &OwnedFd,
    remote: SocketAddr,
    wiring: Wiring,
    number: u16,
    version: Version,
    ledger: &mut Ledger,
) -> io::Result<()> {
    let message = echo_request(number, version);
    let sent = match wiring {
        Wiring::Connected => sys::send(socket, &message, 0)?,
        Wiring::Unconnected => sys::send_to(socket, &message, 0, remote)?,
    };
    ledger.sent(Protocol::Icmp, Some(remote), sent);
    Ok(())
}

fn receive(
    socket: &OwnedFd,
    remote: SocketAddr,
    wiring: Wiring,
    ledger: &mut Ledger,
) -> io::Result<usize> {
    let mut buffer = [0; 2000];
    let (received, remote) = match wiring {
        Wiring::Connected => (sys::receive(socket, &mut buffer, 0)?, remote),
        Wiring::Unconnected => sys::receive_from(socket, &mut buffer, 0)?,
    };
    ledger.received(Protocol::Icmp, Some(remote), received);
    Ok(received)
}

fn protocol(version: Version) -> i32 {
    match version {
        Version::V4 => libc::IPPROTO_ICMP,
        Version::V6 => libc::IPPROTO_ICMPV6,
    }
}

/// The kernel fills in the checksum of version 6, and everything on a ping socket.
fn echo_request(number: u16, version: Version) -> Vec<u8> {
    let mut message = vec![b'x'; HEADER + PAYLOAD + usize::from(number)];
    message[0] = match version {
        Version::V4 => 8,
        Version::V6 => 128,
    };
    let identifier = 4711u16.to_be_bytes();
    let number = number.to_be_bytes();
    message[1..4].fill(0);
    message[4..6].copy_from_slice(&identifier);
    message[6..8].copy_from_slice(&number);
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    message
}

/// That of the internet protocols (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| {
        let second = pair.get(1).copied().unwrap_or_default();
        u32::from(u16::from_be_bytes([pair[0], second]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_its_checksum_sums_up_to_zero() {
        assert_eq!(checksum(&echo_request(2, Version::V4)), 0);
        assert_eq!(checksum(&echo_request(3, Version::V4)), 0, "an odd length");
        let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&example), !0xddf2, "the example of RFC 1071");
    }
}
