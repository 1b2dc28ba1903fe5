//! Ways of moving bytes over TCP: the main ones, and the connection that the others share.

pub mod calls;
pub mod crowd;
pub mod fast_open;
pub mod ktls;
pub mod limits;
pub mod mptcp;
pub mod pipes;
pub mod sharing;
pub mod urgent;
pub mod uring;

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use super::ledger::{Ledger, Protocol};
use super::place::{Family, Place};
use super::{Case, endings, process, sys};

/// Payload of a case in one direction.
pub const PAYLOAD: usize = 50_000;

/// All rows over TCP, group by group.
pub const GROUPS: &[&[Case]] = &[
    CASES,
    calls::CASES,
    pipes::CASES,
    urgent::CASES,
    uring::CASES,
    fast_open::CASES,
    mptcp::CASES,
    ktls::CASES,
    limits::CASES,
    endings::CASES,
    sharing::CASES,
    crowd::CASES,
];

/// The main ways, and those that need no more than a flag.
pub const CASES: &[Case] = &[
    Case::new("tcp-v4", "send and recv over IPv4", |name, place| {
        echo(name, place, Family::V4)
    }),
    Case::new("tcp-v6", "send and recv over IPv6", |name, place| {
        echo(name, place, Family::V6)
    }),
    Case::new(
        "tcp-mapped",
        "send and recv over IPv4 on an IPv6 socket",
        |name, place| echo(name, place, Family::Mapped),
    ),
    Case::new("tcp-more", "send with MSG_MORE", |name, place| {
        one_way(name, place, send_more, read)
    }),
    Case::new("tcp-zerocopy", "send with MSG_ZEROCOPY", |name, place| {
        one_way(name, place, send_zero_copy, read)
    }),
    Case::new("tcp-peek", "recv with MSG_PEEK", |name, place| {
        one_way(name, place, send, peek)
    }),
    Case::new("tcp-trunc", "recv with MSG_TRUNC", |name, place| {
        one_way(name, place, send, discard)
    }),
    Case::new("tcp-waitall", "recv with MSG_WAITALL", |name, place| {
        one_way(name, place, send, read_waiting)
    }),
];

/// A connection and the account its bytes go to.
pub struct Stream<'a> {
    /// The connection.
    pub stream: TcpStream,
    /// Its other end.
    pub remote: SocketAddr,
    /// The account.
    pub ledger: &'a mut Ledger,
}

impl<'a> Stream<'a> {
    /// Takes one connection.
    ///
    /// # Errors
    /// The kernel's.
    pub fn accept(listener: &TcpListener, ledger: &'a mut Ledger) -> io::Result<Self> {
        let (stream, remote) = listener.accept()?;
        Ok(Self {
            stream,
            remote,
            ledger,
        })
    }

    /// Makes one connection.
    ///
    /// # Errors
    /// The kernel's.
    pub fn connect(remote: SocketAddr, ledger: &'a mut Ledger) -> io::Result<Self> {
        Ok(Self {
            stream: TcpStream::connect(remote)?,
            remote,
            ledger,
        })
    }

    /// Adds what a sending call returned.
    pub fn sent(&mut self, bytes: usize) {
        self.ledger.sent(Protocol::Tcp, Some(self.remote), bytes);
    }

    /// Adds what a receiving call returned.
    pub fn received(&mut self, bytes: usize) {
        self.ledger
            .received(Protocol::Tcp, Some(self.remote), bytes);
    }

    /// Sends `total` bytes in pieces of at most `piece`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send(&mut self, total: usize, piece: usize, flags: i32) -> io::Result<()> {
        self.send_by(total, piece, |socket, bytes| {
            sys::send(socket, bytes, flags)
        })
    }

    /// The same with another call, which says how many bytes it has sent.
    ///
    /// # Errors
    /// The call's.
    pub fn send_by(
        &mut self,
        total: usize,
        piece: usize,
        mut call: impl FnMut(&TcpStream, &[u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        let bytes = vec![b'x'; piece];
        let mut left = total;
        while left > 0 {
            let sent = call(&self.stream, &bytes[..piece.min(left)])?;
            self.sent(sent);
            left -= sent;
        }
        Ok(())
    }

    /// Reads until `total` bytes or the end have come; says how many came.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&mut self, total: usize, piece: usize, flags: i32) -> io::Result<usize> {
        self.receive_by(total, piece, |socket, buffer| {
            sys::receive(socket, buffer, flags)
        })
    }

    /// The same with another call, which says how many bytes have come.
    ///
    /// # Errors
    /// The call's.
    pub fn receive_by(
        &mut self,
        total: usize,
        piece: usize,
        mut call: impl FnMut(&TcpStream, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut buffer = vec![0; piece];
        let mut come = 0;
        while come < total {
            let wanted = piece.min(total - come);
            let received = call(&self.stream, &mut buffer[..wanted])?;
            self.received(received);
            come += received;
            if received == 0 {
                break;
            }
        }
        Ok(come)
    }
}

/// A request and an answer half as long.
fn echo(name: &str, place: &Place, family: Family) -> io::Result<()> {
    let (listener, address) = place.listen(family)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            stream.read(PAYLOAD, 4096, 0)?;
            stream.send(PAYLOAD / 2, 777, 0)
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            stream.send(PAYLOAD, 1448, 0)?;
            stream.stream.shutdown(Shutdown::Write)?;
            stream.read(usize::MAX, 1000, 0).map(drop)
        },
    )
}

/// What one end of a connection does.
pub(super) type Side = fn(&mut Stream<'_>) -> io::Result<()>;

/// A connection over IPv4.
pub(super) fn one_way(name: &str, place: &Place, client: Side, server: Side) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| server(&mut Stream::accept(&listener, ledger)?),
        |ledger| client(&mut Stream::connect(address, ledger)?),
    )
}

/// Sends the payload.
pub(super) fn send(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.send(PAYLOAD, 1448, 0)
}

/// Reads to the end.
pub(super) fn read(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(usize::MAX, 4096, 0).map(drop)
}

fn read_waiting(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(PAYLOAD, 10_000, libc::MSG_WAITALL).map(drop)
}

fn discard(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(usize::MAX, 4096, libc::MSG_TRUNC).map(drop)
}

/// Looks at everything twice before taking it.
pub(super) fn peek(stream: &mut Stream<'_>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let peeked = sys::receive(&stream.stream, &mut buffer, libc::MSG_PEEK)?;
        if peeked == 0 {
            return Ok(());
        }
        sys::receive(&stream.stream, &mut buffer, libc::MSG_PEEK)?;
        stream.read(peeked, peeked, 0)?;
    }
}

fn send_more(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.send(PAYLOAD - 10, 100, libc::MSG_MORE)?;
    stream.send(10, 10, 0)
}

/// Then reads the notices of completion from the error queue, which carry no bytes.
fn send_zero_copy(stream: &mut Stream<'_>) -> io::Result<()> {
    sys::set_option(&stream.stream, libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1)?;
    stream.send(PAYLOAD, 10_000, libc::MSG_ZEROCOPY)?;
    stream.stream.shutdown(Shutdown::Write)?;
    // The server closes after it has read all; by then every notice is there.
    stream.read(usize::MAX, 100, 0)?;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    while sys::receive_message(&stream.stream, &mut [0; 100], flags).is_ok() {}
    Ok(())
}
