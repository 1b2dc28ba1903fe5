//! Calls that are put into a ring for the kernel, which makes them when and where it likes.

mod more;

use std::io;
use std::os::fd::AsRawFd;

use io_uring::squeue::{Entry, Flags};
use io_uring::types::Fixed;
use io_uring::{IoUring, Probe, cqueue, opcode};

use super::{PAYLOAD, Stream, one_way, read, send};
use crate::traffic::needs::{Proof, lack};
use crate::traffic::{Case, Lack};

/// One row for each operation, and for each place where the kernel carries it out.
pub const CASES: &[Case] = &[
    Case::new("uring-send", "io_uring send", |name, place| {
        one_way(
            name,
            place,
            |stream| send_by(stream, HERE, send_entry),
            read,
        )
    })
    .needing(rings),
    Case::new("uring-write", "io_uring write", |name, place| {
        one_way(
            name,
            place,
            |stream| send_by(stream, HERE, write_entry),
            read,
        )
    })
    .needing(rings),
    Case::new("uring-recv", "io_uring recv", |name, place| {
        one_way(name, place, send, |stream| {
            receive_by(stream, HERE, receive_entry)
        })
    })
    .needing(rings),
    Case::new("uring-read", "io_uring read", |name, place| {
        one_way(name, place, send, |stream| {
            receive_by(stream, HERE, read_entry)
        })
    })
    .needing(rings),
    Case::new(
        "uring-sqpoll",
        "io_uring send and recv, SQPOLL",
        |name, place| {
            one_way(
                name,
                place,
                |stream| send_by(stream, POLLER, send_entry),
                |stream| receive_by(stream, POLLER, receive_entry),
            )
        },
    )
    .needing(polled_rings),
    Case::new(
        "uring-worker",
        "io_uring send and recv, worker threads",
        |name, place| {
            one_way(
                name,
                place,
                |stream| send_by(stream, WORKER, send_entry),
                |stream| receive_by(stream, WORKER, receive_entry),
            )
        },
    )
    .needing(rings),
    Case::new("uring-sendmsg", "io_uring sendmsg", |name, place| {
        one_way(name, place, more::send_messages, read)
    })
    .needing(rings),
    Case::new("uring-recvmsg", "io_uring recvmsg", |name, place| {
        one_way(name, place, send, more::receive_messages)
    })
    .needing(rings),
    Case::new("uring-spl-in", "io_uring splice in", |name, place| {
        one_way(name, place, send, more::splice_in)
    })
    .needing(rings),
    Case::new("uring-multi", "io_uring multishot recv", |name, place| {
        one_way(name, place, send, more::receive_repeatedly)
    })
    .needing(multishot),
    Case::new("uring-sendzc", "io_uring SEND_ZC", |name, place| {
        one_way(
            name,
            place,
            |stream| send_by(stream, HERE, zero_copy_entry),
            read,
        )
    })
    .needing(zero_copy),
];

/// Where calls are carried out.
#[derive(Clone, Copy)]
pub(in crate::traffic) struct Where {
    /// By a thread of the kernel that looks at the ring by itself.
    is_polled: bool,
    /// `ASYNC`: by a worker thread, without a first try in ours.
    flags: Flags,
}

pub(in crate::traffic) const HERE: Where = Where {
    is_polled: false,
    flags: Flags::empty(),
};
pub(in crate::traffic) const POLLER: Where = Where {
    is_polled: true,
    ..HERE
};
pub(in crate::traffic) const WORKER: Where = Where {
    flags: Flags::ASYNC,
    ..HERE
};

/// The socket, which is registered with the ring: before Linux 5.11, a polled ring takes no other.
pub(in crate::traffic) const SOCKET: Fixed = Fixed(0);

fn send_entry(bytes: &[u8]) -> Entry {
    opcode::Send::new(SOCKET, bytes.as_ptr(), length(bytes)).build()
}

fn write_entry(bytes: &[u8]) -> Entry {
    opcode::Write::new(SOCKET, bytes.as_ptr(), length(bytes)).build()
}

fn zero_copy_entry(bytes: &[u8]) -> Entry {
    opcode::SendZc::new(SOCKET, bytes.as_ptr(), length(bytes)).build()
}

fn receive_entry(buffer: &mut [u8]) -> Entry {
    opcode::Recv::new(SOCKET, buffer.as_mut_ptr(), length(buffer)).build()
}

