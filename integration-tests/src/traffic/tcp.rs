//! Ways of moving bytes over TCP.

use std::fs::File;
use std::io::{self, Seek as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use super::ledger::{Ledger, Protocol};
use super::place::{Family, Place};
use super::{Case, process, sys};

/// Payload of a case in one direction.
pub const PAYLOAD: usize = 50_000;

/// One row for each way.
pub const CASES: &[Case] = &[
    Case::new("tcp-v4", "tcp v4", |name, place| {
        echo(name, place, Family::V4)
    }),
    Case::new("tcp-v6", "tcp v6", |name, place| {
        echo(name, place, Family::V6)
    }),
    Case::new("tcp-mapped", "tcp mapped", |name, place| {
        echo(name, place, Family::Mapped)
    }),
    Case::new("tcp-peek", "tcp peek", |name, place| {
        one_way(name, place, send, peek)
    }),
    Case::new("tcp-part", "tcp part", |name, place| {
        one_way(name, place, send, read_part)
    }),
    Case::new("tcp-late", "tcp late", read_after_closing),
    Case::new("tcp-waitall", "tcp waitall", |name, place| {
        one_way(name, place, send, read_waiting)
    }),
    Case::new("tcp-trunc", "tcp trunc", |name, place| {
        one_way(name, place, send, discard)
    }),
    Case::new("tcp-spl-in", "tcp spl in", |name, place| {
        one_way(name, place, send, splice_in)
    }),
    Case::new("tcp-spl-out", "tcp spl out", |name, place| {
        one_way(name, place, splice_out, read)
    }),
    Case::new("tcp-sendfile", "tcp sendfile", |name, place| {
        one_way(name, place, send_file, read)
    }),
    Case::new("tcp-more", "tcp more", |name, place| {
        one_way(name, place, send_more, read)
    }),
    Case::new("tcp-zerocopy", "tcp zerocopy", |name, place| {
        one_way(name, place, send_zero_copy, read)
    }),
    Case::new("tcp-shared", "tcp shared", shared_by_two_processes),
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
        let bytes = vec![b'x'; piece];
        let mut left = total;
        while left > 0 {
            let sent = sys::send(&self.stream, &bytes[..piece.min(left)], flags)?;
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
        let mut buffer = vec![0; piece];
        let mut come = 0;
        while come < total {
            let wanted = piece.min(total - come);
            let received = sys::receive(&self.stream, &mut buffer[..wanted], flags)?;
            self.received(received);
            come += received;
            if received == 0 {
                break;
            }
        }
        Ok(come)
    }

    /// Splices until `total` bytes or the end have come into `/dev/null`; says how many came.
    ///
    /// # Errors
    /// The kernel's.
    pub fn splice_in(&mut self, total: usize) -> io::Result<usize> {
        let (reader, writer) = sys::pipe()?;
        let nowhere = File::options().write(true).open("/dev/null")?;
        let mut come = 0;
        while come < total {
            let received = sys::splice(&self.stream, &writer, (total - come).min(65_536))?;
            self.received(received);
            come += received;
            if received == 0 {
                break;
            }
            drain(&reader, &nowhere, received)?;
        }
        Ok(come)
    }
}

fn drain(reader: &impl AsRawFd, to: &impl AsRawFd, length: usize) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        left -= sys::splice(reader, to, left)?;
    }
    Ok(())
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

type Side = fn(&mut Stream<'_>) -> io::Result<()>;

fn one_way(name: &str, place: &Place, client: Side, server: Side) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| server(&mut Stream::accept(&listener, ledger)?),
        |ledger| client(&mut Stream::connect(address, ledger)?),
    )
}

fn send(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.send(PAYLOAD, 1448, 0)
}

fn read(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(usize::MAX, 4096, 0).map(drop)
}

fn read_waiting(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(PAYLOAD, 10_000, libc::MSG_WAITALL).map(drop)
}

fn discard(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(usize::MAX, 4096, libc::MSG_TRUNC).map(drop)
}

/// Looks at everything twice before taking it.
fn peek(stream: &mut Stream<'_>) -> io::Result<()> {
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

/// Leaves most of it unread.
fn read_part(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(PAYLOAD / 5, 1000, libc::MSG_WAITALL)?;
    // Everything has arrived before the socket is closed on it.
    let mut rest = vec![0; PAYLOAD];
    let flags = libc::MSG_PEEK | libc::MSG_WAITALL;
    sys::receive(&stream.stream, &mut rest[..PAYLOAD / 5 * 4], flags).map(drop)
}

fn splice_in(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.splice_in(usize::MAX).map(drop)
}

fn splice_out(stream: &mut Stream<'_>) -> io::Result<()> {
    let (reader, writer) = sys::pipe()?;
    let mut left = PAYLOAD;
    while left > 0 {
        let mut piped = sys::write(&writer, &vec![b'x'; left.min(4096)])?;
        left -= piped;
        while piped > 0 {
            let sent = sys::splice(&reader, &stream.stream, piped)?;
            stream.sent(sent);
            piped -= sent;
        }
    }
    Ok(())
}

fn send_file(stream: &mut Stream<'_>) -> io::Result<()> {
    let mut file = tempfile::tempfile()?;
    sys::write(&file, &vec![b'x'; PAYLOAD])?;
    file.rewind()?;
    let mut left = PAYLOAD;
    while left > 0 {
        let sent = sys::send_file(&stream.stream, &file, left)?;
        stream.sent(sent);
        left -= sent;
    }
    Ok(())
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

/// The reader closes its direction first, so that its socket is `TCP_CLOSE` while it reads on.
fn read_after_closing(name: &str, place: &Place) -> io::Result<()> {
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

/// Two processes send on one socket, one after the other; two read from the other one.
fn shared_by_two_processes(name: &'static str, place: &Place) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            stream.read(PAYLOAD / 2, 1000, libc::MSG_WAITALL)?;
            let (shared, remote) = (stream.stream.try_clone()?, stream.remote);
            process::fork("s-tcp-shared2", |ledger| {
                read(&mut Stream {
                    stream: shared,
                    remote,
                    ledger,
                })
            })?
            .wait()
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            stream.send(PAYLOAD / 4, 1000, 0)?;
            let (shared, remote) = (stream.stream.try_clone()?, stream.remote);
            process::fork("c-tcp-shared2", |ledger| {
                let mut stream = Stream {
                    stream: shared,
                    remote,
                    ledger,
                };
                stream.send(PAYLOAD / 2, 1000, 0)
            })?
            .wait()?;
            stream.send(PAYLOAD / 4, 1000, 0)
        },
    )
}
