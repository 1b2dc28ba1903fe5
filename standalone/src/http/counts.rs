//! How requests are answered, counted since start.

use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::Serialize;

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) requests: AtomicU64,
    pub(super) limited_requests: AtomicU64,
    /// Goes down too.
    pub(super) connections: AtomicU64,
    pub(super) closed_idle_connections: AtomicU64,
    pub(super) failed_exports: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ApiHealth")]
pub(super) struct Counted {
    /// Requests, those that were refused included.
    pub(super) requests: u64,
    /// Requests that were refused, as their address had sent too many.
    pub(super) limited_requests: u64,
    /// Connections that are open.
    pub(super) connections: u64,
    /// Connections that were closed while nothing was asked on them, to make room for another.
    pub(super) closed_idle_connections: u64,
    /// Exports that ended early, by an error or because their reader was gone or too slow.
    pub(super) failed_exports: u64,
}

impl Counts {
    pub(super) fn told(&self) -> Counted {
        let Self {
            requests,
            limited_requests,
            connections,
            closed_idle_connections,
            failed_exports,
        } = self;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            requests: read(requests),
            limited_requests: read(limited_requests),
            connections: read(connections),
            closed_idle_connections: read(closed_idle_connections),
            failed_exports: read(failed_exports),
        }
    }
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
