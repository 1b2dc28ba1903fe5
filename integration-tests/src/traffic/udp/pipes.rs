//! UDP past the process's memory: from and to pipes, from files, and without a copy.

use std::fs::File;
use std::io::{self, Seek as _};
use std::time::Duration;

use super::calls::{receive, receive_message, send};
use crate::traffic::datagrams::{DATAGRAM, Side, lengths};
use crate::traffic::{Case, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
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
];

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
            Err(_none_yet) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    Err(io::Error::other("no notice of completion came"))
}
