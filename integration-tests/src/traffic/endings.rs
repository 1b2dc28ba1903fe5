//! TCP connections that end in other ways than by an orderly close.

use std::io;
use std::net::{Shutdown, TcpListener};

use super::place::{Family, Place};
use super::tcp::{PAYLOAD, Stream, one_way, read, send};
use super::{Case, process, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
    Case::new("tcp-part", "data unread at close", |name, place| {
        one_way(name, place, send, read_part)
    }),
    Case::new("tcp-late", "read after own shutdown", read_after_closing),
    Case::new("tcp-reset", "close with a reset", reset),
    Case::new("tcp-discon", "disconnect and connect again", disconnect),
];

/// Leaves most of it unread.
fn read_part(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(PAYLOAD / 5, 1000, libc::MSG_WAITALL)?;
    // Everything has arrived before the socket is closed on it.
    let mut rest = vec![0; PAYLOAD];
    let flags = libc::MSG_PEEK | libc::MSG_WAITALL;
    sys::receive(&stream.stream, &mut rest[..PAYLOAD / 5 * 4], flags).map(drop)
}

/// The reader closes its direction first, so that its socket is `TCP_CLOSE` while it reads on.
fn read_after_closing(name: &'static str, place: &Place) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            stream.stream.shutdown(Shutdown::Write)?;
            // One more than will come: the call returns when the other end has closed.
            let mut all = vec![0; PAYLOAD + 1];
            let flags = libc::MSG_PEEK | libc::MSG_WAITALL;
            sys::receive(&stream.stream, &mut all, flags)?;
            read(&mut stream)
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            stream.read(usize::MAX, 100, 0)?;
            send(&mut stream)
        },
    )
}

/// The reader has taken everything, and closes with a reset.
fn reset(name: &'static str, place: &Place) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            stream.read(PAYLOAD, 4096, 0)?;
            sys::set_linger_zero(&stream.stream)
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            stream.send(PAYLOAD, 1448, 0)?;
            wait_for_reset(&mut stream)
        },
    )
}

/// The reader has taken everything, disconnects, and uses the socket for another connection, which
/// it disconnects as well.
fn disconnect(name: &'static str, place: &Place) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            for _ in 0..2 {
                send_until_reset(&listener, ledger)?;
            }
            Ok(())
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            stream.read(PAYLOAD, 4096, 0)?;
            sys::disconnect(&stream.stream)?;
            sys::connect(&stream.stream, address)?;
            stream.read(PAYLOAD, 4096, 0)?;
            sys::disconnect(&stream.stream)
        },
    )
}

fn send_until_reset(listener: &TcpListener, ledger: &mut super::Ledger) -> io::Result<()> {
    let mut stream = Stream::accept(listener, ledger)?;
    stream.send(PAYLOAD, 1448, 0)?;
    wait_for_reset(&mut stream)
}

/// Keeps the connection open until the other end is done with it.
fn wait_for_reset(stream: &mut Stream<'_>) -> io::Result<()> {
    match stream.read(1, 1, 0) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("the connection ended without a reset")),
    }
}
