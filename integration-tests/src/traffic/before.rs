//! Connections that exist, and have moved bytes, before anybody looks.

use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;

use super::held::hold;
use super::ledger::{Ledger, Protocol};
use super::mapped;
use super::place::{Family, Place};
use super::process::{self, Child};
use super::tcp::{PAYLOAD, Side, Stream};

/// What the two ends of a connection do, before the line and after it.
struct Ends {
    name: &'static str,
    client: [Side; 2],
    server: [Side; 2],
}

/// Sent before the line; a third of it waits unread.
const FIRST: usize = 30_000;
const UNREAD: usize = FIRST / 3;
const ANSWER: usize = PAYLOAD / 10;
/// Sent at a time where pages are mapped.
const MAPPED: usize = 1 << 20;

/// In the order of the rows: in each way a server that has received nothing in another one.
const ENDS: [Ends; 3] = [
    Ends {
        name: "before-recv",
        client: [send_first, |stream| {
            stream.send(PAYLOAD, 1448, 0)?;
            stream.read(ANSWER, 1000, 0).map(drop)
        }],
        server: [
            |stream| stream.read(FIRST - UNREAD, 1000, 0).map(drop),
            |stream| {
                stream.read(UNREAD + PAYLOAD, 4096, 0)?;
                stream.send(ANSWER, 777, 0)
            },
        ],
    },
    Ends {
        name: "before-splice",
        client: [send_first, |stream| stream.send(PAYLOAD, 1448, 0)],
        server: [
            |stream| stream.splice_in(FIRST - UNREAD).map(drop),
            |stream| stream.splice_in(UNREAD + PAYLOAD).map(drop),
        ],
    },
    Ends {
        name: "before-map",
        client: [|stream| mapped::send(stream, MAPPED); 2],
        server: [|stream| mapped::receive(stream, MAPPED); 2],
    },
];

fn send_first(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.send(FIRST, 1448, 0)
}

/// Prints rows without bytes when all connections have moved their first bytes, waits for a line on
/// standard input, moves more, and prints that.
///
/// # Errors
/// A process failed.
pub fn run(_name: &'static str, place: &Place) -> io::Result<()> {
    let (go, mut say_go) = io::pipe()?;
    let mut children = Vec::new();
    for ends in &ENDS {
        children.extend(start(ends, place, &go)?);
    }
    io::stdin().read_line(&mut String::new())?;
    say_go.write_all(&vec![b'.'; children.len()])?;
    children.into_iter().try_for_each(Child::wait)
}

fn start(ends: &Ends, place: &Place, go: &io::PipeReader) -> io::Result<[Child; 2]> {
    let Ends {
        name,
        client,
        server,
    } = ends;
    let (listener, address): (TcpListener, _) = place.listen(Family::V4)?;
    Ok([
        process::fork(&format!("s-{name}"), |ledger| {
            before_and_after(&mut Stream::accept(&listener, ledger)?, *server, go)
        })?,
        process::fork(&format!("c-{name}"), |ledger| {
            before_and_after(&mut Stream::connect(address, ledger)?, *client, go)
        })?,
    ])
}

fn before_and_after(
    stream: &mut Stream<'_>,
    [before, after]: [Side; 2],
    mut go: &io::PipeReader,
) -> io::Result<()> {
    before(stream)?;
    *stream.ledger = Ledger::default();
    stream.ledger.sent(Protocol::Tcp, Some(stream.remote), 0);
    stream.ledger.print()?;
    go.read_exact(&mut [0])?;
    after(stream)?;
    hold(stream.ledger)
}
