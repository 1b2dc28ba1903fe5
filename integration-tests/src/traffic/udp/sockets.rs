//! What can happen to a UDP socket between two calls: another remote, another process, another
//! namespace.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::thread;

use crate::traffic::datagrams::{self, DATAGRAM, lengths};
use crate::traffic::ledger::{Ledger, Protocol};
use crate::traffic::namespaces::{Namespace, Neighbours, Version};
use crate::traffic::place::{Family, Place};
use crate::traffic::{Case, process, sys};

/// One row for each.
pub const CASES: &[Case] = &[
    Case::new(
        "udp-else",
        "sendto elsewhere on a connected socket",
        send_elsewhere,
    ),
    Case::new(
        "udp-recon-v4",
        "connected again, same port, IPv4",
        |name, _elsewhere| {
            let hosts = [1, 2].map(|host| Ipv4Addr::new(127, 0, 0, host).into());
            reconnect(name, hosts)
        },
    ),
    Case::new(
        "udp-recon-v6",
        "connected again, same port, IPv6",
        reconnect_by_ipv6,
    ),
    Case::new("udp-passed", "socket passed over a Unix socket", pass),
    Case::new(
        "udp-threads",
        "UDP socket used by several threads",
        use_by_threads,
    ),
    Case::new(
        "udp-netns-v4",
        "other network namespaces, IPv4",
        |name, _elsewhere| between_namespaces(name, Version::V4),
    ),
    Case::new(
        "udp-netns-v6",
        "other network namespaces, IPv6",
        |name, _elsewhere| between_namespaces(name, Version::V6),
    ),
];

fn send_on(socket: &UdpSocket, remote: SocketAddr, ledger: &mut Ledger) -> io::Result<()> {
    for length in lengths() {
        let sent = sys::send(socket, &vec![b'x'; length], 0)?;
        ledger.sent(Protocol::Udp, Some(remote), sent);
    }
    Ok(())
}

fn receive_on(socket: &UdpSocket, ledger: &mut Ledger) -> io::Result<()> {
    sys::prepare_to_receive(socket)?;
    loop {
        let (received, remote) = sys::receive_from(socket, &mut [0; 2000], 0)?;
        if received == 0 {
            return Ok(());
        }
        ledger.received(Protocol::Udp, Some(remote), received);
    }
}

/// The client's socket is connected to one receiver, and every second datagram goes to another.
fn send_elsewhere(name: &'static str, place: &Place) -> io::Result<()> {
    let (receiver, address) = datagrams::receiver(place, Family::V4)?;
    let (other, elsewhere) = datagrams::receiver(place, Family::V4)?;
    let sender = datagrams::sender(Family::V4)?;
    let other = process::fork("s-udp-else2", |ledger| receive_on(&other, ledger))?;
    process::pair(
        name,
        |ledger| receive_on(&receiver, ledger),
        |ledger| {
            sender.connect(address)?;
            for length in lengths() {
                let bytes = vec![b'x'; length];
                let sent = sys::send(&sender, &bytes, 0)?;
                ledger.sent(Protocol::Udp, Some(address), sent);
                let sent = sys::send_to(&sender, &bytes[..length / 2], 0, elsewhere)?;
                ledger.sent(Protocol::Udp, Some(elsewhere), sent);
            }
            sys::send(&sender, &[], 0)?;
            sys::send_to(&sender, &[], 0, elsewhere).map(drop)
        },
    )?;
    other.wait()
}

/// In a namespace of its own: there is but one IPv6 address of this machine that is always there.
fn reconnect_by_ipv6(name: &'static str, _elsewhere: &Place) -> io::Result<()> {
    let namespace = Namespace::new()?;
    // They differ in their last bits only.
    let hosts = [1, 2].map(|host| Ipv6Addr::new(0xfd6e, 0x7461, 0, 0, 0, 0, 0, host));
    for host in hosts {
        namespace.add_ipv6("lo", host, 128)?;
    }
    namespace.inside(|| reconnect(name, hosts.map(IpAddr::from)))
}

