//! Datagrams that are longer than the room for them, looked at before, empty, or too long.

use std::io;

use super::calls::{receive_message, send};
use crate::traffic::datagrams::{DATAGRAM, Side};
use crate::traffic::{Case, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
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
