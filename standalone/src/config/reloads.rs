//! What became of the configuration when it was read again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// Shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Reloads(Mutex<ReloadStatus>);

/// How often it was read again, and what became of it the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadStatus {
    /// It is in force.
    pub applied: u64,
    /// It could not be used; the one before stays in force.
    pub refused: u64,
    /// The last time; null before the first.
    pub last: Option<Reload>,
}

/// One reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reload {
    /// When it was done.
    pub time: Timestamp,
    /// What became of it.
    pub result: ReloadResult,
    /// What has changed, or all that is wrong.
    pub message: String,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

    fn lock(&self) -> MutexGuard<'_, ReloadStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
