//! Ways of moving bytes over UDP. An empty datagram says that no more will come.

/// A row: who sends how, who receives how, on sockets of IPv4.
macro_rules! row {
    ($name:literal, $title:literal, $wiring:ident, $send:expr, $receive:expr) => {
        $crate::traffic::Case::new($name, $title, |name, place| {
            use $crate::traffic::{Protocol, datagrams, place::Family};
            let kind = (Protocol::Udp, Family::V4, datagrams::Wiring::$wiring);
            datagrams::one_way(name, place, kind, $send, $receive)
        })
    };
}

pub mod calls;
pub mod lengths;
pub mod pipes;
pub mod segments;
pub mod sockets;
pub mod uring;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use super::ledger::{Ledger, Protocol};
use super::place::{Family, Place};
use super::{Case, datagrams, process, sys};

/// All rows over UDP, group by group.
pub const GROUPS: &[&[Case]] = &[
    CASES,
    calls::CASES,
    segments::CASES,
    pipes::CASES,
    lengths::CASES,
    sockets::CASES,
    uring::CASES,
];

/// The main ways, and those that need no more than a flag.
pub const CASES: &[Case] = &[
    Case::new(
        "udp-v4",
        "sendto, recvfrom, unconnected, IPv4",
        |name, place| unconnected(name, place, Family::V4),
    ),
    Case::new(
        "udp-v6",
        "sendto, recvfrom, unconnected, IPv6",
        |name, place| unconnected(name, place, Family::V6),
    ),
    Case::new(
        "udp-mapped",
        "sendto, recvfrom, unconnected, IPv4 on IPv6 sockets",
        |name, place| unconnected(name, place, Family::Mapped),
    ),
    Case::new(
        "udp-con-v4",
        "send, recv, connected, IPv4",
        |name, place| connected(name, place, Family::V4),
    ),
    Case::new(
        "udp-con-v6",
        "send, recv, connected, IPv6",
        |name, place| connected(name, place, Family::V6),
    ),
    Case::new(
        "udp-con-map",
        "send, recv, connected, IPv4 on IPv6 sockets",
        |name, place| connected(name, place, Family::Mapped),
    ),
    Case::new(
        "udp-peek",
        "MSG_PEEK, then recvfrom, unconnected",
        |name, place| one_way(name, place, send_all, peek),
    ),
    Case::new(
        "udp-trunc",
        "recvfrom into a short buffer, unconnected",
        |name, place| {
            one_way(name, place, send_all, |socket, ledger| {
                receive_all(socket, ledger, 100)
            })
        },
    ),
    Case::new("udp-more", "MSG_MORE, unconnected", |name, place| {
        one_way(name, place, send_corked, |socket, ledger| {
            receive_all(socket, ledger, 65_536)
        })
    }),
    Case::new("udp-any", "sendto the address 0.0.0.0", send_to_any_address),
    Case::new("udp-errqueue", "MSG_ERRQUEUE", read_error_queue),
    Case::new(
        "udp-shared",
        "socket shared by forked children",
        shared_by_two_processes,
    ),
];

/// Requests and answers on sockets that are not connected.
fn unconnected(name: &str, place: &Place, family: Family) -> io::Result<()> {
    let (server, address) = datagrams::receiver(place, family)?;
    let client = datagrams::sender(family)?;
    process::pair(
        name,
        |ledger| answer(&server, ledger),
        |ledger| {
            send_all(&client, address, ledger)?;
            receive_all(&client, ledger, 2000)
        },
    )
}

/// The client is connected and calls `send` and `recv`.
fn connected(name: &str, place: &Place, family: Family) -> io::Result<()> {
    let (server, address) = datagrams::receiver(place, family)?;
    let client = datagrams::sender(family)?;
    process::pair(
        name,
        |ledger| answer(&server, ledger),
        |ledger| {
            client.connect(address)?;
            for length in lengths() {
                let sent = sys::send(&client, &vec![b'x'; length], 0)?;
                ledger.sent(Protocol::Udp, Some(address), sent);
            }
            let mut buffer = [0; 2000];
            loop {
                let received = sys::receive(&client, &mut buffer, 0)?;
                if received == 0 {
                    return Ok(());
                }
                ledger.received(Protocol::Udp, Some(address), received);
            }
        },
    )
}

/// Takes all, then sends as much back.
fn answer(socket: &UdpSocket, ledger: &mut Ledger) -> io::Result<()> {
    let mut buffer = [0; 2000];
    loop {
        let (received, remote) = sys::receive_from(socket, &mut buffer, 0)?;
        if received == 0 {
            return send_all(socket, remote, ledger);
        }
        ledger.received(Protocol::Udp, Some(remote), received);
    }
}

type Client = fn(&UdpSocket, SocketAddr, &mut Ledger) -> io::Result<()>;
type Server = fn(&UdpSocket, &mut Ledger) -> io::Result<()>;

