//! TCP connections that stay open after the bytes have moved, so that one can see what is reported
//! meanwhile.

use std::io::{self, Read as _};
use std::mem::take;

use super::ledger::Ledger;
use super::place::{Family, Place};
use super::tcp::{PAYLOAD, Side, Stream};
use super::{Case, before, mapped, process};

/// One row for each way.
const CASES: &[Case] = &[
    Case::new(
        "before",
        "sockets that existed before the start",
        before::run,
    ),
    Case::new("splice", "splice in", |name, place| {
        one_way(name, place, send, splice)
    }),
    Case::new(
        "handed",
        "socket handed over to a child that splices",
        hand_over,
    ),
    Case::new("mapped", "TCP_ZEROCOPY_RECEIVE", |name, place| {
        one_way(
            name,
            place,
            |stream| mapped::send(stream, MAPPED),
            |stream| mapped::receive(stream, MAPPED),
        )
    }),
];

/// Runs the case of that name.
///
/// # Errors
/// There is none, or it failed.
pub fn run(name: &str, place: &Place) -> io::Result<()> {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.ok_or_else(|| io::Error::other(format!("no case {name}")))?;
    (case.run)(case.name, place)
}

/// Payload of the case that maps pages.
const MAPPED: usize = 1 << 20;

/// Prints the account, then keeps everything open until standard input ends.
pub(super) fn hold(ledger: &mut Ledger) -> io::Result<()> {
    take(ledger).print()?;
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn one_way(name: &str, place: &Place, client: Side, server: Side) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            server(&mut stream)?;
            hold(stream.ledger)
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            client(&mut stream)?;
            hold(stream.ledger)
        },
    )
}

fn send(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.send(PAYLOAD, 1448, 0)
}

fn splice(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.splice_in(PAYLOAD).map(drop)
}

/// The process that accepted receives a part, its child splices the rest.
fn hand_over(name: &'static str, place: &Place) -> io::Result<()> {
    const FIRST: usize = PAYLOAD / 5;
    let (listener, address) = place.listen(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            stream.read(FIRST, 1000, libc::MSG_WAITALL)?;
            let (shared, remote) = (stream.stream.try_clone()?, stream.remote);
            let child = process::fork("s-handed-child", |ledger| {
                let mut stream = Stream {
                    stream: shared,
                    remote,
                    ledger,
                };
                stream.splice_in(PAYLOAD - FIRST)?;
                hold(stream.ledger)
            })?;
            hold(stream.ledger)?;
            child.wait()
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            stream.send(PAYLOAD, 1448, 0)?;
            hold(stream.ledger)
        },
    )
}
