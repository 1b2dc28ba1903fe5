//! Very many very short processes.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::ledger::{Ledger, Protocol};
use super::place::{Family, Place, client_socket};
use super::tcp::Stream;
use super::{process, sys};

/// What each process sends over each protocol.
pub const EACH: usize = 10_000;

/// Runs `count` processes one after the other, each called `storm-` and its number, each sending
/// [`EACH`] bytes over TCP and as many over UDP.
///
/// # Errors
/// One of them failed.
pub fn run(count: u32, place: &Place) -> io::Result<()> {
    let (listener, tcp) = place.listen(Family::V4)?;
    let (receiver, udp) = place.bind(Family::V4)?;
    let (mut ours, mut servers) = UnixStream::pair()?;
    let server = process::fork("storm-server", |ledger| {
        for _ in 0..count {
            Stream::accept(&listener, ledger)?.read(usize::MAX, 65_536, 0)?;
            take_datagrams(&receiver, ledger)?;
            servers.write_all(b".")?;
        }
        Ok(())
    })?;
    for number in 0..count {
        let child = process::fork(&format!("storm-{number:03}"), |ledger| {
            Stream::connect(tcp, ledger)?.send(EACH, 2000, 0)?;
            let socket = client_socket(Family::V4)?;
            for _ in 0..EACH / 1000 {
                let sent = sys::send_to(&socket, &[b'x'; 1000], 0, udp)?;
                ledger.sent(Protocol::Udp, Some(udp), sent);
            }
            Ok(())
        })?;
        child.wait()?;
        // Whatever the server holds back would fill its receive buffer.
        ours.read_exact(&mut [0])?;
    }
    server.wait()
}

fn take_datagrams(socket: &std::net::UdpSocket, ledger: &mut Ledger) -> io::Result<()> {
    let mut buffer = [0; 2000];
    for _ in 0..EACH / 1000 {
        let (received, remote) = sys::receive_from(socket, &mut buffer, 0)?;
        ledger.received(Protocol::Udp, Some(remote), received);
    }
    Ok(())
}
