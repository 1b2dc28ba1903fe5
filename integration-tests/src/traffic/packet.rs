//! Frames of the link layer (`AF_PACKET`), on a cable between two namespaces. There is no remote.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;

use super::datagrams::{DATAGRAM, lengths};
use super::ledger::{Ledger, Protocol};
use super::namespaces::Neighbours;
use super::sys::link::Link;
use super::{Case, process, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
    Case::new(
        "packet-raw",
        "whole frames, sendto and recv",
        |name, _elsewhere| {
            frames(name, libc::SOCK_RAW, |socket, link, bytes| {
                link.send(socket, bytes)
            })
        },
    ),
    Case::new(
        "packet-dgram",
        "frames without header, sendto and recv",
        |name, _elsewhere| {
            frames(name, libc::SOCK_DGRAM, |socket, link, bytes| {
                link.send(socket, bytes)
            })
        },
    ),
    Case::new(
        "packet-bound",
        "whole frames, send on a bound socket",
        |name, _elsewhere| {
            frames(name, libc::SOCK_RAW, |socket, _link, bytes| {
                sys::send(socket, bytes, 0)
            })
        },
    ),
    Case::new(
        "packet-sniff",
        "a sniffer beside UDP",
        |name, _elsewhere| sniff(name),
    ),
];

/// A kind of frame for experiments (IEEE 802).
const EXPERIMENT: u16 = 0x88b5;
/// All kinds.
const EVERYTHING: u16 = 0x0003;

/// Calls that send a frame.
type Send = fn(&OwnedFd, Link, &[u8]) -> io::Result<usize>;

fn frames(name: &str, kind: i32, send: Send) -> io::Result<()> {
    let Neighbours { client, server } = Neighbours::new()?;
    let bound = |(namespace, end): &(super::namespaces::Namespace, super::namespaces::End)| {
        namespace.inside(|| {
            let link = Link::new(&end.interface, EXPERIMENT)?;
            let socket = sys::socket(libc::AF_PACKET, kind, EXPERIMENT.to_be().into())?;
            link.bind(&socket)?;
            sys::prepare_to_receive(&socket)?;
            Ok((socket, link))
        })
    };
    let (sender, link) = bound(&client)?;
    let (receiver, _link) = bound(&server)?;
    process::pair(
        name,
        |ledger| {
            for _ in lengths() {
                let received = sys::receive(&receiver, &mut [0; 2000], 0)?;
                ledger.received(Protocol::Packet, None, received);
            }
            Ok(())
        },
        |ledger| {
            for length in lengths() {
                let mut frame = vec![b'x'; length];
                if kind == libc::SOCK_RAW {
                    frame[..14].copy_from_slice(&link.header());
                }
                let sent = send(&sender, link, &frame)?;
                ledger.sent(Protocol::Packet, None, sent);
            }
            Ok(())
        },
    )
}

/// A third process sees all frames of the server's interface, in and out, while client and server
/// are charged for what they sent and received over UDP.
fn sniff(name: &str) -> io::Result<()> {
    let Neighbours { client, server } = Neighbours::new()?;
    let sniffer = server.0.inside(|| {
        let link = Link::new(&server.1.interface, EVERYTHING)?;
        let socket = sys::socket(libc::AF_PACKET, libc::SOCK_RAW, EVERYTHING.to_be().into())?;
        link.bind(&socket)?;
        sys::prepare_to_receive(&socket)?;
        Ok(socket)
    })?;
    let receiver = server.0.inside(|| UdpSocket::bind((server.1.ipv4, 0)))?;
    let sender = client.0.inside(|| UdpSocket::bind((client.1.ipv4, 0)))?;
    let (here, there) = (sender.local_addr()?, receiver.local_addr()?);
    let sniffer = process::fork("p-packet-sniff", |ledger| {
        let mut datagrams = 0;
        while datagrams < 2 * lengths().count() {
            let received = sys::receive(&sniffer, &mut [0; 2000], 0)?;
            ledger.received(Protocol::Packet, None, received);
            // Frames about neighbours come, too; they are counted, and are short.
            datagrams += usize::from(received > DATAGRAM / 2);
        }
        Ok(())
    })?;
    process::pair(
        name,
        |ledger| exchange(&receiver, here, ledger, false),
        |ledger| exchange(&sender, there, ledger, true),
    )?;
    sniffer.wait()
}

/// Sends and receives in turn.
fn exchange(
    socket: &UdpSocket,
    remote: SocketAddr,
    ledger: &mut Ledger,
    is_first: bool,
) -> io::Result<()> {
    sys::prepare_to_receive(socket)?;
    for length in lengths() {
        if is_first {
            let sent = sys::send_to(socket, &vec![b'x'; length], 0, remote)?;
            ledger.sent(Protocol::Udp, Some(remote), sent);
        }
        let (received, _sender) = sys::receive_from(socket, &mut [0; 2000], 0)?;
        ledger.received(Protocol::Udp, Some(remote), received);
        if !is_first {
            let sent = sys::send_to(socket, &vec![b'x'; length], 0, remote)?;
            ledger.sent(Protocol::Udp, Some(remote), sent);
        }
    }
    Ok(())
}
