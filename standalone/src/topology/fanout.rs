//! From one source to the queues of its sinks.

use std::sync::Arc;

use async_trait::async_trait;
use nettally_source::{Event, EventSink, SendError};

use super::queue::Inlet;
use super::routes::Routes;

/// The way out of one source.
pub struct Fanout {
    routes: Arc<Routes>,
}

impl Fanout {
    /// To these queues, until it is dropped.
    #[must_use]
    pub fn new(inlets: Vec<Inlet>) -> Self {
        Self::along(Routes::of(inlets))
    }

    pub(super) fn along(routes: Arc<Routes>) -> Self {
        Self { routes }
    }
}

#[async_trait]
impl EventSink for Fanout {
    /// Never waits: a slow sink has its own queue, with its own policy.
    async fn send_batch(&mut self, events: Vec<Event>) -> Result<(), SendError> {
        self.routes.send(events)
    }
}
