//! UDP-Lite, which is UDP with a checksum over a part.

use std::io;

use super::datagrams::{Side, Wiring, lengths, one_way};
use super::ledger::Protocol;
use super::needs::release;
use super::place::{Family, Place};
use super::{Case, Lack, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
    row("lite-v4", "UDP-Lite, unconnected, IPv4", |name, place| {
        both(name, place, Family::V4, Wiring::Unconnected)
    }),
    row("lite-v6", "UDP-Lite, unconnected, IPv6", |name, place| {
        both(name, place, Family::V6, Wiring::Unconnected)
    }),
    row("lite-con-v4", "UDP-Lite, connected, IPv4", |name, place| {
        both(name, place, Family::V4, Wiring::Connected)
    }),
    row("lite-con-v6", "UDP-Lite, connected, IPv6", |name, place| {
        both(name, place, Family::V6, Wiring::Connected)
    }),
];

const fn row(
    name: &'static str,
    title: &'static str,
    run: fn(&'static str, &Place) -> io::Result<()>,
) -> Case {
    Case::new(name, title, run).needing(needs)
}

/// No option of the configuration is for it: up to 6.18 every kernel had it, and newer ones have
/// lost it. One that does not list it cannot have it.
fn needs() -> Result<(), Lack> {
    let lists_it = std::fs::read_to_string("/proc/net/protocols")
        .map_or(true, |protocols| protocols.contains("UDP-Lite"));
    match (lists_it, release()) {
        (false, Some((major, minor))) if major >= 7 => Err(Lack(format!(
            "no UDP-Lite: Linux {major}.{minor} does not list it in /proc/net/protocols"
        ))),
        _ => Ok(()),
    }
}

fn both(name: &str, place: &Place, family: Family, wiring: Wiring) -> io::Result<()> {
    one_way(
        name,
        place,
        (Protocol::UdpLite, family, wiring),
        send,
        receive,
    )
}

fn send(side: &mut Side<'_>) -> io::Result<()> {
    for length in lengths() {
        side.send(&vec![b'x'; length], 0)?;
    }
    side.end()
}

fn receive(side: &mut Side<'_>) -> io::Result<()> {
    side.receive_by(2000, |side, buffer| match side.wiring {
        Wiring::Connected => sys::receive(side.socket, buffer, 0),
        Wiring::Unconnected => {
            let (received, sender) = sys::receive_from(side.socket, buffer, 0)?;
            assert_eq!(sender, side.remote);
            Ok(received)
        }
    })
}
