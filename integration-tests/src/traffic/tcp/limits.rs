//! Calls that move a part of what was asked for, or nothing.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::{PAYLOAD, Stream, send};
use crate::traffic::place::{Family, Place};
use crate::traffic::sys::socket::wait_for;
use crate::traffic::{Case, process, sys};

/// One row for each reason.
pub const CASES: &[Case] = &[
    Case::new("tcp-partial", "sends cut short, and EAGAIN", send_partially),
    Case::new("tcp-epipe", "sends that fail with EPIPE", send_in_vain),
    Case::new(
        "tcp-eagain",
        "receives that fail with EAGAIN",
        receive_too_early,
    ),
];

/// Calls of each kind that move nothing.
const IN_VAIN: usize = 100;

/// Buffers are small, and the receiver starts only when they are full.
fn send_partially(name: &str, place: &Place) -> io::Result<()> {
    const TOTAL: usize = 10 * PAYLOAD;
    let (listener, address) = place.listen(Family::V4)?;
    sys::set_option(&listener, libc::SOL_SOCKET, libc::SO_RCVBUF, 4096)?;
    let (mut theirs, mut ours) = UnixStream::pair()?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            theirs.read_exact(&mut [0])?;
            stream.read(usize::MAX, 4096, 0).map(drop)
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            sys::set_option(&stream.stream, libc::SOL_SOCKET, libc::SO_SNDBUF, 4096)?;
            stream.stream.set_nonblocking(true)?;
            let mut cut_short = 0;
            let mut in_vain = 0;
            stream.send_by(TOTAL, TOTAL, |socket, bytes| {
                loop {
                    match sys::send(socket, bytes, 0) {
                        Ok(sent) => {
                            cut_short += usize::from(sent < bytes.len());
                            return Ok(sent);
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            in_vain += 1;
                            if in_vain == IN_VAIN {
                                ours.write_all(b".")?;
                            } else if in_vain > IN_VAIN {
                                wait_for(socket, libc::POLLOUT)?;
                            }
                        }
                        Err(error) => return Err(error),
                    }
                }
            })?;
            expect(cut_short > 1, "no send was cut short")
        },
    )
}

/// One send after the other end has closed goes well, and makes all later ones fail.
fn send_in_vain(name: &str, place: &Place) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            Stream::accept(&listener, ledger)?
                .read(PAYLOAD, 4096, 0)
                .map(drop)
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            send(&mut stream)?;
            // Nothing comes but the end.
            stream.read(1, 1, 0)?;
            stream.send(1000, 1000, 0)?;
            wait_for(&stream.stream, 0)?;
            for _ in 0..IN_VAIN {
                expect_error(stream.send(1000, 1000, 0), ErrorKind::BrokenPipe)?;
            }
            let mut other = std::net::TcpStream::connect(address)?;
            other.shutdown(Shutdown::Write)?;
            for _ in 0..IN_VAIN {
                expect_error(other.write_all(b"never"), ErrorKind::BrokenPipe)?;
            }
            Ok(())
        },
    )
}

/// The sender waits for the receiver to have found nothing.
fn receive_too_early(name: &str, place: &Place) -> io::Result<()> {
    const ROUNDS: usize = 10;
    let (listener, address) = place.listen(Family::V4)?;
    let (mut theirs, mut ours) = UnixStream::pair()?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            stream.stream.set_nonblocking(true)?;
            for _ in 0..ROUNDS {
                for _ in 0..IN_VAIN {
                    expect_error(stream.read(1, 1, 0), ErrorKind::WouldBlock)?;
                    let peeked = stream.read(1, 1, libc::MSG_PEEK);
                    expect_error(peeked, ErrorKind::WouldBlock)?;
                }
                theirs.write_all(b".")?;
                stream.receive_by(PAYLOAD / ROUNDS, 4096, |socket, buffer| {
                    wait_for(socket, libc::POLLIN)?;
                    sys::receive(socket, buffer, 0)
                })?;
            }
            Ok(())
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            for _ in 0..ROUNDS {
                ours.read_exact(&mut [0])?;
                stream.send(PAYLOAD / ROUNDS, 1448, 0)?;
            }
            Ok(())
        },
    )
}

fn expect_error<T>(result: io::Result<T>, kind: ErrorKind) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other(format!("no error, in place of {kind}"))),
    }
}

fn expect(is_so: bool, otherwise: &str) -> io::Result<()> {
    if is_so {
        Ok(())
    } else {
        Err(io::Error::other(otherwise))
    }
}
