//! SCTP.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use super::datagrams::lengths;
use super::ledger::Protocol;
use super::namespaces::{Neighbours, Version};
use super::needs::{Proof, lack};
use super::place::Place;
use super::{Case, Lack, process, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
    row("sctp-v4", "SCTP, one to one, IPv4", |name, _elsewhere| {
        one_to_one(name, Version::V4)
    }),
    row("sctp-v6", "SCTP, one to one, IPv6", |name, _elsewhere| {
        one_to_one(name, Version::V6)
    }),
    row(
        "sctp-many-v4",
        "SCTP, one to many, IPv4",
        |name, _elsewhere| one_to_many(name, Version::V4),
    )
    .without_remote_on_tracepoint(),
    row(
        "sctp-many-v6",
        "SCTP, one to many, IPv6",
        |name, _elsewhere| one_to_many(name, Version::V6),
    )
    .without_remote_on_tracepoint(),
];

const fn row(
    name: &'static str,
    title: &'static str,
    run: fn(&'static str, &Place) -> io::Result<()>,
) -> Case {
    Case::new(name, title, run).needing(needs)
}

fn needs() -> Result<(), Lack> {
    let tried = sys::socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP);
    lack("SCTP", tried, &[Proof::Option("CONFIG_IP_SCTP")])
}

/// Bound sockets of both sides. Namespaces of their own, because an end tells the other all its
/// addresses, and any of them may be the one that messages come from.
fn ends(version: Version, kind: i32) -> io::Result<[(OwnedFd, SocketAddr); 2]> {
    const PORT: u16 = 7777;
    let Neighbours { client, server } = Neighbours::new()?;
    let make = |(namespace, end): (_, super::namespaces::End), port| {
        let namespace: super::namespaces::Namespace = namespace;
        let address = SocketAddr::new(end.address(version), port);
        namespace.inside(|| {
            let socket = sys::socket(version.domain(), kind, libc::IPPROTO_SCTP)?;
            sys::bind(&socket, address)?;
            sys::prepare_to_receive(&socket)?;
            Ok((socket, address))
        })
    };
    Ok([make(client, PORT + 1)?, make(server, PORT)?])
}

/// Messages one way, half of each back.
fn one_to_one(name: &str, version: Version) -> io::Result<()> {
    let [(client, _here), (server, there)] = ends(version, libc::SOCK_STREAM)?;
    sys::listen(&server)?;
    process::pair(
        name,
        |ledger| {
            let (stream, remote) = TcpListener::from(server).accept()?;
            let mut buffer = [0; 2000];
            loop {
                let received = sys::receive(&stream, &mut buffer, 0)?;
                if received == 0 {
                    return Ok(());
                }
                ledger.received(Protocol::Sctp, Some(remote), received);
                let sent = sys::send(&stream, &buffer[..received / 2], 0)?;
                ledger.sent(Protocol::Sctp, Some(remote), sent);
            }
        },
        |ledger| {
            sys::connect(&client, there)?;
            let stream = TcpStream::from(client);
            for length in lengths() {
                let sent = sys::send(&stream, &vec![b'x'; length], 0)?;
                ledger.sent(Protocol::Sctp, Some(there), sent);
                let received = sys::receive(&stream, &mut [0; 2000], 0)?;
                ledger.received(Protocol::Sctp, Some(there), received);
            }
            // Other processes have the socket too, so that closing it is not the end.
            stream.shutdown(Shutdown::Write)
        },
    )
}

/// The same, without a connection: each call names the other end.
fn one_to_many(name: &str, version: Version) -> io::Result<()> {
    let [(client, here), (server, there)] = ends(version, libc::SOCK_SEQPACKET)?;
    sys::listen(&server)?;
    process::pair(
        name,
        |ledger| {
            for _ in lengths() {
                let mut buffer = [0; 2000];
                let (received, remote) = sys::receive_from(&server, &mut buffer, 0)?;
                assert_eq!(remote, here);
                ledger.received(Protocol::Sctp, Some(remote), received);
                let sent = sys::send_to(&server, &buffer[..received / 2], 0, remote)?;
                ledger.sent(Protocol::Sctp, Some(remote), sent);
            }
            // The last answer must be out before the socket goes.
            sys::receive_from(&server, &mut [0; 2000], 0).map(|(received, _here)| {
                ledger.received(Protocol::Sctp, Some(here), received);
            })
        },
        |ledger| {
            for length in lengths() {
                let sent = sys::send_to(&client, &vec![b'x'; length], 0, there)?;
                ledger.sent(Protocol::Sctp, Some(there), sent);
                let (received, remote) = sys::receive_from(&client, &mut [0; 2000], 0)?;
                assert_eq!(remote, there);
                ledger.received(Protocol::Sctp, Some(remote), received);
            }
            let sent = sys::send_to(&client, b"x", 0, there)?;
            ledger.sent(Protocol::Sctp, Some(there), sent);
            Ok(())
        },
    )
}
