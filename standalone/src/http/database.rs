//! Asking SQLite without holding up the runtime.

use std::path::PathBuf;
use std::time::Duration;

use nettally_sqlite_sink::{Reader, StoreError};
use tokio::sync::Semaphore;

use super::error::ApiError;

/// Queries that run at once; more would only fight over the disk.
const MAX_QUERIES: usize = 4;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The history, if there is one.
pub(super) struct Database {
    path: Option<PathBuf>,
    permits: Semaphore,
}

impl Database {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            permits: Semaphore::new(MAX_QUERIES),
        }
    }

    /// Runs `question` on a blocking thread.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let path = self.path.clone().ok_or(ApiError::NoDatabase)?;
        let _permit = tokio::time::timeout(PATIENCE, self.permits.acquire())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(ApiError::Busy)?;
        tokio::task::spawn_blocking(move || question(&Reader::open(&path)?))
            .await
            .map_err(ApiError::Panicked)?
            .map_err(ApiError::Database)
    }
}
