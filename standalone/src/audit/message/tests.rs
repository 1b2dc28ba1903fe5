//! Messages as the kernel writes them, and others.

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
