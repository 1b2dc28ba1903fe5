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
pub(super) mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A message as the kernel would write it.
    #[derive(Clone, Copy, Default)]
    struct Message {
        state: u8,
        receive_queue: u32,
        send_queue: u32,
        acknowledged: u64,
        received: u64,
        sent: u64,
        again: u64,
        not_transmitted: u32,
        remote_port: u16,
    }

    impl Message {
        fn bytes(self, info_length: usize) -> Vec<u8> {
            let mut fixed = vec![0; LENGTH];
            let mut info = vec![0; 280];
            let put = |bytes: &mut Vec<u8>, at: usize, value: &[u8]| {
                bytes[at..][..value.len()].copy_from_slice(value);
            };
            put(&mut fixed, 0, &[2, self.state]);
            put(&mut fixed, 4, &80_u16.to_be_bytes());
            put(&mut fixed, 6, &self.remote_port.to_be_bytes());
            put(&mut fixed, 8, &[127, 0, 0, 1]);
            put(&mut fixed, 24, &[10, 1, 2, 3]);
            put(&mut fixed, 44, &7_u64.to_ne_bytes());
            put(&mut fixed, 56, &self.receive_queue.to_ne_bytes());
            put(&mut fixed, 60, &self.send_queue.to_ne_bytes());
            put(&mut info, 44, &1500_u32.to_ne_bytes());
            put(&mut info, 120, &self.acknowledged.to_ne_bytes());
            put(&mut info, 128, &self.received.to_ne_bytes());
            put(&mut info, 144, &self.not_transmitted.to_ne_bytes());
            put(&mut info, 200, &self.sent.to_ne_bytes());
            put(&mut info, 208, &self.again.to_ne_bytes());
            info.truncate(info_length);
            let head = |kind: u16, length: usize| {
                [(length as u16 + 4).to_ne_bytes(), kind.to_ne_bytes()].concat()
            };
            // Something of one byte comes before it.
            [fixed, head(8, 1), vec![0; 4], head(INFO, info_length), info].concat()
        }

        fn moved(self) -> Moved {
            reading(&self.bytes(280)).unwrap().moved
        }
    }

    #[test]
    fn a_socket_is_read() {
        let message = Message {
            state: 1,
            remote_port: 443,
            ..Message::default()
        };
        let expected = Reading {
            cookie: 7,
            local: "127.0.0.1:80".parse().unwrap(),
            remote: "10.1.2.3:443".parse().unwrap(),
            uid: 0,
            inode: 0,
            moved: Moved::ZERO,
            last_sent: Duration::from_millis(1500),
            has_layer: false,
            was_reset: false,
        };
        assert_eq!(reading(&message.bytes(280)), Some(expected));
    }

    /// Measured on Linux 6.18: 1000 bytes were sent, 500 received.
    #[test]
    fn syn_and_fin_are_not_the_applications() {
        let client = Message {
            state: 1,
            acknowledged: 1001,
            received: 500,
            sent: 1000,
            remote_port: 80,
            ..Message::default()
        };
        let cases = [
            ("established", client),
            (
                "half closed",
                Message {
                    state: state::FIN_WAIT1,
                    send_queue: 1,
                    ..client
                },
            ),
            (
                "closed, FIN not read",
                Message {
                    state: state::CLOSE,
                    acknowledged: 1002,
                    received: 501,
                    receive_queue: 1,
                    ..client
                },
            ),
            (
                "peer closed, FIN read",
                Message {
                    state: state::CLOSE_WAIT,
                    received: 501,
                    ..client
                },
            ),
            (
                "accepted, so without SYN",
                Message {
                    acknowledged: 1000,
                    ..client
                },
            ),
            (
                "unread",
                Message {
                    received: 577,
                    receive_queue: 77,
                    ..client
                },
            ),
            (
                "in the queue",
                Message {
                    acknowledged: 401,
                    send_queue: 600,
                    sent: 700,
                    not_transmitted: 300,
                    ..client
                },
            ),
            (
                "FIN in the queue",
                Message {
                    state: state::FIN_WAIT1,
                    acknowledged: 401,
                    send_queue: 601,
                    sent: 700,
                    not_transmitted: 301,
                    ..client
                },
            ),
            (
                "sent again",
                Message {
                    sent: 1300,
                    again: 300,
                    ..client
                },
            ),
        ];
        let expected = Moved {
            sent_bytes: Span::exactly(1000),
            received_bytes: Span::exactly(500),
        };
        for (what, message) in cases {
            assert_eq!(message.moved(), expected, "{what}");
        }
    }

    #[test]
    fn what_is_not_told_is_a_span() {
        let closed = Message {
            state: state::CLOSE,
            acknowledged: 1002,
            received: 501,
            sent: 1000,
            remote_port: 80,
            ..Message::default()
        };
        assert_eq!(closed.moved().received_bytes, Span::between(500, 501));
        assert_eq!(closed.moved().sent_bytes, Span::exactly(1000));
        // A segment that the own machine dropped is transmitted twice, but not again.
        let dropped = Message {
            sent: 2448,
            ..closed
        };
        assert_eq!(dropped.moved().sent_bytes, Span::between(1000, 1002));
        // Before Linux 4.19.
        let old = reading(&closed.bytes(192)).unwrap();
        assert_eq!(old.moved.sent_bytes, Span::between(1000, 1002));
    }

    #[test]
    fn a_disconnected_socket_is_told() {
        let reset = Message {
            state: state::CLOSE,
            send_queue: 70_658,
            ..Message::default()
        };
        assert!(reading(&reset.bytes(280)).unwrap().was_reset);
        let unused = Message {
            state: state::CLOSE,
            ..Message::default()
        };
        assert!(!reading(&unused.bytes(280)).unwrap().was_reset);
    }

    #[test]
    fn a_listener_and_one_without_counts_are_none() {
        let listener = Message {
            state: state::LISTEN,
            send_queue: 128,
            ..Message::default()
        };
        assert_eq!(reading(&listener.bytes(280)), None);
        assert_eq!(reading(&Message::default().bytes(280)[..LENGTH]), None);
    }

    proptest! {
        #[test]
        fn any_message_is_no_panic(
            mut message in vec(any::<u8>(), 0..500),
            family in prop_oneof![Just(2_u8), Just(10_u8), any::<u8>()],
        ) {
            if let Some(first) = message.first_mut() {
                *first = family;
            }
            reading(&message);
        }

        #[test]
        fn any_counts_are_bounds(counts in any::<[u64; 4]>(), queues in any::<[u32; 3]>(), state in 0..13_u8) {
            let [acknowledged, received, sent, again] = counts;
            let [receive_queue, send_queue, not_transmitted] = queues;
            let message = Message {
                state, receive_queue, send_queue, acknowledged, received, sent, again, not_transmitted,
                remote_port: 1,
            };
            if let Some(reading) = reading(&message.bytes(280)) {
                let Moved { sent_bytes, received_bytes } = reading.moved;
                for Span { low, high } in [sent_bytes, received_bytes] {
                    prop_assert!(high.is_some_and(|high| low <= high && high - low <= 2));
                }
            }
        }
    }
}
