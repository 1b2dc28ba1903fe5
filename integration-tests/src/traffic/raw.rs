//! Raw sockets, which see what others move and move nothing themselves.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use super::ledger::Protocol;
use super::place::{Family, Place, client_socket};
use super::tcp::{PAYLOAD, Stream};
use super::{Case, process, sys};

/// The one way.
pub const CASES: &[Case] = &[Case::new(
    "raw",
    "raw sockets beside TCP and UDP",
    beside_traffic,
)];

/// Payload of the datagrams.
const DATAGRAM: usize = 1000;
const DATAGRAMS: usize = 20;

/// Two raw sockets get a copy of every packet that a client sends over TCP and UDP; then their
/// owner takes the copies, and sends a datagram that it has put together itself.
fn beside_traffic(name: &'static str, _elsewhere: &Place) -> io::Result<()> {
    // Copies come where packets come in, so client and server are on this machine.
    let place = Place::default();
    let raw_tcp = sys::raw_socket(libc::IPPROTO_TCP)?;
    let raw_udp = sys::raw_socket(libc::IPPROTO_UDP)?;
    let (listener, tcp) = place.listen(Family::V4)?;
    let (receiver, udp) = place.bind(Family::V4)?;
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
        // A row without bytes says that none are expected of this process.
        ledger.received(Protocol::Tcp, None, 0);
        let copied = (take_copies(&raw_tcp)?, take_copies(&raw_udp)?);
        // Others may fill their queues: not all copies need to have come.
        assert!(copied.0 > 0 && copied.1 > 0, "{copied:?} bytes of copies");
        send_packet(&raw_udp, udp)
    })?
    .wait()
}

/// Everything that waits, with the headers.
fn take_copies(socket: &OwnedFd) -> io::Result<usize> {
    let mut buffer = vec![0; 1 << 17];
    let mut sum = 0;
    loop {
        match sys::receive_from(socket, &mut buffer, libc::MSG_DONTWAIT) {
            Ok((received, _sender)) => sum += received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(sum),
            Err(error) => return Err(error),
        }
    }
}

/// A UDP header, without a checksum, and a payload.
fn send_packet(socket: &OwnedFd, remote: SocketAddr) -> io::Result<()> {
    let mut packet = vec![b'x'; 8 + DATAGRAM];
    let length = u16::try_from(packet.len()).expect("a short packet");
    for (index, field) in [9999, remote.port(), length, 0].into_iter().enumerate() {
        packet[index * 2..][..2].copy_from_slice(&field.to_be_bytes());
    }
    let remote = SocketAddr::new(remote.ip(), 0);
    let sent = sys::send_to(socket, &packet, 0, remote)?;
    assert_eq!(sent, packet.len());
    Ok(())
}
