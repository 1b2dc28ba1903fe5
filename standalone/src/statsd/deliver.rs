//! Sending datagrams, and counting those that did not go out.

use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};

use nettally_source::{ComponentCounters, LossCount, Telemetry};
use serde::Serialize;

use super::encode::Datagram;
use super::peer::Peer;
use crate::topology::Delivery;

/// What was delivered since start. Datagrams have no receipts: delivered means handed to the network,
/// and not refused by the receiving machine, or put into the server's Unix socket.
#[derive(Debug, Default)]
pub struct Delivered(Mutex<Figures>);

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Figures {
    datagrams: u64,
    /// Bytes of those.
    datagram_bytes: u64,
    delivered: LossCount,
    failed_datagrams: u64,
    failed: LossCount,
}

/// A datagram on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    bytes: u64,
    content: LossCount,
}

impl Delivered {
    fn change(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn failed(&self, content: LossCount) {
        self.change(|figures| {
            figures.failed_datagrams += 1;
            figures.failed.add(content);
        });
    }

    fn sent(&self, Sent { bytes, content }: Sent) {
        self.change(|figures| {
            figures.datagrams += 1;
            figures.datagram_bytes += bytes;
            figures.delivered.add(content);
        });
    }

    /// One that was thought to be delivered was not.
    fn refused(&self, Sent { bytes, content }: Sent) {
        self.failed(content);
        self.change(|figures| {
            figures.datagrams = figures.datagrams.saturating_sub(1);
            figures.datagram_bytes = figures.datagram_bytes.saturating_sub(bytes);
            let delivered = &mut figures.delivered;
            delivered.events = delivered.events.saturating_sub(content.events);
            delivered.sent_bytes = delivered.sent_bytes.saturating_sub(content.sent_bytes);
            delivered.received_bytes = delivered
                .received_bytes
                .saturating_sub(content.received_bytes);
        });
    }

    fn read(&self) -> Figures {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telemetry for Delivered {
    fn counters(&self) -> ComponentCounters {
        let Figures {
            datagrams: _,
            datagram_bytes,
            delivered,
            failed_datagrams,
            failed,
        } = self.read();
        ComponentCounters {
            sent: delivered,
            sent_bytes: datagram_bytes,
            errors: failed_datagrams,
            discarded: failed,
            ..ComponentCounters::default()
        }
    }
}

impl Delivery for Delivered {
    fn figures(&self) -> serde_json::Value {
        serde_json::to_value(self.read()).expect("numbers only")
    }
}

/// Sends to one server.
pub(super) struct Sender<'a> {
    peer: Peer,
    delivered: &'a Delivered,
    /// What the last datagram held, as long as the receiving machine may still refuse it.
    last: Option<Sent>,
}

impl<'a> Sender<'a> {
    pub(super) fn new(peer: Peer, delivered: &'a Delivered) -> Self {
        Self {
            peer,
            delivered,
            last: None,
        }
    }

    /// Sends one datagram. A failure is counted; the error is for a log.
    pub(super) async fn send(&mut self, datagram: &Datagram) -> std::io::Result<()> {
        let Datagram { payload, content } = datagram;
        let sent = Sent {
            bytes: payload.len() as u64,
            content: *content,
        };
        match self.peer.send(payload).await {
            // What was refused is the datagram before; this one was not sent yet.
            Err(refused)
                if refused.kind() == ErrorKind::ConnectionRefused && self.peer.refuses_later() =>
            {
                self.refuse_last();
                let again = self.peer.send(payload).await;
                self.settle(again, sent).and(Err(refused))
            }
            outcome => self.settle(outcome, sent),
        }
    }

    /// What was sent last was not delivered. It is only known of the last, and once.
    fn refuse_last(&mut self) {
        if let Some(last) = self.last.take() {
            self.delivered.refused(last);
        }
    }

    /// Counts a datagram that there is no time to send.
    pub(super) fn give_up(&self, datagram: &Datagram) -> std::io::Result<()> {
        self.delivered.failed(datagram.content);
        Err(std::io::Error::new(
            ErrorKind::TimedOut,
            "the end came before the server read",
        ))
    }

    fn settle(&mut self, outcome: std::io::Result<()>, sent: Sent) -> std::io::Result<()> {
        match outcome {
            Ok(()) => {
                self.last = Some(sent);
                self.delivered.sent(sent);
                Ok(())
            }
            Err(error) => {
                self.delivered.failed(sent.content);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    fn datagram(payload: &[u8], sent_bytes: u64) -> Datagram {
        let content = LossCount {
            events: 1,
            sent_bytes,
            received_bytes: 0,
        };
        Datagram {
            payload: payload.to_owned(),
            content,
        }
    }

    /// A firewall that refuses sending says so both at once and later.
    #[tokio::test]
    async fn a_datagram_is_refused_once() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server.local_addr().unwrap()).await.unwrap();
        let delivered = Delivered::default();
        let mut sender = Sender::new(Peer::Udp(socket), &delivered);
        sender.send(&datagram(b"x", 1)).await.unwrap();
        sender.send(&datagram(b"y", 10)).await.unwrap();
        for _later in 0..3 {
            sender.refuse_last();
        }
        let Figures {
            delivered, failed, ..
        } = delivered.read();
        assert_eq!((delivered.sent_bytes, failed.sent_bytes), (1, 10));
    }
}
