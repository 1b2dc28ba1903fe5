//! Bytes that nobody, or nobody else, may be charged for: what stays in Unix sockets, and what this
//! machine forwards for others.

use std::io;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::datagrams::{DATAGRAM, lengths};
use super::ledger::{Ledger, Protocol};
use super::namespaces::{End, Namespace};
use super::needs::{Proof, lack};
use super::tcp::{PAYLOAD, Stream};
use super::{Case, Lack, netfilter, process, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
    Case::new(
        "unix-stream",
        "Unix socket, stream: nothing",
        |name, _elsewhere| unix(name, libc::SOCK_STREAM),
    ),
    Case::new(
        "unix-dgram",
        "Unix socket, datagrams: nothing",
        |name, _elsewhere| unix(name, libc::SOCK_DGRAM),
    ),
    Case::new(
        "unix-seqpkt",
        "Unix socket, packets in sequence: nothing",
        |name, _elsewhere| unix(name, libc::SOCK_SEQPACKET),
    ),
    Case::new(
        "route",
        "routed between namespaces: only the ends",
        |name, _elsewhere| route(name, Translation::None),
    ),
    Case::new(
        "route-nat",
        "routed with NAT: only the ends",
        |name, _elsewhere| route(name, Translation::Masquerade),
    )
    .needing(needs_translation),
];

fn unix(name: &str, kind: i32) -> io::Result<()> {
    let (ours, theirs) = sys::unix_pair(kind)?;
    process::pair(
        name,
        |ledger| {
            ledger.nothing();
            let mut come = 0;
            while come < lengths().sum() {
                come += sys::receive(&theirs, &mut [0; 2000], 0)?;
            }
            sys::send(&theirs, b"thanks", 0).map(drop)
        },
        |ledger| {
            ledger.nothing();
            for length in lengths() {
                sys::send(&ours, &vec![b'x'; length], 0)?;
            }
            sys::receive(&ours, &mut [0; 100], 0).map(drop)
        },
    )
}

/// What the router does to addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Translation {
    None,
    Masquerade,
}

fn needs_translation() -> Result<(), Lack> {
    let tried = Namespace::new().and_then(|namespace| namespace.inside(netfilter::masquerade));
    let options = ["CONFIG_NF_TABLES", "CONFIG_NF_NAT", "CONFIG_NFT_MASQ"];
    lack("NAT", tried, &options.map(Proof::Option))
}

/// Three namespaces in a row. The one in the middle forwards; it is not the machine's own, whose
/// firewall may forbid it and is not ours to change.
struct Route {
    client: Namespace,
    router: Namespace,
    server: Namespace,
    /// The server's address.
    there: IpAddr,
    /// The address that the server sees.
    seen: IpAddr,
}

impl Route {
    fn new(translation: Translation) -> io::Result<Self> {
        let (client, router, server) = (Namespace::new()?, Namespace::new()?, Namespace::new()?);
        let (client_end, inner) = client.cable(&router, 78)?;
        let (server_end, outer) = server.cable(&router, 79)?;
        for (namespace, gateway) in [(&client, &inner), (&server, &outer)] {
            let End { ipv4, .. } = gateway;
            namespace.ip(&format!("route add default via {ipv4}"))?;
        }
        router.set("ipv4/ip_forward", "1")?;
        let seen = match translation {
            Translation::None => client_end.ipv4,
            Translation::Masquerade => {
                router.inside(netfilter::masquerade)?;
                outer.ipv4
            }
        };
        Ok(Self {
            client,
            router,
            server,
            there: server_end.ipv4.into(),
            seen: seen.into(),
        })
    }
}

/// Datagrams and a connection through the router. Nothing may be charged to a process that lives
/// on it and keeps a processor busy, so that packets arrive on its time too, and nothing to the
/// kernel's threads that take packets when they are many.
fn route(name: &str, translation: Translation) -> io::Result<()> {
    let Route {
        client,
        router,
        server,
        there,
        seen,
    } = Route::new(translation)?;
    let listener = server.inside(|| TcpListener::bind((there, 0)))?;
    let receiver = server.inside(|| UdpSocket::bind((there, 0)))?;
    let (tcp, udp) = (listener.local_addr()?, receiver.local_addr()?);
    let (end, watched) = sys::unix_pair(libc::SOCK_STREAM)?;
    let bystander = process::fork(&format!("f-{name}"), |ledger| {
        ledger.nothing();
        router.enter()?;
        spin(&watched)
    })?;
    process::pair(
        name,
        |ledger| {
            server.enter()?;
            sys::prepare_to_receive(&receiver)?;
            for _ in lengths() {
                let mut buffer = [0; 2000];
                let (received, remote) = sys::receive_from(&receiver, &mut buffer, 0)?;
                assert_eq!(remote.ip(), seen);
                ledger.received(Protocol::Udp, Some(remote), received);
                let sent = sys::send_to(&receiver, &buffer[..received / 2], 0, remote)?;
                ledger.sent(Protocol::Udp, Some(remote), sent);
            }
            let mut stream = Stream::accept(&listener, ledger)?;
            assert_eq!(stream.remote.ip(), seen);
            stream.read(PAYLOAD, 4096, 0)?;
            stream.send(PAYLOAD / 2, 777, 0)
        },
        |ledger| {
            client.enter()?;
            let sender = UdpSocket::bind("0.0.0.0:0")?;
            sys::prepare_to_receive(&sender)?;
            for length in lengths() {
                let sent = sys::send_to(&sender, &vec![b'x'; length], 0, udp)?;
                ledger.sent(Protocol::Udp, Some(udp), sent);
                let (received, remote) = sys::receive_from(&sender, &mut [0; DATAGRAM], 0)?;
                ledger.received(Protocol::Udp, Some(remote), received);
            }
            let mut stream = Stream::connect(tcp, ledger)?;
            stream.send(PAYLOAD, 1448, 0)?;
            stream.read(PAYLOAD / 2, 1000, 0).map(drop)
        },
    )?;
    sys::send(&end, b"x", 0)?;
    bystander.wait()?;
    // Packets may be taken while no process runs.
    let idle = ("swapper".to_owned(), 0);
    std::iter::once(idle)
        .chain(kernel_threads()?)
        .try_for_each(|(name, pid)| Ledger::print_nothing(name, pid))
}

/// Until a byte comes.
fn spin(watched: &OwnedFd) -> io::Result<()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        match sys::receive(watched, &mut [0], libc::MSG_DONTWAIT) {
            Ok(_byte) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Names and numbers of the threads that take packets in place of an interrupted process.
fn kernel_threads() -> io::Result<Vec<(String, u32)>> {
    let mut threads = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // A process may end meanwhile; the kernel's own threads do not.
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if name.starts_with("ksoftirqd/") {
            threads.push((name.trim().to_owned(), pid));
        }
    }
    Ok(threads)
}
