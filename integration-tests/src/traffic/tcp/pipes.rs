//! Bytes that come from a file or pipe and go to one, without passing through the process.

use std::fs::File;
use std::io::{self, Seek as _};
use std::os::fd::AsRawFd;

use super::{PAYLOAD, Stream, one_way, read, send};
use crate::traffic::sys::vectors::splice_memory;
use crate::traffic::{Case, sys};

/// One row for each call.
pub const CASES: &[Case] = &[
    Case::new("tcp-sendfile", "sendfile", |name, place| {
        one_way(name, place, send_file, read)
    }),
    Case::new("tcp-spl-out", "splice out", |name, place| {
        one_way(name, place, splice_out, read)
    }),
    Case::new(
        "tcp-vmsplice",
        "vmsplice, then splice out",
        |name, place| one_way(name, place, splice_memory_out, read),
    ),
    Case::new("tcp-spl-in", "splice in", |name, place| {
        one_way(name, place, send, splice_in)
    }),
];

impl Stream<'_> {
    /// Splices until `total` bytes or the end have come into `/dev/null`; says how many came.
    ///
    /// # Errors
    /// The kernel's.
    pub fn splice_in(&mut self, total: usize) -> io::Result<usize> {
        let (reader, writer) = sys::pipe()?;
        self.receive_by(total, 65_536, |socket, buffer| {
            let received = sys::splice(socket, &writer, buffer.len())?;
            drain(&reader, received)?;
            Ok(received)
        })
    }
}

/// Empties a pipe that has `length` bytes into `/dev/null`.
pub(super) fn drain(reader: &impl AsRawFd, length: usize) -> io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    let mut left = length;
    while left > 0 {
        left -= sys::splice(reader, &nowhere, left)?;
    }
    Ok(())
}

/// Splices everything.
pub(super) fn splice_in(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.splice_in(usize::MAX).map(drop)
}

fn splice_out(stream: &mut Stream<'_>) -> io::Result<()> {
    let (reader, writer) = sys::pipe()?;
    let mut left = PAYLOAD;
    while left > 0 {
        let piped = sys::write(&writer, &vec![b'x'; left.min(4096)])?;
        empty_into(&reader, stream, piped)?;
        left -= piped;
    }
    Ok(())
}

fn splice_memory_out(stream: &mut Stream<'_>) -> io::Result<()> {
    let (reader, writer) = sys::pipe()?;
    let bytes = vec![b'x'; PAYLOAD];
    let mut left = bytes.as_slice();
    while !left.is_empty() {
        let piped = splice_memory(&writer, &left[..left.len().min(9000)])?;
        empty_into(&reader, stream, piped)?;
        left = &left[piped..];
    }
    // The kernel sends from our memory, which must stay until the other end has it all.
    stream.stream.shutdown(std::net::Shutdown::Write)?;
    stream.read(usize::MAX, 100, 0).map(drop)
}

fn empty_into(reader: &impl AsRawFd, stream: &mut Stream<'_>, length: usize) -> io::Result<()> {
    stream.send_by(length, length, |socket, bytes| {
        sys::splice(reader, socket, bytes.len())
    })
}

/// Sends a file, in several calls.
pub(super) fn send_file(stream: &mut Stream<'_>) -> io::Result<()> {
    let mut file = tempfile::tempfile()?;
    sys::write(&file, &vec![b'x'; PAYLOAD])?;
    file.rewind()?;
    stream.send_by(PAYLOAD, 9000, |socket, bytes| {
        sys::send_file(socket, &file, bytes.len())
    })
}
