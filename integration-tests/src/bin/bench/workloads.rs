//! What is measured: the same seven loops, on sockets of loopback, as in the experiment that chose
//! the design of the probes; and starting programs, of each of which is recorded who it is when it
//! moves its first bytes.

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nettally_integration_tests::harness::programs::speck;
use nettally_integration_tests::traffic::sys;

/// One loop.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// Ratio that the hash-only design had in that experiment, if it was in it.
    pub(crate) p9: Option<f64>,
    /// Runs for that long; nanoseconds of one operation.
    pub(crate) run: fn(Duration) -> io::Result<f64>,
}

const fn row(name: &'static str, p9: f64, run: fn(Duration) -> io::Result<f64>) -> Workload {
    let p9 = Some(p9);
    Workload { name, p9, run }
}

const fn later(name: &'static str, run: fn(Duration) -> io::Result<f64>) -> Workload {
    let p9 = None;
    Workload { name, p9, run }
}

pub(crate) const WORKLOADS: &[Workload] = &[
    row("TCP ping-pong 64 B, 1 CPU, 4 calls", 1.15, tcp_ping_pong),
    row("UDP send 64 B connected", 1.13, udp_connected),
    row("UDP sendto 64 B unconnected", 1.23, udp_unconnected),
    row("UDP request/response, 4 calls", 1.20, udp_ping_pong),
    row("TCP bulk 1 KiB writes", 1.06, |slice| {
        tcp_bulk(slice, 1 << 10)
    }),
    row("TCP bulk 64 KiB writes", 1.03, |slice| {
        tcp_bulk(slice, 1 << 16)
    }),
    row("TCP connect+accept+64 B+close", 1.13, tcp_connections),
    later("fork+exec+exit, no network", |slice| programs(slice, &[])),
    later("fork+exec+one datagram+exit", |slice| {
        programs(slice, &["udp:64"])
    }),
];

const MESSAGE: [u8; 64] = [b'x'; 64];

/// Calls `operation` until the time is over; nanoseconds of one call. The clock is read once for
/// several operations.
fn timed(slice: Duration, mut operation: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    const BATCH: u32 = 16;
    let start = Instant::now();
    let mut operations = 0;
    loop {
        for _ in 0..BATCH {
            operation()?;
        }
        operations += BATCH;
        let elapsed = start.elapsed();
        if elapsed >= slice {
            return Ok(elapsed.as_secs_f64() * 1e9 / f64::from(operations));
        }
    }
}

fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

fn tcp_ping_pong(slice: Duration) -> io::Result<f64> {
    let (client, server) = tcp_pair()?;
    beside(
        move || {
            pin_to_one_processor()?;
            let mut buffer = MESSAGE;
            while sys::receive(&server, &mut buffer, 0)? > 0 {
                sys::send(&server, &MESSAGE, 0)?;
            }
            Ok(())
        },
        move || {
            pin_to_one_processor()?;
            let mut buffer = MESSAGE;
            timed(slice, || {
                sys::send(&client, &MESSAGE, 0)?;
                sys::receive(&client, &mut buffer, 0).map(drop)
            })
        },
    )
}

/// Runs one side in a thread of its own and the measuring one in another, so that pinning a thread
/// ends with it.
fn beside(
    other: impl FnOnce() -> io::Result<()> + Send,
    measured: impl FnOnce() -> io::Result<f64> + Send,
) -> io::Result<f64> {
    thread::scope(|scope| {
        let other = scope.spawn(other);
        let measured = scope.spawn(measured).join().expect("it does not panic");
        other.join().expect("it does not panic")?;
        measured
    })
}

/// Nobody reads: the receive buffer is full, and datagrams end there.
fn udp_sink() -> io::Result<(UdpSocket, SocketAddr)> {
    let sink = UdpSocket::bind("127.0.0.1:0")?;
    let address = sink.local_addr()?;
    Ok((sink, address))
}

fn udp_connected(slice: Duration) -> io::Result<f64> {
    let (_sink, address) = udp_sink()?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(address)?;
    timed(slice, || sys::send(&socket, &MESSAGE, 0).map(drop))
}

fn udp_unconnected(slice: Duration) -> io::Result<f64> {
    let (_sink, address) = udp_sink()?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    timed(slice, || {
        sys::send_to(&socket, &MESSAGE, 0, address).map(drop)
    })
}

fn udp_ping_pong(slice: Duration) -> io::Result<f64> {
    let (server, address) = udp_sink()?;
    let client = UdpSocket::bind("127.0.0.1:0")?;
    beside(
        move || {
            pin_to_one_processor()?;
            let mut buffer = MESSAGE;
            loop {
                let (received, remote) = sys::receive_from(&server, &mut buffer, 0)?;
                if received == 0 {
                    return Ok(());
                }
                sys::send_to(&server, &MESSAGE, 0, remote)?;
            }
        },
        move || {
            pin_to_one_processor()?;
            let mut buffer = MESSAGE;
            let nanoseconds = timed(slice, || {
                sys::send_to(&client, &MESSAGE, 0, address)?;
                sys::receive_from(&client, &mut buffer, 0).map(drop)
            })?;
            sys::send_to(&client, &[], 0, address)?;
            Ok(nanoseconds)
        },
    )
}

fn tcp_bulk(slice: Duration, piece: usize) -> io::Result<f64> {
    let (client, mut server) = tcp_pair()?;
    let bytes = vec![b'x'; piece];
    beside(
        move || {
            let mut buffer = vec![0; 1 << 16];
            while server.read(&mut buffer)? > 0 {}
            Ok(())
        },
        move || {
            timed(slice, || {
                let mut left = piece;
                while left > 0 {
                    left -= sys::send(&client, &bytes[..left], 0)?;
                }
                Ok(())
            })
        },
    )
}

fn tcp_connections(slice: Duration) -> io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut buffer = MESSAGE;
    timed(slice, || {
        let client = TcpStream::connect(address)?;
        let (server, _) = listener.accept()?;
        sys::send(&client, &MESSAGE, 0)?;
        sys::receive(&server, &mut buffer, 0)?;
        // A reset leaves no port behind that would run out.
        sys::set_linger_zero(&client)
    })
}

/// Starts a small program again and again and waits for its end.
fn programs(slice: Duration, steps: &[&str]) -> io::Result<f64> {
    let program = speck();
    timed(slice, || {
        let status = Command::new(&program).args(steps).status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(status.to_string()))
        }
    })
}

/// Pins the calling thread.
fn pin_to_one_processor() -> io::Result<()> {
    sys::pin_to_processor(0)
}
