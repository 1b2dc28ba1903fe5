//! Urgent data: one byte apart from the others.

use std::io;

use super::{PAYLOAD, Side, Stream};
use crate::traffic::place::{Family, Place};
use crate::traffic::sys::socket::wait_for;
use crate::traffic::{Case, process, sys};

/// One row for each thing that a receiver may do with it.
pub const CASES: &[Case] = &[
    Case::new("tcp-oob", "urgent byte, read apart", |name, place| {
        urgent(name, place, read_apart)
    }),
    Case::new("tcp-oob-left", "urgent byte, never read", |name, place| {
        urgent(name, place, |stream| {
            wait_for(&stream.stream, libc::POLLPRI)
        })
    }),
    Case::new("tcp-oob-in", "urgent byte, read inline", |name, place| {
        urgent(name, place, read_inline)
    }),
];

const ROUNDS: usize = 5;
/// Bytes of a round before the urgent one, and after it.
const BEFORE: usize = 7_000;
const AFTER: usize = PAYLOAD / ROUNDS - BEFORE - 1;

/// In each round some bytes, an urgent one, and some more. `take` is what the receiver does between
/// the former and the latter; then it answers with a byte.
fn urgent(name: &str, place: &Place, take: Side) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            for _ in 0..ROUNDS {
                stream.read(BEFORE, 1000, 0)?;
                take(&mut stream)?;
                stream.read(AFTER, 1000, 0)?;
                stream.send(1, 1, 0)?;
            }
            Ok(())
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            for _ in 0..ROUNDS {
                stream.send(BEFORE, 1448, 0)?;
                stream.send(1, 1, libc::MSG_OOB)?;
                stream.send(AFTER, 1448, 0)?;
                stream.read(1, 1, 0)?;
            }
            Ok(())
        },
    )
}

fn read_apart(stream: &mut Stream<'_>) -> io::Result<()> {
    wait_for(&stream.stream, libc::POLLPRI)?;
    stream.read(1, 1, libc::MSG_OOB).map(drop)
}

fn read_inline(stream: &mut Stream<'_>) -> io::Result<()> {
    wait_for(&stream.stream, libc::POLLPRI)?;
    sys::set_option(&stream.stream, libc::SOL_SOCKET, libc::SO_OOBINLINE, 1)?;
    stream.read(1, 1, 0)?;
    sys::set_option(&stream.stream, libc::SOL_SOCKET, libc::SO_OOBINLINE, 0)
}
