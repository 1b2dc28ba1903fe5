//! How a sink and its queue are doing, for whoever shows health.

use std::sync::Arc;

use nettally_source::{LossReason, Losses};
use nettally_sqlite_sink::WriterStats;
use serde_json::{Value, json};

use super::queue::Queue;

/// How a sink is doing.
pub trait SinkStatus: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Figures for people and scripts.
    fn status(&self) -> Value;

    /// What was lost on the way to it and in it, since start.
    fn losses(&self) -> Losses;
}

/// What a sink itself knows of its delivery.
pub trait Delivery: Send + Sync {
    /// Figures for people and scripts.
    fn figures(&self) -> Value;

    /// What it could not deliver, since start.
    fn losses(&self) -> Losses;
}

impl Delivery for WriterStats {
    fn figures(&self) -> Value {
        serde_json::to_value(self.snapshot()).expect("numbers, a text and a time")
    }

    fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        losses.add(LossReason::SinkFailed, self.snapshot().dropped);
        losses
    }
}

/// A sink behind its queue.
pub struct QueuedSink {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_name: &'static str,
    /// The queue before it.
    pub queue: Arc<Queue>,
    /// What it says itself, if it does.
    pub delivery: Option<Arc<dyn Delivery>>,
}

impl SinkStatus for QueuedSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.type_name,
            "queue": self.queue.stats(),
            "delivery": self.delivery.as_ref().map(|delivery| delivery.figures()),
        })
    }

    fn losses(&self) -> Losses {
        let mut losses = self.queue.losses();
        if let Some(delivery) = &self.delivery {
            losses.merge(&delivery.losses());
        }
        losses
    }
}
