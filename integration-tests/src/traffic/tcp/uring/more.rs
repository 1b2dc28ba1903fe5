//! Operations that are not a plain call: messages, splicing, and one that receives again and again.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;

use io_uring::types::Fd;
use io_uring::{IoUring, cqueue, opcode};

use super::{HERE, Ring, SOCKET, length, returned};
use crate::traffic::sys::vectors::header;
use crate::traffic::tcp::pipes::drain;
use crate::traffic::tcp::{PAYLOAD, Stream};
use crate::traffic::{Ledger, sys};

/// With `IORING_OP_SENDMSG`.
pub(super) fn send_messages(stream: &mut Stream<'_>) -> io::Result<()> {
    let mut ring = Ring::new(&stream.stream, HERE)?;
    stream.send_by(PAYLOAD, 3000, |_socket, bytes| {
        let (first, second) = bytes.split_at(bytes.len() / 3);
        let mut pieces = [IoSlice::new(first), IoSlice::new(second)];
        let message = header(pieces.as_mut_ptr().cast(), pieces.len());
        // SAFETY: the message and its pieces are there until the call is over.
        unsafe { ring.call(opcode::SendMsg::new(SOCKET, &raw const message).build()) }
    })
}

/// With `IORING_OP_RECVMSG`.
pub(super) fn receive_messages(stream: &mut Stream<'_>) -> io::Result<()> {
    let mut ring = Ring::new(&stream.stream, HERE)?;
    let come = stream.receive_by(usize::MAX, 4096, |_socket, buffer| {
        let (first, second) = buffer.split_at_mut(buffer.len() / 3);
        let mut pieces = [IoSliceMut::new(first), IoSliceMut::new(second)];
        let mut message = header(pieces.as_mut_ptr().cast(), pieces.len());
        // SAFETY: the message and its pieces are there until the call is over.
        unsafe { ring.call(opcode::RecvMsg::new(SOCKET, &raw mut message).build()) }
    });
    come.map(drop)
}

/// With `IORING_OP_SPLICE`, which the kernel leaves to a worker thread.
pub(super) fn splice_in(stream: &mut Stream<'_>) -> io::Result<()> {
    let (reader, writer) = sys::pipe()?;
    let mut ring = Ring::new(&stream.stream, HERE)?;
    let come = stream.receive_by(usize::MAX, 65_536, |_socket, buffer| {
        let to = Fd(writer.as_raw_fd());
        let splice = opcode::Splice::new(SOCKET, -1, to, -1, length(buffer)).build();
        // SAFETY: the entry names no memory.
        let come = unsafe { ring.call(splice) }?;
        drain(&reader, come)?;
        Ok(come)
    });
    come.map(drop)
}

/// With one `IORING_OP_RECV` that the kernel repeats, into buffers of its choice.
pub(super) fn receive_repeatedly(stream: &mut Stream<'_>) -> io::Result<()> {
    /// More than there are bytes, divided by what a packet has.
    const BUFFERS: u16 = 256;
    const EACH: i32 = 1000;
    const GROUP: u16 = 1;
    let ring = IoUring::builder().setup_cqsize(1024).build(8)?;
    let mut ring = Ring::of(ring, &stream.stream, HERE)?;
    let mut buffers = vec![0; usize::from(BUFFERS) * EACH as usize];
    let start = buffers.as_mut_ptr();
    let provide = opcode::ProvideBuffers::new(start, EACH, BUFFERS, GROUP, 0).build();
    // SAFETY: `buffers` outlives the ring's last completion, which is read below.
    unsafe { ring.call(provide) }?;
    // SAFETY: as above.
    unsafe { ring.start(opcode::RecvMulti::new(SOCKET, GROUP).build()) }?;
    loop {
        let completion = ring.wait()?;
        let come = returned(&completion)?;
        stream.received(come);
        if !cqueue::more(completion.flags()) {
            // It ends with the connection, or as it has no buffer left, which is an error.
            return Ok(());
        }
    }
}

/// Receives repeatedly from a connection that has ended.
pub(super) fn try_multishot() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    drop(TcpStream::connect(listener.local_addr()?)?);
    let mut ledger = Ledger::default();
    receive_repeatedly(&mut Stream::accept(&listener, &mut ledger)?)
}
