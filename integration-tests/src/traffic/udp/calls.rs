//! Ways of moving bytes over UDP, by the calls that move them.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Seek as _};

use crate::traffic::Case;
use crate::traffic::datagrams::{DATAGRAM, Side, Wiring, lengths, one_way};
use crate::traffic::ledger::Protocol;
use crate::traffic::place::Family;
use crate::traffic::sys::{self, Room};

/// A row: who sends how, who receives how, on sockets of IPv4.
macro_rules! row {
    ($name:literal, $title:literal, $wiring:ident, $send:expr, $receive:expr) => {
        Case::new($name, $title, |name, place| {
            let kind = (Protocol::Udp, Family::V4, Wiring::$wiring);
            one_way(name, place, kind, $send, $receive)
        })
    };
}

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
    row!(
        "udp-gso",
        "UDP_SEGMENT, unconnected",
        Unconnected,
        send_segmented,
        receive_message
    ),
    row!(
        "udp-con-gso",
        "UDP_SEGMENT, connected",
        Connected,
        send_segmented,
        receive
    ),
    row!(
        "udp-gso-opt",
        "UDP_SEGMENT as an option of the socket",
        Unconnected,
        send_all_segmented,
        receive_message
    ),
    row!(
        "udp-gro",
        "UDP_GRO, unconnected",
        Unconnected,
        send_when_ready,
        receive_merged
    ),
    row!(
        "udp-con-gro",
        "UDP_GRO, connected",
        Connected,
        send_when_ready,
        receive_merged
    ),
    row!(
        "udp-con-more",
        "MSG_MORE, connected",
        Connected,
        send_more,
        receive
    ),
    row!(
        "udp-cork",
        "UDP_CORK, unconnected",
        Unconnected,
        send_corked,
        receive_message
    ),
    row!(
        "udp-con-cork",
        "UDP_CORK, connected",
        Connected,
        send_corked,
        receive
    ),
    row!(
        "udp-spl-out",
        "splice out, connected",
        Connected,
        splice_out,
        receive
    ),
    row!(
        "udp-spl-in",
        "splice in, connected",
        Connected,
        send,
        splice_in
    ),
    row!(
        "udp-spl-noad",
        "splice in, unconnected",
        Unconnected,
        send,
        splice_in
    )
    .without_remote_on_tracepoint(),
    row!(
        "udp-sendfile",
        "sendfile, connected",
        Connected,
        send_file,
        receive
    ),
    row!(
        "udp-zerocopy",
        "MSG_ZEROCOPY, unconnected",
        Unconnected,
        send_zero_copy,
        receive_message
    ),
    row!(
        "udp-con-zc",
        "MSG_ZEROCOPY, connected",
        Connected,
        send_zero_copy,
        receive
    ),
    row!(
        "udp-msgtrunc",
        "recv with MSG_TRUNC into a short buffer, connected",
        Connected,
        send,
        receive_lengths
    ),
    row!(
        "udp-con-trunc",
        "recv into a short buffer, connected",
        Connected,
        send,
        receive_starts
    ),
    row!(
        "udp-con-peek",
        "MSG_PEEK, then recv, connected",
        Connected,
        send,
        peek
    ),
    row!(
        "udp-empty",
        "empty datagrams among others",
        Unconnected,
        send_empty,
        receive_some_empty
    ),
    row!(
        "udp-only-emp",
        "nothing but empty datagrams",
        Unconnected,
        send_only_empty,
        receive_only_empty
    ),
    row!(
        "udp-failed",
        "sends that fail",
        Unconnected,
        send_too_long,
        receive_message
    ),
];

fn send(side: &mut Side<'_>) -> io::Result<()> {
    for length in lengths() {
        side.send(&vec![b'x'; length], 0)?;
    }
    side.end()
}

fn receive(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(65_536, |side, buffer| sys::receive(side.socket, buffer, 0))
}

fn send_message(side: &mut Side<'_>) -> io::Result<()> {
    side.send_by(|side, bytes| sys::send_message(side.socket, bytes, side.destination(), None))
}

fn receive_message(side: &mut Side<'_>) -> io::Result<()> {
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
        let (first, second) = buffer.split_at_mut(SHORT);
        let mut pieces = [first, second].map(IoSliceMut::new);
        sys::vectors::read_vector(side.socket, &mut pieces)
    })
}

/// Length of a datagram that the kernel cuts from a longer send.
const SEGMENT: u16 = 700;
/// Of a send that is cut; the last datagram is shorter.
const SEGMENTED: usize = 6 * SEGMENT as usize + 123;

fn send_segmented(side: &mut Side<'_>) -> io::Result<()> {
    for _ in 0..10 {
        let (bytes, remote) = ([b'x'; SEGMENTED], side.destination());
        let sent = sys::send_message(side.socket, &bytes, remote, Some(SEGMENT))?;
        side.sent(sent);
    }
    side.end()
}

fn send_all_segmented(side: &mut Side<'_>) -> io::Result<()> {
    sys::set_option(
        side.socket,
        libc::SOL_UDP,
        libc::UDP_SEGMENT,
        SEGMENT.into(),
    )?;
    for _ in 0..10 {
        side.send(&[b'x'; SEGMENTED], 0)?;
    }
    side.end()
}

fn send_when_ready(side: &mut Side<'_>) -> io::Result<()> {
    let received = receive_in_wiring(side, &mut [0; 100])?;
    side.received(received);
    send_segmented(side)
}

fn receive_in_wiring(side: &Side<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    match side.wiring {
        Wiring::Connected => sys::receive(side.socket, buffer, 0),
        Wiring::Unconnected => sys::receive_from(side.socket, buffer, 0).map(|(bytes, _)| bytes),
    }
}

