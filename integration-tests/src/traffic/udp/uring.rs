//! Calls that are put into a ring, with addresses, which hooks see on the thread that makes the
//! call.

use std::io;

use io_uring::opcode;

use crate::traffic::Case;
use crate::traffic::datagrams::{Side, Wiring, one_way};
use crate::traffic::ledger::Protocol;
use crate::traffic::place::{Family, Place};
use crate::traffic::sys::{self, Room};
use crate::traffic::tcp::uring::{
    HERE, POLLER, Ring, SOCKET, WORKER, Where, polled_rings, rings, zero_copy,
};

/// One row for each operation, and for each place where the kernel carries it out.
pub const CASES: &[Case] = &[
    Case::new(
        "udp-uring",
        "io_uring send, recv, connected",
        |name, place| run(name, place, Wiring::Connected, send, receive),
    )
    .needing(rings),
    Case::new(
        "udp-uring-msg",
        "io_uring sendmsg, recvmsg, unconnected",
        |name, place| {
            run(
                name,
                place,
                Wiring::Unconnected,
                |side| send_message(side, HERE),
                |side| receive_message(side, HERE),
            )
        },
    )
    .needing(rings),
    Case::new(
        "udp-uring-sq",
        "io_uring sendmsg, recvmsg, unconnected, SQPOLL",
        |name, place| {
            run(
                name,
                place,
                Wiring::Unconnected,
                |side| send_message(side, POLLER),
                |side| receive_message(side, POLLER),
            )
        },
    )
    .needing(polled_rings),
    Case::new(
        "udp-uring-wrk",
        "io_uring sendmsg, recvmsg, unconnected, worker threads",
        |name, place| {
            run(
                name,
                place,
                Wiring::Unconnected,
                |side| send_message(side, WORKER),
                |side| receive_message(side, WORKER),
            )
        },
    )
    .needing(rings),
    Case::new(
        "udp-uring-zc",
        "io_uring SEND_ZC, connected",
        |name, place| run(name, place, Wiring::Connected, send_zero_copy, receive),
    )
    .needing(zero_copy),
];

type Act = fn(&mut Side<'_>) -> io::Result<()>;

fn run(name: &str, place: &Place, wiring: Wiring, send: Act, receive: Act) -> io::Result<()> {
    one_way(
        name,
        place,
        (Protocol::Udp, Family::V4, wiring),
        send,
        receive,
    )
}

fn length(bytes: &[u8]) -> u32 {
    bytes.len().try_into().expect("a datagram")
}

fn send(side: &mut Side<'_>) -> io::Result<()> {
    let mut ring = Ring::new(side.socket, HERE)?;
    side.send_by(|_side, bytes| {
        let entry = opcode::Send::new(SOCKET, bytes.as_ptr(), length(bytes)).build();
        // SAFETY: the entry names `bytes`, which are there until the call is over.
        unsafe { ring.call(entry) }
    })
}

fn send_zero_copy(side: &mut Side<'_>) -> io::Result<()> {
    let mut ring = Ring::new(side.socket, HERE)?;
    side.send_by(|_side, bytes| {
        let entry = opcode::SendZc::new(SOCKET, bytes.as_ptr(), length(bytes)).build();
        // SAFETY: as above.
        unsafe { ring.call(entry) }
    })
}

fn receive(side: &mut Side<'_>) -> io::Result<()> {
    let mut ring = Ring::new(side.socket, HERE)?;
    side.receive_by(2000, |_side, buffer| {
        let entry = opcode::Recv::new(SOCKET, buffer.as_mut_ptr(), length(buffer)).build();
        // SAFETY: the entry names `buffer`, which is there until the call is over.
        unsafe { ring.call(entry) }
    })
}

fn send_message(side: &mut Side<'_>, by: Where) -> io::Result<()> {
    let mut ring = Ring::new(side.socket, by)?;
    side.send_by(|side, bytes| {
        sys::with_outgoing(bytes, side.destination(), None, |header| {
            let entry = opcode::SendMsg::new(SOCKET, header).build();
            // SAFETY: the header and what it points to are there until the call is over.
            unsafe { ring.call(entry) }
        })
    })
}

fn receive_message(side: &mut Side<'_>, by: Where) -> io::Result<()> {
    let mut ring = Ring::new(side.socket, by)?;
    side.receive_by(2000, |side, buffer| {
        let (received, sender) = sys::with_incoming(buffer, Room::ForAddress, |header| {
            let entry = opcode::RecvMsg::new(SOCKET, header).build();
            // SAFETY: as above.
            unsafe { ring.call(entry) }
        })?;
        assert_eq!(sender, Some(side.remote));
        Ok(received)
    })
}
