//! How a sink and its queue are doing, for whoever shows health.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nettally_source::{ComponentCounters, LossReason, Losses, Telemetry};
use nettally_sqlite_sink::WriterStats;
use serde_json::{Value, json};

use super::queue::Queue;

/// How a sink is doing.
pub trait SinkStatus: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// The word that `type` has in the configuration.
    fn type_name(&self) -> &'static str;

    /// Figures for people and scripts.
    fn status(&self) -> Value;

    /// What every component tells.
    fn counters(&self) -> ComponentCounters;

    /// What was lost on the way to it and in it, since start.
    fn losses(&self) -> Losses;
}

/// What a sink itself knows of its delivery. Its counters tell what it sent, gave up and failed at;
/// what it received is known before it.
pub trait Delivery: Telemetry {
    /// Figures for people and scripts.
    fn figures(&self) -> Value;

    /// What it could not deliver, since start.
    fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        losses.add(LossReason::SinkFailed, self.counters().discarded);
        losses
    }
}

impl Delivery for WriterStats {
    fn figures(&self) -> Value {
        serde_json::to_value(self.snapshot()).expect("numbers, a text and a time")
    }
}

/// A sink behind its queue. The sink may be built anew while the queue stays.
pub struct QueuedSink {
    name: String,
    type_name: &'static str,
    queue: Arc<Queue>,
    built: Mutex<Built>,
}

/// The sinks that took from the queue.
#[derive(Default)]
struct Built {
    /// What the present one says itself, if it does.
    delivery: Option<Arc<dyn Delivery>>,
    /// Those before it that still deliver what they hold.
    retiring: Vec<Arc<dyn Delivery>>,
    /// What those told that have ended.
    ended: ComponentCounters,
}

impl QueuedSink {
    /// A sink named `name` that takes from `queue`.
    #[must_use]
    pub fn new(
        name: String,
        type_name: &'static str,
        queue: Arc<Queue>,
        delivery: Option<Arc<dyn Delivery>>,
    ) -> Self {
        Self {
            name,
            type_name,
            queue,
            built: Mutex::new(Built {
                delivery,
                ..Built::default()
            }),
        }
    }

    /// Another sink takes from the queue now. What it replaces is told of until
    /// [`QueuedSink::retired`], and is part of the sums for good.
    pub fn replace(&self, delivery: Option<Arc<dyn Delivery>>) -> Option<Arc<dyn Delivery>> {
        let mut built = self.built();
        let before = std::mem::replace(&mut built.delivery, delivery);
        built.retiring.extend(before.clone());
        before
    }

    /// A sink that was replaced has ended: its last word is kept, and nothing else of it.
    pub fn retired(&self, delivery: &Arc<dyn Delivery>) {
        let mut built = self.built();
        let Built {
            retiring, ended, ..
        } = &mut *built;
        retiring.retain(|other| {
            let has_ended = Arc::ptr_eq(other, delivery);
            if has_ended {
                ended.add(&other.counters());
            }
            !has_ended
        });
    }

    fn built(&self) -> MutexGuard<'_, Built> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SinkStatus for QueuedSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn status(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.type_name,
            "queue": self.queue.stats(),
            "delivery": self.built().delivery.as_ref().map(|delivery| delivery.figures()),
            "component": self.counters(),
        })
    }

    fn counters(&self) -> ComponentCounters {
        let Built {
            delivery,
            retiring,
            ended,
        } = &*self.built();
        let mut counters = *ended;
        for delivery in delivery.iter().chain(retiring) {
            counters.add(&delivery.counters());
        }
        counters.received = self.queue.stats().taken;
        counters
    }

    fn losses(&self) -> Losses {
        let mut losses = self.queue.losses();
        losses.add(LossReason::SinkFailed, self.counters().discarded);
        losses
    }
}