/// Datagrams that were cut from one send are received as one.
fn receive_merged(side: &mut Side<'_>) -> io::Result<()> {
    sys::set_option(side.socket, libc::SOL_UDP, libc::UDP_GRO, 1)?;
    // What comes before the option is set is cut again.
    side.send(b"ready", 0)?;
    let mut longest = 0;
    let mut buffer = vec![0; 65_536];
    loop {
        let received = receive_in_wiring(side, &mut buffer)?;
        if received == 0 {
            assert!(longest > SEGMENT.into(), "nothing was merged");
            return Ok(());
        }
        longest = longest.max(received);
        side.received(received);
    }
}

/// Payload of each call that adds to a datagram.
const PIECE: usize = 321;

fn send_more(side: &mut Side<'_>) -> io::Result<()> {
    for _ in 0..20 {
        for flags in [libc::MSG_MORE, libc::MSG_MORE, libc::MSG_MORE, 0] {
            side.send(&[b'x'; PIECE], flags)?;
        }
    }
    side.end()
}

fn send_corked(side: &mut Side<'_>) -> io::Result<()> {
    let cork =
        |side: &Side<'_>, value| sys::set_option(side.socket, libc::SOL_UDP, libc::UDP_CORK, value);
    for _ in 0..20 {
        cork(side, 1)?;
        for _ in 0..4 {
            side.send(&[b'x'; PIECE], 0)?;
        }
        cork(side, 0)?;
    }
    side.end()
}

fn splice_out(side: &mut Side<'_>) -> io::Result<()> {
    let (reader, writer) = sys::pipe()?;
    side.send_by(|side, bytes| {
        let mut left = sys::write(&writer, bytes)?;
        let mut sum = 0;
        while left > 0 {
            let sent = sys::splice(&reader, side.socket, left)?;
            (left, sum) = (left - sent, sum + sent);
        }
        Ok(sum)
    })
}

fn splice_in(side: &mut Side<'_>) -> io::Result<()> {
    let (reader, writer) = sys::pipe()?;
    let nowhere = File::options().write(true).open("/dev/null")?;
    side.receive_by(0, |side, _no_buffer| {
        let received = sys::splice(side.socket, &writer, 2000)?;
        let mut left = received;
        while left > 0 {
            left -= sys::splice(&reader, &nowhere, left)?;
        }
        Ok(received)
    })
}

fn send_file(side: &mut Side<'_>) -> io::Result<()> {
    let mut file = tempfile::tempfile()?;
    sys::write(&file, &vec![b'x'; 50 * DATAGRAM])?;
    file.rewind()?;
    side.send_by(|side, bytes| sys::send_file(side.socket, &file, bytes.len()))
}

/// Then reads the notices of completion from the error queue, which carry no bytes.
fn send_zero_copy(side: &mut Side<'_>) -> io::Result<()> {
    sys::set_option(side.socket, libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1)?;
    for length in lengths() {
        side.send(&vec![b'x'; length], libc::MSG_ZEROCOPY)?;
    }
    side.end()?;
    let mut notices = 0;
    for _ in 0..1000 {
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        match sys::receive_message(side.socket, &mut [0; 100], flags) {
            Ok(length) => {
                assert_eq!(length, 0, "a notice has no bytes");
                notices += 1;
            }
            Err(_none_yet) if notices > 0 => return Ok(()),
            Err(_none_yet) => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    }
    Err(io::Error::other("no notice of completion came"))
}

/// Room for the beginning of a datagram.
const SHORT: usize = 100;

/// The call returns the real length, though it gave less.
fn receive_lengths(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(SHORT, |side, buffer| {
        sys::receive(side.socket, buffer, libc::MSG_TRUNC)
    })
}

fn receive_starts(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(SHORT, |side, buffer| sys::receive(side.socket, buffer, 0))
}

fn peek(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(2000, |side, buffer| {
        sys::receive(side.socket, buffer, libc::MSG_PEEK)?;
        sys::receive(side.socket, buffer, 0)
    })
}

/// How many empty datagrams come.
const EMPTY: usize = 20;

/// Every second one is empty.
fn send_empty(side: &mut Side<'_>) -> io::Result<()> {
    for _ in 0..EMPTY {
        side.send(&[], 0)?;
        side.send(&[b'x'; DATAGRAM], 0)?;
    }
    Ok(())
}

fn receive_some_empty(side: &mut Side<'_>) -> io::Result<()> {
    for _ in 0..2 * EMPTY {
        let (received, sender) = sys::receive_from(side.socket, &mut [0; 2000], 0)?;
        assert_eq!(sender, side.remote);
        side.received(received);
    }
    Ok(())
}

fn send_only_empty(side: &mut Side<'_>) -> io::Result<()> {
    (0..EMPTY).try_for_each(|_| side.send(&[], 0))
}

fn receive_only_empty(side: &mut Side<'_>) -> io::Result<()> {
    for _ in 0..EMPTY {
        let received = sys::receive(side.socket, &mut [0; 2000], 0)?;
        assert_eq!(received, 0);
        side.received(received);
    }
    Ok(())
}

/// No datagram is as long as that; and then one that is short enough.
fn send_too_long(side: &mut Side<'_>) -> io::Result<()> {
    let refused = side.send(&vec![b'x'; 70_000], 0);
    let refusal = refused.expect_err("no datagram is as long").raw_os_error();
    assert_eq!(refusal, Some(libc::EMSGSIZE));
    side.send(&[b'x'; DATAGRAM], 0)?;
    side.end()
}
