//! How the writer is doing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use nettally_source::pipeline::{ComponentCounters, LossCount, Telemetry};
use serde::{Serialize, Serializer};

/// Counters of a writer since it was opened; shared with whoever shows them.
#[derive(Debug, Default)]
pub struct WriterStats(Mutex<WriterCounters>);

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WriterCounters {
    /// Transactions committed.
    pub flushes: u64,
    /// Rows in them.
    pub rows_written: u64,
    /// Bytes sent, in them.
    pub sent_bytes: u64,
    /// Bytes received, in them.
    pub received_bytes: u64,
    /// Transactions that failed; their rows are held and tried again.
    pub failed_flushes: u64,
    /// Rows waiting in memory for the next transaction.
    pub rows_held: u64,
    /// Rows given up because too many were held.
    pub dropped: LossCount,
    /// Numbers above what the file can hold (2^63 - 1), stored as that.
    pub saturated: u64,
    /// Why the last transaction failed; none if it was committed.
    pub last_error: Option<String>,
    /// End of the last window that was stored.
    pub flushed_until: Option<Timestamp>,
    /// Milliseconds that the last transaction took.
    pub last_flush_ms: f64,
    /// Minutes, hours and days rolled up.
    pub rollups: u64,
    /// Rows in them.
    pub rollup_rows: u64,
    /// Rows deleted because they were too old, or the file too large; coarser ones stay.
    pub deleted_rows: u64,
    /// Times that rolling up or deleting failed; it is tried again.
    pub failed_upkeeps: u64,
    /// Bytes of the file without its log and its free pages.
    pub used_bytes: u64,
    /// Whether that is more than the configuration allows, as there is not enough yet that may go.
    pub over_size: bool,
    /// Times that the file was moved or deleted, and another begun in its place.
    pub begun_anew: u64,
    /// Whether windows are so far ahead of the time that has passed that nothing is deleted for them
    /// yet.
    pub clock_ahead: bool,
    /// Milliseconds that the last rollup took.
    pub last_rollup_ms: f64,
}

impl WriterStats {
    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> WriterCounters {
        self.lock().clone()
    }

    /// Changes them together.
    pub(crate) fn update(&self, change: impl FnOnce(&mut WriterCounters)) {
        change(&mut self.lock());
    }

    /// Counters are whole after every change, so a panic elsewhere does not spoil them.
    fn lock(&self) -> MutexGuard<'_, WriterCounters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telemetry for WriterStats {
    fn counters(&self) -> ComponentCounters {
        let stats = self.snapshot();
        ComponentCounters {
            sent: LossCount {
                events: stats.rows_written,
                sent_bytes: stats.sent_bytes,
                received_bytes: stats.received_bytes,
            },
            errors: stats.failed_flushes + stats.failed_upkeeps,
            discarded: stats.dropped,
            ..ComponentCounters::default()
        }
    }
}

impl Serialize for WriterStats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.snapshot().serialize(serializer)
    }
}
