//! Nothing is lost or doubled while programs write and we drain: millions of calls on every
//! processor, drains without a pause, sums equal to the byte.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::*;
use crate::config::ProcessNetworkConfig;

/// Send and receive calls that are made at least.
const CALLS: u64 = 10_000_000;

/// Drains that are made at least, each with all writers at work.
const DRAINS: u64 = 2000;

const PAYLOAD: usize = 64;

/// Calls between two looks at whether there have been enough. Over TCP, messages until they are read,
/// so that one thread can be both ends.
const BURST: u64 = 16;

/// What one writer's calls returned, or what was drained of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    calls: u64,
    sent_bytes: i64,
    received_bytes: i64,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
    }

    fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.calls.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.sent_bytes.to_ne_bytes());
        bytes[16..].copy_from_slice(&self.received_bytes.to_ne_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; 24]) -> Self {
        let word = |index: usize| bytes[index * 8..][..8].try_into().unwrap();
        Self {
            calls: u64::from_ne_bytes(word(0)),
            sent_bytes: i64::from_ne_bytes(word(1)),
            received_bytes: i64::from_ne_bytes(word(2)),
        }
    }
}

/// Memory that all processes see.
#[derive(Debug, Default)]
struct Shared {
    calls: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    /// Never unmapped.
    fn map() -> &'static Self {
        // SAFETY: asks for new memory, which is zero and so a valid value, and aligned to a page.
        unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                size_of::<Self>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert!(
                memory != libc::MAP_FAILED,
                "{}",
                std::io::Error::last_os_error()
            );
            &*memory.cast::<Self>()
        }
    }

    /// Adds the calls of one burst, until there are enough.
    fn goes_on(&self, calls: u64) -> bool {
        self.calls.fetch_add(calls, Ordering::Relaxed);
        !self.stop.load(Ordering::Relaxed)
    }
}

/// A process that has been started to write.
struct Writer {
    pid: libc::pid_t,
    result: std::io::PipeReader,
}

impl Writer {
    fn start(work: impl FnOnce() -> Sums) -> Self {
        let (result, mut answer) = std::io::pipe().unwrap();
        // SAFETY: the child runs `work`, which uses memory and system calls of its own, and leaves by
        // `_exit`; glibc keeps its allocator usable after a fork.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "{}", std::io::Error::last_os_error());
        if pid == 0 {
            // SAFETY: no memory is involved. Ends it with the test's thread, whatever happens.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                answer.write_all(&work().to_bytes()).unwrap();
            }));
            // SAFETY: does not return; nothing of the parent's is run.
            unsafe { libc::_exit(told.is_err().into()) };
        }
        Self { pid, result }
    }

    /// Whether it has ended, without waiting.
    fn has_ended(&self) -> bool {
        let mut status = 0;
        // SAFETY: the pointer is valid; the child is ours.
        let ended = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
        assert!(ended == 0 || status == 0, "a writer failed: {status}");
        ended == self.pid
    }

    fn sums(mut self) -> (u32, Sums) {
        let mut bytes = [0; 24];
        self.result.read_exact(&mut bytes).unwrap();
        (self.pid.cast_unsigned(), Sums::from_bytes(bytes))
    }
}

fn run_on(processor: usize) {
    // SAFETY: all zero is an empty set; the set outlives the call.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

fn processors() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

/// One socket and so one row, which threads on every processor add to at a time.
fn one_row_from_every_processor(shared: &'static Shared) -> Sums {
    let nobody_reads = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(nobody_reads.local_addr().unwrap()).unwrap();
    let socket = Arc::new(socket);
    let threads: Vec<_> = (0..processors())
        .map(|processor| {
            let socket = Arc::clone(&socket);
            std::thread::spawn(move || {
                run_on(processor);
                send_over_udp(&[&socket], shared)
            })
        })
        .collect();
    let mut sums = Sums::default();
    for thread in threads {
        sums.add(thread.join().unwrap());
    }
    sums
}

/// Many sockets and so many rows, which are made anew after each drain.
fn many_rows(processor: usize, shared: &Shared) -> Sums {
    run_on(processor);
    let nobody_reads = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sockets: Vec<UdpSocket> = (0..200)
        .map(|_socket| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(nobody_reads.local_addr().unwrap()).unwrap();
            socket
        })
        .collect();
    send_over_udp(&sockets.iter().collect::<Vec<_>>(), shared)
}

