//! Many kinds of traffic at once, with sockets coming and going, while maps are drained.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use super::ledger::{Ledger, Protocol};
use super::place::{Family, Place, client_socket};
use super::process::{self, Child};
use super::sys;
use super::tcp::Stream;

/// Runs all kinds for `length`.
///
/// # Errors
/// A process failed.
pub fn run(length: Duration, place: &Place) -> io::Result<()> {
    let until = Instant::now() + length;
    let mut children = Vec::new();
    for family in [Family::V4, Family::V6] {
        children.extend(long(until, place, family)?);
        children.extend(short(until, place, family)?);
        children.extend(datagrams(until, place, family)?);
    }
    children.extend(shared(until, place)?);
    children.into_iter().try_for_each(Child::wait)
}

fn long(until: Instant, place: &Place, family: Family) -> io::Result<Vec<Child>> {
    let (listener, address) = place.listen(family)?;
    let (splicing, splicing_address) = place.listen(family)?;
    let (peeking, peeking_address) = place.listen(family)?;
    Ok(vec![
        process::fork("churn-echo-s", |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            loop {
                let come = stream.read(64, 64, 0)?;
                if come == 0 {
                    return Ok(());
                }
                stream.send(come, 64, 0)?;
            }
        })?,
        process::fork("churn-echo-c", |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            while Instant::now() < until {
                stream.send(64, 64, 0)?;
                stream.read(64, 64, 0)?;
            }
            Ok(())
        })?,
        process::fork("churn-splice-s", |ledger| {
            Stream::accept(&splicing, ledger)?
                .splice_in(usize::MAX)
                .map(drop)
        })?,
        process::fork("churn-splice-c", |ledger| {
            bulk(until, splicing_address, ledger)
        })?,
        process::fork("churn-peek-s", |ledger| {
            let mut stream = Stream::accept(&peeking, ledger)?;
            let mut buffer = [0; 4096];
            loop {
                let seen = sys::receive(&stream.stream, &mut buffer, libc::MSG_PEEK)?;
                if seen == 0 {
                    return Ok(());
                }
                stream.read(seen, seen, 0)?;
            }
        })?,
        process::fork("churn-peek-c", |ledger| {
            bulk(until, peeking_address, ledger)
        })?,
    ])
}

fn bulk(until: Instant, address: SocketAddr, ledger: &mut Ledger) -> io::Result<()> {
    let mut stream = Stream::connect(address, ledger)?;
    while Instant::now() < until {
        stream.send(10_000, 1448, 0)?;
    }
    Ok(())
}

/// Sockets that live for one message; a connection without a byte is the last.
fn short(until: Instant, place: &Place, family: Family) -> io::Result<Vec<Child>> {
    let (listener, address) = place.listen(family)?;
    let (receiver, udp) = place.bind(family)?;
    Ok(vec![
        process::fork("churn-short-s", |ledger| {
            while Stream::accept(&listener, ledger)?.read(usize::MAX, 200, 0)? > 0 {}
            Ok(())
        })?,
        process::fork("churn-short-c", |ledger| {
            while Instant::now() < until {
                let mut stream = Stream::connect(address, ledger)?;
                stream.send(100, 100, 0)?;
                // The side that closes first keeps the port for a minute: let it be the reader.
                stream.stream.shutdown(Shutdown::Write)?;
                stream.read(1, 1, 0)?;
            }
            Stream::connect(address, ledger).map(drop)
        })?,
        process::fork("churn-brief-s", |ledger| {
            receive_until(until, &receiver, ledger)
        })?,
        process::fork("churn-brief-c", |ledger| {
            while Instant::now() < until {
                let socket = client_socket(family)?;
                let sent = sys::send_to(&socket, &[b'x'; 300], 0, udp)?;
                ledger.sent(Protocol::Udp, Some(udp), sent);
            }
            Ok(())
        })?,
    ])
}

/// Long-lived UDP sockets, connected and not.
fn datagrams(until: Instant, place: &Place, family: Family) -> io::Result<Vec<Child>> {
    let (receiver, address) = place.bind(family)?;
    let other = receiver.try_clone()?;
    Ok(vec![
        process::fork("churn-udp-s", |ledger| {
            receive_until(until, &receiver, ledger)
        })?,
        process::fork("churn-udp-s2", |ledger| {
            receive_until(until, &other, ledger)
        })?,
        process::fork("churn-udp-con", |ledger| {
            let socket = client_socket(family)?;
            socket.connect(address)?;
            while Instant::now() < until {
                let sent = sys::send(&socket, &[b'x'; 500], 0)?;
                ledger.sent(Protocol::Udp, Some(address), sent);
            }
            Ok(())
        })?,
        process::fork("churn-udp-unc", |ledger| {
            let socket = client_socket(family)?;
            while Instant::now() < until {
                let sent = sys::send_to(&socket, &[b'x'; 700], 0, address)?;
                ledger.sent(Protocol::Udp, Some(address), sent);
            }
            Ok(())
        })?,
    ])
}

fn receive_until(until: Instant, socket: &UdpSocket, ledger: &mut Ledger) -> io::Result<()> {
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut buffer = [0; 2000];
    loop {
        match sys::receive_from(socket, &mut buffer, 0) {
            Ok((received, remote)) => ledger.received(Protocol::Udp, Some(remote), received),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if Instant::now() > until {
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Two processes send on one connection at the same time, two read from the other end.
fn shared(until: Instant, place: &Place) -> io::Result<Vec<Child>> {
    let (listener, address): (TcpListener, SocketAddr) = place.listen(Family::V4)?;
    let client = std::net::TcpStream::connect(address)?;
    let (server, remote) = listener.accept()?;
    let mut children = Vec::new();
    for (sender, reader) in [
        ("churn-shared-c", "churn-shared-s"),
        ("churn-shared-c2", "churn-shared-s2"),
    ] {
        children.push(process::fork(reader, |ledger| {
            let mut stream = Stream {
                stream: server.try_clone()?,
                remote,
                ledger,
            };
            stream.read(usize::MAX, 1000, 0).map(drop)
        })?);
        children.push(process::fork(sender, |ledger| {
            let mut stream = Stream {
                stream: client.try_clone()?,
                remote: address,
                ledger,
            };
            while Instant::now() < until {
                match stream.send(1000, 1000, 0) {
                    // The other sender saw first that it is time.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                    result => result?,
                }
            }
            stream.stream.shutdown(Shutdown::Write)
        })?);
    }
    Ok(children)
}
