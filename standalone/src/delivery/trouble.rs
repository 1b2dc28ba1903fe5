//! Says that delivery fails, and that it works again, without filling the log.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use super::failure::{DropReason, Failure};
use nettally_source::LossCount;

const AGAIN: Duration = Duration::from_secs(60);

/// What one sink has said, by how bad it is.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    failing: Option<Instant>,
    dropping: Option<Instant>,
}

impl Trouble {
    pub(super) fn failed(&self, sink: &str, address: &str, failure: &Failure, now: Instant) {
        if is_due(&mut self.told().failing, now) {
            let error = &failure.message;
            warn!(sink, address, error, "A request was not delivered.");
        }
    }

    pub(super) fn dropped(&self, sink: &str, content: LossCount, reason: DropReason, now: Instant) {
        if is_due(&mut self.told().dropping, now) {
            let LossCount {
                events,
                sent_bytes,
                received_bytes,
            } = content;
            let reason = reason.name();
            error!(
                sink,
                reason, events, sent_bytes, received_bytes, "Events were given up and are counted."
            );
        }
    }

    pub(super) fn succeeded(&self, sink: &str) {
        if self.told().failing.take().is_some() {
            info!(sink, "Requests are delivered again.");
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_due(told: &mut Option<Instant>, now: Instant) -> bool {
    let is_due = told.is_none_or(|then| now - then >= AGAIN);
    if is_due {
        *told = Some(now);
    }
    is_due
}