fn one_way(name: &str, place: &Place, client: Client, server: Server) -> io::Result<()> {
    let (receiver, address) = datagrams::receiver(place, Family::V4)?;
    let sender = datagrams::sender(Family::V4)?;
    process::pair(
        name,
        |ledger| server(&receiver, ledger),
        |ledger| client(&sender, address, ledger),
    )
}

/// Datagrams of odd lengths, and the end.
fn lengths() -> impl Iterator<Item = usize> {
    datagrams::lengths().chain(std::iter::once(0))
}

fn send_all(socket: &UdpSocket, remote: SocketAddr, ledger: &mut Ledger) -> io::Result<()> {
    for length in lengths() {
        let sent = sys::send_to(socket, &vec![b'x'; length], 0, remote)?;
        ledger.sent(Protocol::Udp, Some(remote), sent);
    }
    Ok(())
}

/// Datagrams put together of many calls, each of which returns its own count.
fn send_corked(socket: &UdpSocket, remote: SocketAddr, ledger: &mut Ledger) -> io::Result<()> {
    for _ in 0..20 {
        for flags in [libc::MSG_MORE, libc::MSG_MORE, libc::MSG_MORE, 0] {
            let sent = sys::send_to(socket, &[b'x'; 321], flags, remote)?;
            ledger.sent(Protocol::Udp, Some(remote), sent);
        }
    }
    sys::send_to(socket, &[], 0, remote).map(drop)
}

fn receive_all(socket: &UdpSocket, ledger: &mut Ledger, room: usize) -> io::Result<()> {
    let mut buffer = vec![0; room];
    loop {
        let (received, remote) = sys::receive_from(socket, &mut buffer, 0)?;
        if received == 0 {
            return Ok(());
        }
        ledger.received(Protocol::Udp, Some(remote), received);
    }
}

fn peek(socket: &UdpSocket, ledger: &mut Ledger) -> io::Result<()> {
    let mut buffer = [0; 2000];
    loop {
        sys::receive_from(socket, &mut buffer, libc::MSG_PEEK)?;
        let (received, remote) = sys::receive_from(socket, &mut buffer, 0)?;
        if received == 0 {
            return Ok(());
        }
        ledger.received(Protocol::Udp, Some(remote), received);
    }
}

/// To `0.0.0.0` means to this machine, by its loopback address.
fn send_to_any_address(name: &str, _elsewhere: &Place) -> io::Result<()> {
    let (receiver, address) = datagrams::receiver(&Place::default(), Family::V4)?;
    let sender = datagrams::sender(Family::V4)?;
    let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
    process::pair(
        name,
        |ledger| receive_all(&receiver, ledger, 2000),
        |ledger| {
            for length in lengths() {
                let sent = sys::send_to(&sender, &vec![b'x'; length], 0, any)?;
                ledger.sent(Protocol::Udp, Some(address), sent);
            }
            Ok(())
        },
    )
}

/// Payload that an ICMP error quotes as a whole.
const RETURNED: usize = 400;

/// Datagrams to a closed port come back in the error queue; reading them there receives nothing.
fn read_error_queue(name: &str, place: &Place) -> io::Result<()> {
    let (closed, address) = datagrams::receiver(place, Family::V4)?;
    drop(closed);
    let socket = datagrams::sender(Family::V4)?;
    process::fork(&format!("c-{name}"), |ledger| {
        sys::set_option(&socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?;
        socket.connect(address)?;
        let mut read = 0;
        for _ in 0..5 {
            let sent = sys::send(&socket, &[b'x'; RETURNED], 0)?;
            ledger.sent(Protocol::Udp, Some(address), sent);
            let pending = sys::receive(&socket, &mut [0; 2000], 0);
            assert!(pending.is_err(), "nobody is there to answer");
            read += sys::receive_message(&socket, &mut [0; 2000], libc::MSG_ERRQUEUE)?;
        }
        assert_eq!(
            read,
            5 * RETURNED,
            "the error queue gave the datagrams back"
        );
        Ok(())
    })?
    .wait()
}

/// Two processes send on one socket, two receive on the other.
fn shared_by_two_processes(_name: &'static str, place: &Place) -> io::Result<()> {
    let (receiver, address) = datagrams::receiver(place, Family::V4)?;
    let sender = datagrams::sender(Family::V4)?;
    let receivers = ["s-udp-shared", "s-udp-shared2"]
        .map(|name| process::fork(name, |ledger| receive_all(&receiver, ledger, 2000)));
    for name in ["c-udp-shared", "c-udp-shared2"] {
        // One after the other: each ends one receiver with its last, empty datagram.
        process::fork(name, |ledger| send_all(&sender, address, ledger))?.wait()?;
    }
    for receiver in receivers {
        receiver?.wait()?;
    }
    Ok(())
}
