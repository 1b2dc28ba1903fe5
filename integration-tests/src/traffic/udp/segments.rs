//! Datagrams that are cut from one call, put together of many, or merged on their way.

use std::io;

use super::calls::{receive, receive_message};
use crate::traffic::datagrams::{self, Side, Wiring};
use crate::traffic::needs::{Proof, lack};
use crate::traffic::place::{Family, Place};
use crate::traffic::{Case, Lack, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
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
    )
    .needing(merging),
    row!(
        "udp-con-gro",
        "UDP_GRO, connected",
        Connected,
        send_when_ready,
        receive_merged
    )
    .needing(merging),
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
];

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

/// The loopback interface takes them whole.
fn merging() -> Result<(), Lack> {
    let what = "datagrams merged on the loopback interface";
    lack(what, try_merging(), &[Proof::Since(5, 11)])
}

fn try_merging() -> io::Result<()> {
    let (receiver, address) = datagrams::receiver(&Place::default(), Family::V4)?;
    sys::set_option(&receiver, libc::SOL_UDP, libc::UDP_GRO, 1)?;
    let sender = datagrams::sender(Family::V4)?;
    sys::send_message(&sender, &[b'x'; SEGMENTED], Some(address), Some(SEGMENT))?;
    match sys::receive(&receiver, &mut [0; 65_536], 0)? {
        SEGMENTED => Ok(()),
        _cut => Err(io::ErrorKind::Unsupported.into()),
    }
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