fn read_entry(buffer: &mut [u8]) -> Entry {
    opcode::Read::new(SOCKET, buffer.as_mut_ptr(), length(buffer)).build()
}

fn length(bytes: &[u8]) -> u32 {
    bytes.len().try_into().expect("a small buffer")
}

fn send_by(stream: &mut Stream<'_>, by: Where, entry: fn(&[u8]) -> Entry) -> io::Result<()> {
    let mut ring = Ring::new(&stream.stream, by)?;
    stream.send_by(PAYLOAD, 1448, |_socket, bytes| {
        // SAFETY: the entry names `bytes`, which are there until the call is over.
        unsafe { ring.call(entry(bytes)) }
    })
}

fn receive_by(stream: &mut Stream<'_>, by: Where, entry: fn(&mut [u8]) -> Entry) -> io::Result<()> {
    let mut ring = Ring::new(&stream.stream, by)?;
    let come = stream.receive_by(usize::MAX, 4096, |_socket, buffer| {
        // SAFETY: the entry names `buffer`, which is there until the call is over.
        unsafe { ring.call(entry(buffer)) }
    });
    come.map(drop)
}

/// A ring for one call at a time.
pub(in crate::traffic) struct Ring {
    ring: IoUring,
    flags: Flags,
}

impl Ring {
    pub(in crate::traffic) fn new(socket: &impl AsRawFd, by: Where) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        if by.is_polled {
            builder.setup_sqpoll(1000);
        }
        Self::of(builder.build(8)?, socket, by)
    }

    fn of(ring: IoUring, socket: &impl AsRawFd, by: Where) -> io::Result<Self> {
        ring.submitter().register_files(&[socket.as_raw_fd()])?;
        let flags = by.flags;
        Ok(Self { ring, flags })
    }

    /// Lets the kernel begin.
    ///
    /// # Safety
    /// The memory that the entry names is valid until its last completion.
    unsafe fn start(&mut self, entry: Entry) -> io::Result<()> {
        let entry = entry.flags(self.flags);
        // SAFETY: the caller vouches for the memory.
        unsafe { self.ring.submission().push(&entry) }.map_err(io::Error::other)
    }

    fn wait(&mut self) -> io::Result<cqueue::Entry> {
        loop {
            if let Some(completion) = self.ring.completion().next() {
                return Ok(completion);
            }
            self.ring.submit_and_wait(1)?;
        }
    }

    /// Waits until the kernel no longer needs the memory, and returns what the call returned.
    ///
    /// # Safety
    /// The memory that the entry names is valid until this returns.
    pub(in crate::traffic) unsafe fn call(&mut self, entry: Entry) -> io::Result<usize> {
        // SAFETY: the caller vouches for the memory.
        unsafe { self.start(entry) }?;
        let first = self.wait()?;
        if cqueue::more(first.flags()) {
            // Of a call without a copy there are two: its result, and that it is over.
            self.wait()?;
        }
        returned(&first)
    }
}

fn returned(completion: &cqueue::Entry) -> io::Result<usize> {
    let result = completion.result();
    usize::try_from(result).map_err(|_negative| io::Error::from_raw_os_error(-result))
}

const PROOFS: [Proof; 3] = [
    Proof::Since(5, 6),
    Proof::Option("CONFIG_IO_URING"),
    Proof::Setting("/proc/sys/kernel/io_uring_disabled", "2"),
];

pub(in crate::traffic) fn rings() -> Result<(), Lack> {
    lack("io_uring", IoUring::new(8), &PROOFS)
}

pub(in crate::traffic) fn polled_rings() -> Result<(), Lack> {
    let tried: io::Result<IoUring> = IoUring::builder().setup_sqpoll(1000).build(8);
    lack("io_uring", tried, &PROOFS)
}

/// There is no way to ask: a kernel that does not know the flag refuses it.
fn multishot() -> Result<(), Lack> {
    rings()?;
    lack(
        "IORING_RECV_MULTISHOT",
        more::try_multishot(),
        &[Proof::Since(6, 0)],
    )
}

pub(in crate::traffic) fn zero_copy() -> Result<(), Lack> {
    rings()?;
    lack("IORING_OP_SEND_ZC", try_zero_copy(), &[Proof::Since(6, 0)])
}

fn try_zero_copy() -> io::Result<()> {
    let mut probe = Probe::new();
    IoUring::new(8)?.submitter().register_probe(&mut probe)?;
    if probe.is_supported(opcode::SendZc::CODE) {
        Ok(())
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}
