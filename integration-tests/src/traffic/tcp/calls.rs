//! One row for each system call that moves bytes over TCP, and is not `send` or `recv`.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;

use super::{PAYLOAD, Side, Stream, one_way, read, send};
use crate::traffic::place::Place;
use crate::traffic::sys::vectors::{
    read_vector, receive_messages, receive_vector, send_messages, send_vector, write_vector,
};
use crate::traffic::{Case, mapped, sys};

/// One row for each call.
pub const CASES: &[Case] = &[
    Case::new("tcp-write", "write", |name, place| {
        client(name, place, |stream| {
            stream.send_by(PAYLOAD, 1448, sys::write)
        })
    }),
    Case::new("tcp-writev", "writev", |name, place| {
        client(name, place, |stream| {
            stream.send_by(PAYLOAD, 3000, |socket, bytes| {
                write_vector(socket, &thirds(bytes))
            })
        })
    }),
    Case::new("tcp-sendmsg", "sendmsg", |name, place| {
        client(name, place, |stream| {
            stream.send_by(PAYLOAD, 3000, |socket, bytes| {
                send_vector(socket, &thirds(bytes), 0)
            })
        })
    }),
    Case::new("tcp-sendmmsg", "sendmmsg", |name, place| {
        client(name, place, |stream| {
            stream.send_by(PAYLOAD, 3000, |socket, bytes| {
                Ok(send_messages(socket, &thirds(bytes), 0)?.into_iter().sum())
            })
        })
    }),
    Case::new("tcp-read", "read", |name, place| {
        server(name, place, |stream| {
            // As `File`, the standard library calls `read`, which has no flags.
            let file = File::from(OwnedFd::from(stream.stream.try_clone()?));
            receive(stream, |_socket, buffer| io::Read::read(&mut &file, buffer))
        })
    }),
    Case::new("tcp-readv", "readv", |name, place| {
        server(name, place, |stream| {
            receive(stream, |socket, buffer| {
                read_vector(socket, &mut thirds_mut(buffer))
            })
        })
    }),
    Case::new("tcp-recvmsg", "recvmsg", |name, place| {
        server(name, place, |stream| {
            receive(stream, |socket, buffer| {
                receive_vector(socket, &mut thirds_mut(buffer), 0)
            })
        })
    }),
    Case::new("tcp-recvmmsg", "recvmmsg", |name, place| {
        server(name, place, |stream| {
            receive(stream, |socket, buffer| {
                let mut messages = thirds_mut(buffer);
                let come = receive_messages(socket, &mut messages, libc::MSG_WAITFORONE)?;
                Ok(come.into_iter().sum())
            })
        })
    }),
    Case::new("tcp-zc-recv", "TCP_ZEROCOPY_RECEIVE", |name, place| {
        one_way(
            name,
            place,
            |stream| mapped::send(stream, MAPPED),
            |stream| mapped::receive(stream, MAPPED),
        )
    }),
];

/// Payload of the case that maps pages.
const MAPPED: usize = 1 << 20;

fn client(name: &str, place: &Place, client: Side) -> io::Result<()> {
    one_way(name, place, client, read)
}

fn server(name: &str, place: &Place, server: Side) -> io::Result<()> {
    one_way(name, place, send, server)
}

fn receive(
    stream: &mut Stream<'_>,
    call: impl FnMut(&std::net::TcpStream, &mut [u8]) -> io::Result<usize>,
) -> io::Result<()> {
    stream.receive_by(usize::MAX, 4096, call).map(drop)
}

/// Three pieces, of odd lengths, the last of which may be empty.
fn thirds(bytes: &[u8]) -> [IoSlice<'_>; 3] {
    let (first, rest) = bytes.split_at(bytes.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 3);
    [first, second, third].map(IoSlice::new)
}

fn thirds_mut(bytes: &mut [u8]) -> [IoSliceMut<'_>; 3] {
    let (first, rest) = bytes.split_at_mut(bytes.len() / 3);
    let (second, third) = rest.split_at_mut(rest.len() / 3);
    [first, second, third].map(IoSliceMut::new)
}
