//! What a sink has delivered since start, and what it has not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nettally_source::{ComponentCounters, LossCount, Telemetry};
use serde::Serialize;

use super::batch::Request;
use super::endpoints::{EndpointFigures, Endpoints};
use super::failure::{DropReason, Failure};
use crate::topology::Delivery;

/// The figures of one sink. Delivered means that the server said so.
#[derive(Debug, Default)]
pub struct Delivered {
    figures: Mutex<Figures>,
    endpoints: OnceLock<Arc<Endpoints>>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Figures {
    /// Requests that were delivered.
    requests: u64,
    /// Attempts that came to nothing, whether or not a later one did better.
    failed_requests: u64,
    /// Requests that were given up.
    dropped_requests: u64,
    /// Requests under way, or waiting to be made again.
    requests_held: u64,
    /// Bytes of bodies that were delivered, before compression.
    body_bytes: u64,
    delivered: LossCount,
    dropped: LossCount,
    dropped_by_reason: BTreeMap<&'static str, LossCount>,
    /// Of the last attempt that failed; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    figures: Figures,
    endpoints: Vec<EndpointFigures>,
}

impl Delivered {
    /// From now on the servers are shown too.
    pub(crate) fn show(&self, endpoints: &Arc<Endpoints>) {
        self.endpoints.get_or_init(|| Arc::clone(endpoints));
    }

    pub(super) fn began(&self) {
        self.figures().requests_held += 1;
    }

    pub(super) fn succeeded(&self, request: &Request) {
        let mut figures = self.figures();
        figures.requests_held -= 1;
        figures.requests += 1;
        figures.body_bytes += request.body.len() as u64;
        figures.delivered.add(request.content);
    }

    pub(super) fn failed(&self, failure: &Failure) {
        let mut figures = self.figures();
        figures.failed_requests += 1;
        figures.last_error = Some(failure.message.clone());
    }

    pub(super) fn dropped(&self, content: LossCount, reason: DropReason) {
        let mut figures = self.figures();
        figures.requests_held -= 1;
        figures.dropped_requests += 1;
        figures.dropped.add(content);
        let by_reason = figures.dropped_by_reason.entry(reason.name()).or_default();
        by_reason.add(content);
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telemetry for Delivered {
    fn counters(&self) -> ComponentCounters {
        let figures = self.figures();
        ComponentCounters {
            sent: figures.delivered,
            sent_bytes: figures.body_bytes,
            errors: figures.failed_requests,
            discarded: figures.dropped,
            ..ComponentCounters::default()
        }
    }
}

impl Delivery for Delivered {
    fn figures(&self) -> serde_json::Value {
        let mut figures = self.figures().clone();
        // A reason that never came up is shown with zeros, so that a script finds it.
        for reason in DropReason::ALL {
            figures.dropped_by_reason.entry(reason.name()).or_default();
        }
        let endpoints = self.endpoints.get();
        let shown = Shown {
            figures,
            endpoints: endpoints.map_or_else(Vec::new, |endpoints| endpoints.figures()),
        };
        serde_json::to_value(shown).expect("numbers and texts")
    }
}
