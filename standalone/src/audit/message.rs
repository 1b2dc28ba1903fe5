//! One socket as `sock_diag` describes it: bytes of a netlink message become a [`Reading`]. Pure.
//!
//! Layouts are those of `include/uapi/linux/inet_diag.h` and `tcp.h`, which only ever grow at their
//! ends. What the application moved is not in them as such; it follows from sequence numbers:
//!
//! - *received* is `tcpi_bytes_received`, which a FIN makes one larger, less the receive queue, in
//!   which a FIN is one byte until the application has read as far;
//! - *sent* is `tcpi_bytes_acked` and the send queue together: everything that was ever written, and
//!   a SYN and a FIN, one each. `tcpi_bytes_sent - tcpi_bytes_retrans + tcpi_notsent_bytes` has
//!   neither, but counts a segment twice that the own machine dropped; it decides where both agree.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::span::{Moved, Span};

/// What one message says of a TCP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Tells it from every other socket since boot.
    pub(super) cookie: u64,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) uid: u32,
    /// 0 if it has no file any more.
    pub(super) inode: u32,
    /// Since the connection began.
    pub(super) moved: Moved,
    /// How long ago it sent data, or was connected if it sent none.
    pub(super) last_sent: Duration,
    /// Whether bytes are not those of the application: kernel TLS, MPTCP, another protocol on top.
    pub(super) has_layer: bool,
    /// Whether it was disconnected (`SO_LINGER` of 0), which sets its counts back.
    pub(super) was_reset: bool,
}

/// `enum` in `include/net/tcp_states.h`.
mod state {
    pub(super) const FIN_WAIT1: u8 = 4;
    pub(super) const FIN_WAIT2: u8 = 5;
    pub(super) const TIME_WAIT: u8 = 6;
    pub(super) const CLOSE: u8 = 7;
    pub(super) const CLOSE_WAIT: u8 = 8;
    pub(super) const LAST_ACK: u8 = 9;
    pub(super) const LISTEN: u8 = 10;
    pub(super) const CLOSING: u8 = 11;
}

/// `INET_DIAG_*`.
const INFO: u16 = 2;
const ULP_INFO: u16 = 19;

/// Length of `struct inet_diag_msg`; attributes follow.
const LENGTH: usize = 72;

/// The socket that a message is about; `None` if it has no counts: a listener, one that is about to
/// be accepted, one that waits for late packets only.
pub(super) fn reading(message: &[u8]) -> Option<Reading> {
    let fixed = Fields(message);
    let state = fixed.byte(1)?;
    if state == state::LISTEN {
        return None;
    }
    let is_ipv6 = match i32::from(fixed.byte(0)?) {
        2 => false,
        10 => true,
        _ => return None,
    };
    let local = SocketAddr::new(fixed.address(8, is_ipv6)?, fixed.port(4)?);
    let remote = SocketAddr::new(fixed.address(24, is_ipv6)?, fixed.port(6)?);
    let receive_queue = u64::from(fixed.word(56)?);
    let send_queue = u64::from(fixed.word(60)?);
    let attributes = || attributes(message.get(LENGTH..).unwrap_or_default());
    let (_, info) = attributes().find(|&(kind, _)| kind == INFO)?;
    let info = Fields(info);
    let counts = Counts {
        state,
        receive_queue,
        send_queue,
        acknowledged: info.long(120)?,
        received: info.long(128)?,
        transmitted: info.long(200).zip(info.long(208)),
        not_transmitted: u64::from(info.word(144)?),
    };
    Some(Reading {
        cookie: fixed.long(44)?,
        local,
        remote,
        uid: fixed.word(64)?,
        inode: fixed.word(68)?,
        moved: Moved {
            sent_bytes: counts.sent(),
            received_bytes: counts.received(),
        },
        last_sent: Duration::from_millis(info.word(44)?.into()),
        has_layer: attributes().any(|(kind, _)| kind == ULP_INFO),
        was_reset: state == state::CLOSE && remote.port() == 0 && send_queue > 0,
    })
}

/// What follows from for the application.
struct Counts {
    state: u8,
    receive_queue: u64,
    send_queue: u64,
    acknowledged: u64,
    received: u64,
    /// Bytes sent, and of these again; from Linux 4.19.
    transmitted: Option<(u64, u64)>,
    not_transmitted: u64,
}

impl Counts {
    fn received(&self) -> Span {
        let read = self.received.saturating_sub(self.receive_queue);
        let without_fin = read.saturating_sub(1);
        match self.state {
            // The FIN, which comes last, is waiting too.
            _ if self.receive_queue > 0 => Span::exactly(read),
            state::CLOSE_WAIT | state::LAST_ACK | state::CLOSING | state::TIME_WAIT => {
                Span::exactly(without_fin)
            }
            // It is not told whether there was one.
            state::CLOSE => Span::between(without_fin, read),
            _ => Span::exactly(read),
        }
    }

    fn sent(&self) -> Span {
        let sequence = self.acknowledged.saturating_add(self.send_queue);
        let (fin_low, fin_high) = match self.state {
            state::FIN_WAIT1
            | state::FIN_WAIT2
            | state::CLOSING
            | state::LAST_ACK
            | state::TIME_WAIT => (1, 1),
            state::CLOSE => (0, 1),
            _ => (0, 0),
        };
        let syn_high = 1;
        let bounds = Span::between(
            sequence.saturating_sub(fin_high + syn_high),
            sequence.saturating_sub(fin_low),
        );
        let Some((sent, again)) = self.transmitted else {
            return bounds;
        };
        let once = sent
            .saturating_sub(again)
            .saturating_add(self.not_transmitted);
        // A FIN is the last that is sent.
        let waiting_fin = if self.not_transmitted > 0 {
            Span::between(fin_low, fin_high)
        } else {
            Span::ZERO
        };
        let payload = Span::exactly(once).grown_since(waiting_fin);
        let fits = |value: u64| bounds.distance(value) == (0, 0);
        match payload {
            Span {
                low,
                high: Some(high),
            } if fits(low) && fits(high) => payload,
            _ => bounds,
        }
    }
}

/// Kind and content of each `struct nlattr`.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(Fields(bytes).half(0)?);
        let kind = Fields(bytes).half(2)?;
        let content = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        // The upper bits say how it is encoded.
        Some((kind & 0x3fff, content))
    })
}

/// Numbers in the machine's byte order, at offsets.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.0.get(offset..)?.first_chunk().copied()
    }

    fn byte(self, offset: usize) -> Option<u8> {
        self.0.get(offset).copied()
    }

    pub(super) fn half(self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_ne_bytes)
    }

    pub(super) fn word(self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_ne_bytes)
    }

    fn long(self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_ne_bytes)
    }

    fn port(self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_be_bytes)
    }

    /// IPv4 is never in its IPv6-mapped form.
    fn address(self, offset: usize, is_ipv6: bool) -> Option<IpAddr> {
        Some(if is_ipv6 {
            Ipv6Addr::from(self.array::<16>(offset)?).to_canonical()
        } else {
            Ipv4Addr::from(self.array::<4>(offset)?).into()
        })
    }
}

#[cfg(test)]
mod tests;
