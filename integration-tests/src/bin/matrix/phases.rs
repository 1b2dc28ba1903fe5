//! Sockets that stay open while a daemon comes and goes. At each line of standard input, both ends
//! move the same number of bytes again and print what they have moved.

use std::fs::File;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::mem::take;
use std::net::{SocketAddr, UdpSocket};

use nettally_integration_tests::traffic::place::{Family, Place, client_socket};
use nettally_integration_tests::traffic::process::{self, Child};
use nettally_integration_tests::traffic::sys;
use nettally_integration_tests::traffic::tcp::{PAYLOAD, Stream};
use nettally_integration_tests::traffic::{Ledger, Protocol};

/// One kind of socket.
pub(crate) struct Kind {
    /// Nine characters at most, for the names of its processes.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    run: fn(&'static str) -> io::Result<()>,
}

/// All kinds.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "tcp-v4",
        title: "TCP",
        run: |name| tcp(name, Family::V4, request, answer),
    },
    Kind {
        name: "tcp-v6",
        title: "TCP over IPv6",
        run: |name| tcp(name, Family::V6, request, answer),
    },
    Kind {
        name: "splice",
        title: "TCP, received by splice alone",
        run: |name| {
            tcp(name, Family::V4, send, |stream| {
                stream.splice_in(PAYLOAD).map(drop)
            })
        },
    },
    Kind {
        name: "udp-conn",
        title: "UDP, connected",
        run: |name| udp(name, Connected::Both),
    },
    Kind {
        name: "udp-to",
        title: "UDP, unconnected",
        run: |name| udp(name, Connected::Neither),
    },
];

/// Runs the kind of that name until standard input ends.
pub(crate) fn run(name: &str) -> io::Result<()> {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| io::Error::other(format!("no kind {name}")))?;
    (kind.run)(kind.name)
}

const GO: u8 = b'g';
const END: u8 = b'e';

/// One end of the traffic, and what tells it to go on. A byte says that it is over: the end of the
/// pipe would not, as the other end has inherited it.
struct Side {
    process: Child,
    orders: File,
}

impl Side {
    fn start(
        name: &str,
        work: impl FnOnce(&mut Ledger, &mut dyn FnMut() -> io::Result<bool>) -> io::Result<()>,
    ) -> io::Result<Self> {
        let (reader, writer) = sys::pipe()?;
        let process = process::fork(name, |ledger| {
            let mut reader = File::from(reader);
            work(ledger, &mut || {
                let mut order = [0];
                reader.read_exact(&mut order)?;
                Ok(order == [GO])
            })
        })?;
        Ok(Self {
            process,
            orders: File::from(writer),
        })
    }
}

/// Passes the lines of standard input on as orders.
fn conduct(sides: [Side; 2]) -> io::Result<()> {
    let mut sides = sides;
    let mut order = |byte| {
        let mut sides = sides.iter_mut();
        sides.try_for_each(|side| side.orders.write_all(&[byte]))
    };
    for line in io::stdin().lock().lines() {
        line?;
        order(GO)?;
    }
    order(END)?;
    sides.into_iter().try_for_each(|side| side.process.wait())
}

type Turn = fn(&mut Stream<'_>) -> io::Result<()>;

fn tcp(name: &str, family: Family, client: Turn, server: Turn) -> io::Result<()> {
    let (listener, address) = Place::default().listen(family)?;
    let turns = |mut stream: Stream<'_>, turn: Turn, go: &mut dyn FnMut() -> io::Result<bool>| {
        while go()? {
            turn(&mut stream)?;
            take(stream.ledger).print()?;
        }
        Ok(())
    };
    conduct([
        Side::start(&format!("s-old-{name}"), |ledger, go| {
            turns(Stream::accept(&listener, ledger)?, server, go)
        })?,
        Side::start(&format!("c-old-{name}"), |ledger, go| {
            turns(Stream::connect(address, ledger)?, client, go)
        })?,
    ])
}

fn send(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.send(PAYLOAD, 1448, 0)
}

fn request(stream: &mut Stream<'_>) -> io::Result<()> {
    send(stream)?;
    stream.read(PAYLOAD / 2, 1000, 0).map(drop)
}

fn answer(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(PAYLOAD, 4096, 0)?;
    stream.send(PAYLOAD / 2, 777, 0)
}

/// Which sockets know their peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connected {
    Both,
    Neither,
}

const DATAGRAM: usize = 1000;
const DATAGRAMS: usize = 20;

fn udp(name: &str, connected: Connected) -> io::Result<()> {
    let (server, to_server) = Place::default().bind(Family::V4)?;
    let client = client_socket(Family::V4)?;
    let to_client = SocketAddr::new(to_server.ip(), client.local_addr()?.port());
    if connected == Connected::Both {
        client.connect(to_server)?;
        server.connect(to_client)?;
    }
    let send = |socket: &UdpSocket, remote, ledger: &mut Ledger| {
        for _ in 0..DATAGRAMS {
            let datagram = [b'x'; DATAGRAM];
            let sent = match connected {
                Connected::Both => sys::send(socket, &datagram, 0)?,
                Connected::Neither => sys::send_to(socket, &datagram, 0, remote)?,
            };
            ledger.sent(Protocol::Udp, Some(remote), sent);
        }
        Ok::<_, io::Error>(())
    };
    let receive = |socket: &UdpSocket, remote, ledger: &mut Ledger| {
        for _ in 0..DATAGRAMS {
            let mut datagram = [0; DATAGRAM];
            let received = match connected {
                Connected::Both => sys::receive(socket, &mut datagram, 0)?,
                Connected::Neither => sys::receive_from(socket, &mut datagram, 0)?.0,
            };
            ledger.received(Protocol::Udp, Some(remote), received);
        }
        Ok::<_, io::Error>(())
    };
    conduct([
        Side::start(&format!("s-old-{name}"), |ledger, go| {
            while go()? {
                receive(&server, to_client, ledger)?;
                send(&server, to_client, ledger)?;
                take(ledger).print()?;
            }
            Ok(())
        })?,
        Side::start(&format!("c-old-{name}"), |ledger, go| {
            while go()? {
                send(&client, to_server, ledger)?;
                receive(&client, to_server, ledger)?;
                take(ledger).print()?;
            }
            Ok::<_, io::Error>(())
        })?,
    ])
}
