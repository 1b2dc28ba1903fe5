//! What is in force, and what became of the configuration when it was read again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use nettally_source::pipeline::schema::Instant;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Reloads {
    status: Mutex<ReloadStatus>,
    in_force: Mutex<Arc<Value>>,
}

/// How often it was read again, and what became of it the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReloadStatus {
    /// It is in force.
    pub applied: u64,
    /// It could not be used; the one before stays in force.
    pub refused: u64,
    /// The last time; null before the first.
    pub last: Option<Reload>,
}

/// One reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reload {
    /// When it was done.
    #[schemars(with = "Instant")]
    pub time: Timestamp,
    /// What became of it.
    pub result: ReloadResult,
    /// What has changed, or all that is wrong.
    pub message: String,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReloadResult {
    /// It is in force.
    Applied,
    /// The one before stays in force.
    Refused,
}

impl Reloads {
    /// How it stands.
    #[must_use]
    pub fn status(&self) -> ReloadStatus {
        self.lock().clone()
    }

    /// Notes what became of one.
    pub fn note(&self, time: Timestamp, result: ReloadResult, message: String) {
        let mut status = self.lock();
        match result {
            ReloadResult::Applied => status.applied += 1,
            ReloadResult::Refused => status.refused += 1,
        }
        status.last = Some(Reload {
            time,
            result,
            message,
        });
    }

    /// What is in force, without secrets.
    #[must_use]
    pub fn in_force(&self) -> Arc<Value> {
        Arc::clone(&self.in_force.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration in force, as it is shown: without secrets.
    pub fn put_in_force(&self, shown: Value) {
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(shown);
    }

    fn lock(&self) -> MutexGuard<'_, ReloadStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
