//! From one source to the queues of its sinks.

use async_trait::async_trait;
use nettally_source::{Event, EventSink, SendError};

use super::queue::Inlet;

/// The way out of one source.
pub struct Fanout {
    inlets: Vec<Inlet>,
}

impl Fanout {
    /// To these queues.
    #[must_use]
    pub fn new(inlets: Vec<Inlet>) -> Self {
        Self { inlets }
    }
}

#[async_trait]
impl EventSink for Fanout {
    /// Never waits: a slow sink has its own queue, with its own policy.
    async fn send_batch(&mut self, events: Vec<Event>) -> Result<(), SendError> {
        if self.inlets.iter().all(Inlet::is_deserted) {
            return Err(SendError::Closed);
        }
        for event in events {
            for inlet in &self.inlets {
                inlet.put(event.clone());
            }
        }
        Ok(())
    }
}
