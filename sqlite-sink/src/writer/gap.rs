//! What was given up before it could be stored.

use nettally_source::pipeline::{LossCount, LossReason, Losses, UsageBatch, Window};

/// A span of history without its rows, stored as a loss as soon as storing works again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gap {
    pub(crate) window: Window,
    pub(crate) losses: Losses,
}

impl Gap {
    /// Adds a batch that is given up; returns what that costs.
    pub(crate) fn widen(gap: &mut Option<Self>, batch: &UsageBatch) -> LossCount {
        let cost = cost(batch);
        let gap = gap.get_or_insert_with(|| Self {
            window: batch.window,
            losses: Losses::default(),
        });
        gap.window.start = gap.window.start.min(batch.window.start);
        gap.window.end = gap.window.end.max(batch.window.end);
        gap.losses.merge(&batch.losses);
        gap.losses.add(LossReason::SinkFailed, cost);
        cost
    }
}

/// The rows and bytes of a batch.
fn cost(batch: &UsageBatch) -> LossCount {
    let mut cost = LossCount::default();
    for usage in &batch.usage {
        cost.events += 1;
        cost.sent_bytes = cost.sent_bytes.saturating_add(usage.sent_bytes);
        cost.received_bytes = cost.received_bytes.saturating_add(usage.received_bytes);
    }
    cost
}
