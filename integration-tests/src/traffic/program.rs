//! A process that becomes other programs.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::ledger::{Ledger, Protocol};
use super::place::{Family, Place, client_socket};
use super::sys;

/// Payload that each program sends.
const DATAGRAM: usize = 1000;

/// Sends a datagram and prints it, then waits for a line and becomes the first of `programs`, which
/// does the same with the rest of them. The last ends with standard input.
///
/// # Errors
/// The kernel's.
pub fn run(programs: &[PathBuf], place: &Place) -> io::Result<()> {
    let (_receiver, address) = place.bind(Family::V4)?;
    let sent = sys::send_to(&client_socket(Family::V4)?, &[b'x'; DATAGRAM], 0, address)?;
    let mut ledger = Ledger::default();
    ledger.sent(Protocol::Udp, Some(address), sent);
    ledger.print()?;
    // The other side writes the next line only after it has seen the next program.
    io::stdin().read_line(&mut String::new())?;
    match programs {
        [] => Ok(()),
        [next, rest @ ..] => Err(Command::new(next).arg("exec").args(rest).exec()),
    }
}
