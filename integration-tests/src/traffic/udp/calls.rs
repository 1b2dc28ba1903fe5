//! Ways of moving bytes over UDP, by the calls that move them.

use std::io::{self, IoSlice, IoSliceMut};

use crate::traffic::Case;
use crate::traffic::datagrams::{Side, lengths};
use crate::traffic::sys::{self, Room};

/// One row for each way.
pub const CASES: &[Case] = &[
    row!(
        "udp-sendmsg",
        "sendmsg, recvmsg, unconnected",
        Unconnected,
        send_message,
        receive_message
    ),
    row!(
        "udp-con-smsg",
        "sendmsg, recvmsg, connected",
        Connected,
        send_message,
        message_without
    ),
    row!(
        "udp-sendmmsg",
        "sendmmsg, recvmmsg, unconnected",
        Unconnected,
        send_messages,
        receive_messages
    ),
    row!(
        "udp-con-smmsg",
        "sendmmsg, recvmmsg, connected",
        Connected,
        send_messages,
        messages_without
    ),
    row!(
        "udp-write",
        "write, read, connected",
        Connected,
        write,
        read
    ),
    row!(
        "udp-writev",
        "writev, readv, connected",
        Connected,
        write_parts,
        read_parts
    ),
    row!(
        "udp-noaddr",
        "recv without address, unconnected",
        Unconnected,
        send,
        receive
    )
    .without_remote_on_tracepoint(),
    row!(
        "udp-rmsg-no",
        "recvmsg without address, unconnected",
        Unconnected,
        send,
        message_without
    ),
    row!(
        "udp-rmmsg-no",
        "recvmmsg without address, unconnected",
        Unconnected,
        send,
        messages_without
    ),
];

pub(super) fn send(side: &mut Side<'_>) -> io::Result<()> {
    for length in lengths() {
        side.send(&vec![b'x'; length], 0)?;
    }
    side.end()
}

pub(super) fn receive(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(65_536, |side, buffer| sys::receive(side.socket, buffer, 0))
}

fn send_message(side: &mut Side<'_>) -> io::Result<()> {
    side.send_by(|side, bytes| sys::send_message(side.socket, bytes, side.destination(), None))
}

pub(super) fn receive_message(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(65_536, |side, buffer| {
        let (received, sender) = sys::receive_message_from(side.socket, buffer, Room::ForAddress)?;
        assert_eq!(sender, Some(side.remote));
        Ok(received)
    })
}

fn message_without(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(65_536, |side, buffer| {
        let (received, _no_sender) = sys::receive_message_from(side.socket, buffer, Room::None)?;
        Ok(received)
    })
}

fn send_messages(side: &mut Side<'_>) -> io::Result<()> {
    let messages: Vec<Vec<u8>> = lengths().map(|length| vec![b'x'; length]).collect();
    for sent in sys::send_messages(side.socket, &messages, side.destination())? {
        side.sent(sent);
    }
    side.end()
}

fn receive_messages(side: &mut Side<'_>) -> io::Result<()> {
    receive_batches(side, Room::ForAddress)
}

fn messages_without(side: &mut Side<'_>) -> io::Result<()> {
    receive_batches(side, Room::None)
}

fn receive_batches(side: &mut Side<'_>, room: Room) -> io::Result<()> {
    loop {
        for (received, sender) in sys::receive_messages(side.socket, 2000, room)? {
            assert!(sender.is_none_or(|sender| sender == side.remote));
            if received == 0 {
                return Ok(());
            }
            side.received(received);
        }
    }
}

fn write(side: &mut Side<'_>) -> io::Result<()> {
    side.send_by(|side, bytes| sys::write(side.socket, bytes))
}

fn read(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(2000, |side, buffer| sys::read(side.socket, buffer))
}

fn write_parts(side: &mut Side<'_>) -> io::Result<()> {
    side.send_by(|side, bytes| {
        let (first, second) = bytes.split_at(bytes.len() / 3);
        let pieces = [first, second].map(IoSlice::new);
        sys::vectors::write_vector(side.socket, &pieces)
    })
}

fn read_parts(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(2000, |side, buffer| {
        let (first, second) = buffer.split_at_mut(100);
        let mut pieces = [first, second].map(IoSliceMut::new);
        sys::vectors::read_vector(side.socket, &mut pieces)
    })
}
