//! One socket in the hands of several.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::{PAYLOAD, Side, Stream, read, send};
use crate::traffic::ledger::Ledger;
use crate::traffic::place::{Family, Place};
use crate::traffic::sys::passing::{receive_descriptor, send_descriptor};
use crate::traffic::{Case, process, sys};

/// One row for each way of sharing.
pub const CASES: &[Case] = &[
    Case::new(
        "tcp-shared",
        "socket shared by forked processes, in turns",
        in_turns,
    ),
    Case::new(
        "tcp-forked",
        "socket written to by forked processes, at once",
        at_once,
    ),
    Case::new(
        "tcp-readers",
        "socket read by forked processes, at once",
        readers_at_once,
    ),
    Case::new("tcp-passed", "socket passed with SCM_RIGHTS", pass),
    Case::new("tcp-threads", "socket used by several threads", by_threads),
];

impl Stream<'_> {
    /// The same connection, on another account.
    ///
    /// # Errors
    /// The kernel's.
    pub fn share<'a>(&self, ledger: &'a mut Ledger) -> io::Result<Stream<'a>> {
        Ok(Stream {
            stream: self.stream.try_clone()?,
            remote: self.remote,
            ledger,
        })
    }
}

/// Two processes send on one socket, one after the other; two read from the other one.
fn in_turns(name: &'static str, place: &Place) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            stream.read(PAYLOAD / 2, 1000, libc::MSG_WAITALL)?;
            process::fork("s-tcp-shared2", |ledger| read(&mut stream.share(ledger)?))?.wait()
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            stream.send(PAYLOAD / 4, 1000, 0)?;
            process::fork("c-tcp-shared2", |ledger| {
                stream.share(ledger)?.send(PAYLOAD / 2, 1000, 0)
            })?
            .wait()?;
            stream.send(PAYLOAD / 4, 1000, 0)
        },
    )
}

/// A process and its two children send on one socket at the same time.
fn at_once(name: &'static str, place: &Place) -> io::Result<()> {
    const EACH: usize = 4 * PAYLOAD;
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| read(&mut Stream::accept(&listener, ledger)?),
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            let mut children = Vec::new();
            for name in ["c-tcp-forked2", "c-tcp-forked3"] {
                children.push(process::fork(name, |ledger| {
                    stream.share(ledger)?.send(EACH, 500, 0)
                })?);
            }
            stream.send(EACH, 500, 0)?;
            children.into_iter().try_for_each(process::Child::wait)
        },
    )
}

/// Two processes read from one socket at the same time. The sender waits for both.
fn readers_at_once(name: &'static str, place: &Place) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    let (mut is_ready, ready) = io::pipe()?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            let child = process::fork("s-tcp-readers2", |ledger| {
                (&ready).write_all(b".")?;
                read_in_turns(&mut stream.share(ledger)?)
            })?;
            (&ready).write_all(b".")?;
            read_in_turns(&mut stream)?;
            child.wait()
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            is_ready.read_exact(&mut [0; 2])?;
            (0..20).try_for_each(|_| {
                // Both wait for each part, so none can be the first every time.
                thread::sleep(Duration::from_millis(5));
                send(&mut stream)
            })
        },
    )
}

/// Lets the other reader come between, on a single processor too.
fn read_in_turns(stream: &mut Stream<'_>) -> io::Result<()> {
    let come = stream.receive_by(usize::MAX, 1000, |socket, buffer| {
        thread::yield_now();
        sys::receive(socket, buffer, 0)
    })?;
    if come == 0 {
        return Err(io::Error::other("the other reader took everything"));
    }
    Ok(())
}

/// On either side, a process that exists already gets the connection and goes on with it.
fn pass(name: &'static str, place: &Place) -> io::Result<()> {
    const FIRST: usize = PAYLOAD / 5;
    let (listener, address) = place.listen(Family::V4)?;
    let (from_client, to_client) = UnixStream::pair()?;
    let (from_server, to_server) = UnixStream::pair()?;
    let heirs = [
        process::fork("c-tcp-passed2", |ledger| {
            let mut stream = inherited(&from_client, ledger)?;
            stream.send(PAYLOAD - FIRST, 1448, 0)?;
            stream.stream.shutdown(Shutdown::Write)?;
            read(&mut stream)
        })?,
        process::fork("s-tcp-passed2", |ledger| {
            let mut stream = inherited(&from_server, ledger)?;
            read(&mut stream)?;
            stream.send(PAYLOAD / 2, 777, 0)
        })?,
    ];
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            stream.read(FIRST, 1000, 0)?;
            send_descriptor(&to_server, &stream.stream)
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            stream.send(FIRST, 1448, 0)?;
            send_descriptor(&to_client, &stream.stream)
        },
    )?;
    heirs.into_iter().try_for_each(process::Child::wait)
}

fn inherited<'a>(from: &UnixStream, ledger: &'a mut Ledger) -> io::Result<Stream<'a>> {
    let stream = TcpStream::from(receive_descriptor(from)?);
    let remote = stream.peer_addr()?;
    Ok(Stream {
        stream,
        remote,
        ledger,
    })
}

/// Threads with names of their own, which are not what their process is called.
fn by_threads(name: &'static str, place: &Place) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            in_threads(&mut stream, read)?;
            in_threads(&mut stream, |stream| stream.send(PAYLOAD / 4, 777, 0))
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            in_threads(&mut stream, |stream| stream.send(PAYLOAD, 500, 0))?;
            stream.stream.shutdown(Shutdown::Write)?;
            in_threads(&mut stream, read)
        },
    )
}

/// The same, in four threads at the same time.
fn in_threads(stream: &mut Stream<'_>, work: Side) -> io::Result<()> {
    let connection = &*stream;
    let ledgers = thread::scope(|scope| {
        let start = |number| {
            let thread = thread::Builder::new().name(format!("thread-{number}"));
            thread.spawn_scoped(scope, move || {
                let mut ledger = Ledger::default();
                work(&mut connection.share(&mut ledger)?)?;
                io::Result::Ok(ledger)
            })
        };
        let threads = (0..4).map(start).collect::<io::Result<Vec<_>>>()?;
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a panic has been printed"))
            .collect::<io::Result<Vec<_>>>()
    })?;
    for ledger in ledgers {
        stream.ledger.add(ledger);
    }
    Ok(())
}