/// One socket, connected to one host and then to another, to the same port; each answers.
fn reconnect(name: &str, hosts: [IpAddr; 2]) -> io::Result<()> {
    let receiver = UdpSocket::bind((hosts[0], 0))?;
    let port = receiver.local_addr()?.port();
    let remotes = hosts.map(|host| SocketAddr::new(host, port));
    let receivers = [receiver, UdpSocket::bind(remotes[1])?];
    let sender = UdpSocket::bind((hosts[0], 0))?;
    process::pair(
        name,
        |ledger| {
            receivers.iter().try_for_each(|receiver| {
                sys::prepare_to_receive(receiver)?;
                let mut buffer = [0; 2000];
                let (received, remote) = sys::receive_from(receiver, &mut buffer, 0)?;
                ledger.received(Protocol::Udp, Some(remote), received);
                let sent = sys::send_to(receiver, &buffer[..received / 2], 0, remote)?;
                ledger.sent(Protocol::Udp, Some(remote), sent);
                Ok(())
            })
        },
        |ledger| {
            sys::prepare_to_receive(&sender)?;
            for (remote, length) in remotes.into_iter().zip([DATAGRAM, DATAGRAM / 3]) {
                sender.connect(remote)?;
                let sent = sys::send(&sender, &vec![b'x'; length], 0)?;
                ledger.sent(Protocol::Udp, Some(remote), sent);
                let received = sys::receive(&sender, &mut [0; 2000], 0)?;
                ledger.received(Protocol::Udp, Some(remote), received);
            }
            Ok(())
        },
    )
}

/// The client sends, and passes its connected socket to a process that has never had it.
fn pass(name: &'static str, place: &Place) -> io::Result<()> {
    let (receiver, address) = datagrams::receiver(place, Family::V4)?;
    let (ours, theirs) = UnixStream::pair()?;
    let heir = process::fork("c-udp-passed2", |ledger| {
        let socket = UdpSocket::from(sys::passing::receive_descriptor(&theirs)?);
        send_on(&socket, address, ledger)?;
        sys::send(&socket, &[], 0).map(drop)
    })?;
    process::pair(
        name,
        |ledger| receive_on(&receiver, ledger),
        |ledger| {
            let sender = datagrams::sender(Family::V4)?;
            sender.connect(address)?;
            for length in lengths().take(20) {
                let sent = sys::send(&sender, &vec![b'x'; length], 0)?;
                ledger.sent(Protocol::Udp, Some(address), sent);
            }
            sys::passing::send_descriptor(&ours, &sender)
        },
    )?;
    heir.wait()
}

/// Four threads send on one socket at a time, and two receive on the other.
fn use_by_threads(name: &'static str, place: &Place) -> io::Result<()> {
    let (receiver, address) = datagrams::receiver(place, Family::V4)?;
    let sender = datagrams::sender(Family::V4)?;
    process::pair(
        name,
        |ledger| {
            let receive = || {
                let mut ledger = Ledger::default();
                receive_on(&receiver, &mut ledger).map(|()| ledger)
            };
            ledger.add(together(&[receive; 2])?);
            Ok(())
        },
        |ledger| {
            sender.connect(address)?;
            let send = || {
                let mut ledger = Ledger::default();
                for length in lengths().take(15) {
                    let sent = sys::send(&sender, &vec![b'x'; length], 0)?;
                    ledger.sent(Protocol::Udp, Some(address), sent);
                }
                Ok(ledger)
            };
            ledger.add(together(&[send; 4])?);
            // An end for each thread of the other side.
            sys::send(&sender, &[], 0)?;
            sys::send(&sender, &[], 0).map(drop)
        },
    )
}

/// Runs all in threads of their own; the sum of their accounts.
fn together(works: &[impl Fn() -> io::Result<Ledger> + Sync]) -> io::Result<Ledger> {
    thread::scope(|scope| {
        let threads: Vec<_> = works.iter().map(|work| scope.spawn(work)).collect();
        let mut sum = Ledger::default();
        for thread in threads {
            let ended = thread
                .join()
                .map_err(|_panic| io::Error::other("a thread panicked"))?;
            sum.add(ended?);
        }
        Ok(sum)
    })
}

/// Client and server are each in a namespace that is not the daemon's.
fn between_namespaces(name: &str, version: Version) -> io::Result<()> {
    let Neighbours { client, server } = Neighbours::new()?;
    let receiver = server
        .0
        .inside(|| UdpSocket::bind((server.1.address(version), 0)))?;
    let address = receiver.local_addr()?;
    process::pair(
        name,
        |ledger| {
            server.0.enter()?;
            receive_on(&receiver, ledger)
        },
        |ledger| {
            client.0.enter()?;
            let sender = UdpSocket::bind((client.1.address(version), 0))?;
            for length in lengths() {
                let sent = sys::send_to(&sender, &vec![b'x'; length], 0, address)?;
                ledger.sent(Protocol::Udp, Some(address), sent);
            }
            sys::send_to(&sender, &[], 0, address).map(drop)
        },
    )
}