fn send_over_udp(sockets: &[&UdpSocket], shared: &Shared) -> Sums {
    let mut sums = Sums::default();
    let mut sockets = sockets.iter().cycle();
    loop {
        for socket in sockets.by_ref().take(BURST as usize) {
            sums.sent_bytes += socket.send(&[b'x'; PAYLOAD]).unwrap() as i64;
            sums.calls += 1;
        }
        if !shared.goes_on(BURST) {
            return sums;
        }
    }
}

/// Both ends of a connection.
fn over_tcp(processor: usize, shared: &Shared) -> Sums {
    run_on(processor);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nodelay(true).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut sums = Sums::default();
    let mut buffer = [0; PAYLOAD];
    loop {
        for _message in 0..BURST {
            client.write_all(&[b'x'; PAYLOAD]).unwrap();
        }
        for _message in 0..BURST {
            server.read_exact(&mut buffer).unwrap();
        }
        let bytes = (BURST * PAYLOAD as u64).cast_signed();
        sums.add(Sums {
            calls: 2 * BURST,
            sent_bytes: bytes,
            received_bytes: bytes,
        });
        if !shared.goes_on(2 * BURST) {
            return sums;
        }
    }
}

#[test]
fn ten_million_calls_during_drains_are_exact() {
    let mut kernel = Kernel::load(&ProcessNetworkConfig::default()).unwrap();
    let shared = Shared::map();
    let mut running = vec![Writer::start(|| one_row_from_every_processor(shared))];
    for processor in 0..processors() {
        running.push(Writer::start(|| many_rows(processor, shared)));
        running.push(Writer::start(|| over_tcp(processor, shared)));
    }

    let mut drained = BTreeMap::<u32, Sums>::new();
    let mut ended = Vec::new();
    let (mut drains, mut rows, start) = (0_u64, 0, Instant::now());
    loop {
        let (gone, still): (Vec<_>, Vec<_>) = running.into_iter().partition(Writer::has_ended);
        ended.extend(gone);
        running = still;
        // What is drained after the last one has ended is all that is left.
        let is_last = running.is_empty();
        let Drained {
            flows,
            missing_sent_bytes,
            missing_received_bytes,
            ..
        } = kernel.drain().unwrap();
        assert_eq!((missing_sent_bytes, missing_received_bytes), (0, 0));
        drains += 1;
        let is_enough = drains >= DRAINS && shared.calls.load(Ordering::Relaxed) >= CALLS;
        shared.stop.store(is_enough, Ordering::Relaxed);
        rows += flows.len();
        for (key, counters) in flows {
            drained.entry(key.process.tgid).or_default().add(Sums {
                calls: 0,
                sent_bytes: counters.sent_bytes,
                received_bytes: counters.received_bytes,
            });
        }
        if is_last {
            break;
        }
    }

    let mut calls = 0;
    for (pid, truth) in ended.into_iter().map(Writer::sums) {
        calls += truth.calls;
        let found = drained.remove(&pid).unwrap_or_default();
        assert_eq!(found, Sums { calls: 0, ..truth }, "process {pid}");
    }
    println!(
        "{calls} calls, {drains} drains, {rows} rows in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    assert!(calls >= CALLS, "{calls} calls");
    let misses: u64 = kernel
        .programs()
        .iter()
        .map(|program| program.recursion_misses)
        .sum();
    assert_eq!(misses, 0, "{:?}", kernel.programs());
}
