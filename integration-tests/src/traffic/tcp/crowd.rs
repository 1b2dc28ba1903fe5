//! Very many connections, very short lives, and a very slow one.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::Duration;

use super::{Stream, sys};
use crate::traffic::place::{Family, Place};
use crate::traffic::{Case, process};

/// One row for each.
pub const CASES: &[Case] = &[
    Case::new("tcp-brief", "processes that live for 1 ms", live_briefly),
    Case::new("tcp-drip", "slow drip over 3 s", drip),
    Case::new("tcp-2000", "2,000 connections open at once", crowd),
];

/// Each does no more than to connect, send, and end.
fn live_briefly(name: &'static str, place: &Place) -> io::Result<()> {
    const PROCESSES: usize = 50;
    let (listener, address) = place.listen(Family::V4)?;
    let server = process::fork(&format!("s-{name}"), |ledger| {
        for _ in 0..PROCESSES {
            Stream::accept(&listener, ledger)?.read(usize::MAX, 4096, 0)?;
        }
        Ok(())
    })?;
    for number in 0..PROCESSES {
        process::fork(&format!("c-brief-{number:02}"), |ledger| {
            Stream::connect(address, ledger)?.send(1000, 1000, 0)
        })?
        .wait()?;
    }
    server.wait()
}

/// A few bytes there and back ten times a second, so that windows end in between.
fn drip(name: &'static str, place: &Place) -> io::Result<()> {
    const TIMES: usize = 30;
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            for _ in 0..TIMES {
                stream.read(333, 333, libc::MSG_WAITALL)?;
                stream.send(7, 7, 0)?;
            }
            Ok(())
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            for _ in 0..TIMES {
                stream.send(333, 333, 0)?;
                stream.read(7, 7, 0)?;
                sleep(Duration::from_millis(100));
            }
            Ok(())
        },
    )
}

/// All are open before the first is closed, and each moves a few bytes both ways.
fn crowd(name: &'static str, place: &Place) -> io::Result<()> {
    const CONNECTIONS: usize = 2000;
    let (listener, address) = place.listen(Family::V4)?;
    let (mut theirs, mut ours) = UnixStream::pair()?;
    process::pair(
        name,
        |ledger| {
            sys::socket::allow_descriptors(CONNECTIONS as u64 + 100)?;
            let mut open: Vec<TcpStream> = Vec::new();
            for _ in 0..CONNECTIONS {
                let mut stream = Stream::accept(&listener, ledger)?;
                stream.read(10, 10, libc::MSG_WAITALL)?;
                stream.send(5, 5, 0)?;
                open.push(stream.stream);
            }
            // The client closes its ends first.
            theirs.read_exact(&mut [0])
        },
        |ledger| {
            sys::socket::allow_descriptors(CONNECTIONS as u64 + 100)?;
            let mut open: Vec<TcpStream> = Vec::new();
            for _ in 0..CONNECTIONS {
                let mut stream = Stream::connect(address, ledger)?;
                stream.send(10, 10, 0)?;
                stream.read(5, 5, libc::MSG_WAITALL)?;
                open.push(stream.stream);
            }
            drop(open);
            ours.write_all(b".")
        },
    )
}
