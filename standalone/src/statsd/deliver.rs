//! Sending datagrams, and counting those that did not go out.

use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};

use nettally_source::{LossCount, LossReason, Losses};
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
    failed_datagrams: u64,
    failed: LossCount,
}

impl Delivered {
    fn change(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn failed(&self, content: LossCount) {
        self.change(|figures| {
            figures.failed_datagrams += 1;
            figures.failed.events += content.events;
            figures.failed.sent_bytes += content.sent_bytes;
            figures.failed.received_bytes += content.received_bytes;
        });
    }

    /// One that was thought to be delivered was not.
    fn refused(&self, content: LossCount) {
        self.failed(content);
        self.change(|figures| figures.datagrams = figures.datagrams.saturating_sub(1));
    }

    fn read(&self) -> Figures {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery for Delivered {
    fn figures(&self) -> serde_json::Value {
        serde_json::to_value(self.read()).expect("numbers only")
    }

    fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        losses.add(LossReason::SinkFailed, self.read().failed);
        losses
    }
}

/// Sends to one server.
pub(super) struct Sender<'a> {
    peer: Peer,
    delivered: &'a Delivered,
    /// What the last datagram held, which the receiving machine may still refuse.
    last: LossCount,
}

impl<'a> Sender<'a> {
    pub(super) fn new(peer: Peer, delivered: &'a Delivered) -> Self {
        Self {
            peer,
            delivered,
            last: LossCount::default(),
        }
    }

    /// Sends one datagram. A failure is counted; the error is for a log.
    pub(super) async fn send(&mut self, datagram: &Datagram) -> std::io::Result<()> {
        let Datagram { payload, content } = datagram;
        match self.peer.send(payload).await {
            // What was refused is the datagram before; this one was not sent yet.
            Err(refused)
                if refused.kind() == ErrorKind::ConnectionRefused && self.peer.refuses_later() =>
            {
                self.delivered.refused(self.last);
                let again = self.peer.send(payload).await;
                self.settle(again, *content).and(Err(refused))
            }
            outcome => self.settle(outcome, *content),
        }
    }

    fn settle(&mut self, outcome: std::io::Result<()>, content: LossCount) -> std::io::Result<()> {
        match outcome {
            Ok(()) => {
                self.delivered.change(|figures| figures.datagrams += 1);
                self.last = content;
                Ok(())
            }
            Err(error) => {
                self.delivered.failed(content);
                Err(error)
            }
        }
    }
}
