//! The writer: holds batches until the next flush, and until a flush succeeds; then it rolls up
//! what is closed and deletes what is too old.
//!
//! It knows no channel: whoever drives it says when to flush, and how long the machine has run.

mod bucket;
mod clock;
mod dimensions;
mod fold;
mod gap;
mod identity;
pub(crate) mod import;
mod late;
mod needed;
mod retention;
mod rollup;
mod stats;
mod transaction;

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod size_tests;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nettally_source::pipeline::UsageBatch;
use rustix::time::{ClockId, clock_gettime};
use tracing::{error, info, warn};

pub(crate) use dimensions::{FOLDED_PORT, NO_PORT, NO_REMOTE, OTHER, UNRESOLVED};
pub(crate) use fold::Told;
pub(crate) use retention::Keep;
pub use stats::{WriterCounters, WriterStats};

use crate::error::{StoreError, one_line};
use crate::moment::{floor_ms, from_ms};
use crate::store::Store;
use clock::Clock;
use dimensions::Dimensions;
use gap::Gap;
use retention::Deleted;
use rollup::Rolled;
use transaction::Stored;

/// How much may be held in memory, in rows; a batch without rows counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HoldLimits {
    /// From here on a batch is stored when it comes, not at the next interval.
    pub(crate) flush_at: usize,
    /// Beyond this the oldest batches are given up.
    pub(crate) drop_beyond: usize,
}

impl Default for HoldLimits {
    fn default() -> Self {
        Self {
            flush_at: 50_000,
            drop_beyond: 200_000,
        }
    }
}

/// A failure is logged once, then again after this many flushes that failed alike.
const FAILURES_PER_LOG_LINE: u64 = 60;

/// After a failure, storing about so many rows tells whether it works again.
const ROWS_TO_TRY: usize = 2000;

/// How long the upkeep after a flush may take. The rest waits for the next flush, so that a file with
/// much to do, such as one of an older version, keeps taking rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UpkeepLimits {
    pub(crate) rollup: Duration,
    pub(crate) retention: Duration,
}

impl Default for UpkeepLimits {
    fn default() -> Self {
        Self {
            rollup: Duration::from_millis(500),
            retention: Duration::from_millis(250),
        }
    }
}

/// Owns the write connection.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Store,
    sink: String,
    dimensions: Dimensions,
    limits: HoldLimits,
    upkeep: UpkeepLimits,
    keep: Keep,
    told: Told,
    held: VecDeque<Arc<UsageBatch>>,
    held_weight: usize,
    gap: Option<Gap>,
    /// None if windows are believed whatever they say.
    clock: Option<Clock>,
    /// Flushes that failed since the last that did not.
    failures: u64,
    /// The same of rolling up and deleting.
    upkeep_failures: u64,
    stats: Arc<WriterStats>,
}

impl Writer {
    /// For the sink named `sink`; PIDs are those of the boot named `boot_id`.
    pub(crate) fn new(store: Store, sink: String, boot_id: String, limits: HoldLimits) -> Self {
        Self {
            store,
            sink,
            dimensions: Dimensions::new(boot_id),
            limits,
            upkeep: UpkeepLimits::default(),
            keep: Keep::default(),
            told: Told::default(),
            held: VecDeque::new(),
            held_weight: 0,
            gap: None,
            clock: None,
            failures: 0,
            upkeep_failures: 0,
            stats: Arc::default(),
        }
    }

    /// Deletes what is beyond these limits; without, all is kept.
    pub(crate) fn keeping(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Tells apart so much of a minute, hour or day; without, all that the tier may.
    pub(crate) fn telling(mut self, told: Told) -> Self {
        self.told = told;
        self
    }

    /// Takes other times for upkeep; without, those of a writer that has a machine to share.
    #[cfg(test)]
    pub(crate) fn upkeeping(mut self, upkeep: UpkeepLimits) -> Self {
        self.upkeep = upkeep;
        self
    }

    /// Does not believe windows that are far ahead of the time that has passed.
    pub(crate) fn doubting(mut self) -> Result<Self, StoreError> {
        self.clock = Some(
            Clock::of_file(&self.store.connection)
                .map_err(|source| StoreError::statement(&self.store.path, "reading it", source))?,
        );
        Ok(self)
    }

    /// Believes them.
    pub(crate) fn believing(mut self) -> Self {
        self.clock = None;
        self
    }

    /// Its counters.
    pub(crate) fn stats(&self) -> &Arc<WriterStats> {
        &self.stats
    }

    /// Takes a batch; stores only if too much is held.
    pub(crate) fn accept(&mut self, batch: Arc<UsageBatch>) {
        self.held_weight += weight(&batch);
        self.held.push_back(batch);
        if self.held_weight >= self.limits.flush_at && self.failures == 0 {
            self.flush();
        }
        self.drop_oldest();
        let held = self.held_rows();
        self.stats.update(|stats| stats.rows_held = held);
    }

    /// Stores what is held, in one transaction; keeps it if that fails. Then rolls up the buckets
    /// that are closed and deletes what is too old, each in small transactions of their own.
    pub(crate) fn flush(&mut self) {
        self.flush_at(since_boot());
    }

    fn flush_at(&mut self, since_boot: Duration) {
        self.store();
        self.keep_up(since_boot);
    }

    fn store(&mut self) {
        if !self.store.is_in_place()
            && let Err(error) = self.begin_anew()
        {
            return self.failed(&error, 0.0);
        }
        self.store_held();
    }

    fn keep_up(&mut self, since_boot: Duration) {
        if self.failures == 0 {
            let now_ms = self.now_ms(since_boot);
            match self.roll_up(now_ms).and_then(|()| self.delete_old(now_ms)) {
                Ok(()) => self.upkeep_failures = 0,
                Err(source) => self.upkeep_failed(source),
            }
        }
    }

    /// Goes on with what the path leads to, after the file was moved or deleted.
    fn begin_anew(&mut self) -> Result<(), StoreError> {
        self.dimensions.forget();
        self.store.reopen()?;
        self.stats.update(|stats| stats.begun_anew += 1);
        warn!(
            sink = self.sink,
            path = %self.store.path.display(),
            "The database was moved or deleted while it was written; the history goes on in a new file."
        );
        Ok(())
    }

    /// No rows of buckets are made or deleted for times after this.
    fn now_ms(&mut self, since_boot: Duration) -> i64 {
        let Some(clock) = &mut self.clock else {
            return i64::MAX;
        };
        let Some(newest) = self.stats.snapshot().flushed_until else {
            return clock.believed_ms();
        };
        let was_ahead = clock.is_ahead();
        let now_ms = clock.look(floor_ms(newest), since_boot);
        let is_ahead = clock.is_ahead();
        if is_ahead && !was_ahead {
            warn!(
                sink = self.sink,
                clock = %newest,
                expected = %from_ms(now_ms),
                "The clock is far ahead of the history; if it stays so for hours, old rows go."
            );
        }
        self.stats.update(|stats| stats.clock_ahead = is_ahead);
        now_ms
    }

    fn store_held(&mut self) {
        if self.failures > 0 {
            // A little first: as long as that fails, the rest costs no time.
            let few = self.batches_of(ROWS_TO_TRY);
            self.store_oldest(few);
        }
        if self.failures == 0 && (!self.held.is_empty() || self.gap.is_some()) {
            self.store_oldest(self.held.len());
        }
    }

    /// How many of the oldest batches have so many rows.
    fn batches_of(&self, rows: usize) -> usize {
        let mut weight_before = 0;
        self.held
            .iter()
            .take_while(|batch| {
                let is_before = weight_before < rows;
                weight_before += weight(batch);
                is_before
            })
            .count()
    }

    /// Stores so many of the oldest batches, in one transaction.
    fn store_oldest(&mut self, batches: usize) {
        let begin = Instant::now();
        self.dimensions.forget_if_many();
        let outcome = transaction::store(
            &mut self.store.connection,
            &mut self.dimensions,
            self.held.iter().take(batches),
            self.gap.as_ref(),
        );
        let milliseconds = begin.elapsed().as_secs_f64() * 1000.0;
        match outcome {
            Ok(stored) => self.succeeded(stored, batches, milliseconds),
            Err(source) => {
                let error = StoreError::statement(&self.store.path, "storing rows", source);
                self.failed(&error, milliseconds);
            }
        }
    }

    /// Stores what is held, and leaves the file whole and without a log. What still cannot be stored
    /// is lost.
    pub(crate) fn finish(mut self) {
        self.store_last();
        self.close();
    }

    /// Stores what is held. What still cannot be stored is lost.
    pub(crate) fn store_last(&mut self) {
        self.store();
        let given_up = mem::take(&mut self.held);
        if !given_up.is_empty() {
            let rows = rows(&given_up);
            for batch in &given_up {
                self.give_up(batch);
            }
            self.stats.update(|stats| stats.rows_held = 0);
            error!(
                sink = self.sink,
                rows, "The last rows could not be stored and are lost."
            );
        }
    }

    /// Does the last upkeep and moves the log into the file. If that is cut off, nothing is lost: the
    /// next writer does it.
    pub(crate) fn close(self) {
        self.close_at(since_boot());
    }

    fn close_at(mut self, since_boot: Duration) {
        self.keep_up(since_boot);
        let checkpoint =
            self.store
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        match checkpoint {
            // If it says that a reader is at work, the log stays until the next writer: nothing is lost.
            Ok::<i64, _>(_done_or_busy) => {}
            Err(error) => {
                warn!(sink = self.sink, %error, "The write-ahead log stays beside the database.");
            }
        }
    }

    fn succeeded(&mut self, stored: Stored, batches: usize, milliseconds: f64) {
        let weight: usize = self.held.drain(..batches).map(|batch| weight(&batch)).sum();
        self.held_weight -= weight;
        self.gap = None;
        let rows_held = self.held_rows();
        if mem::take(&mut self.failures) > 0 {
            info!(sink = self.sink, rows = stored.rows, "Storing works again.");
        }
        self.stats.update(|stats| {
            stats.flushes += 1;
            stats.rows_written += stored.rows;
            stats.sent_bytes = stats.sent_bytes.saturating_add(stored.sent_bytes);
            stats.received_bytes = stats.received_bytes.saturating_add(stored.received_bytes);
            stats.saturated += stored.saturated;
            stats.rows_held = rows_held;
            stats.last_error = None;
            stats.flushed_until = stored.until.or(stats.flushed_until);
            stats.last_flush_ms = milliseconds;
        });
    }

    fn roll_up(&mut self, now_ms: i64) -> rusqlite::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < self.upkeep.rollup {
            let step_begin = Instant::now();
            let Some(Rolled { rows, saturated }) =
                rollup::step(&mut self.store.connection, self.told, now_ms)?
            else {
                break;
            };
            self.stats.update(|stats| {
                stats.rollups += 1;
                stats.rollup_rows += rows;
                stats.saturated += saturated;
                stats.last_rollup_ms = step_begin.elapsed().as_secs_f64() * 1000.0;
            });
        }
        Ok(())
    }

    fn delete_old(&mut self, now_ms: i64) -> rusqlite::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < self.upkeep.retention {
            match retention::step(&mut self.store.connection, &self.keep, now_ms)? {
                Some(Deleted::Usage(rows)) => {
                    self.stats.update(|stats| stats.deleted_rows += rows);
                }
                Some(Deleted::Names) => self.dimensions.forget(),
                None => break,
            }
        }
        let used_bytes = retention::used_bytes(&self.store.connection)?;
        let over_size = self.keep.size_bytes.is_some_and(|most| used_bytes > most);
        let was_over = self.stats.snapshot().over_size;
        if over_size && !was_over {
            warn!(
                sink = self.sink,
                used_bytes,
                max_size_bytes = self.keep.size_bytes,
                "The database is larger than it may be; what can go goes step by step."
            );
        }
        self.stats.update(|stats| {
            stats.used_bytes = used_bytes;
            stats.over_size = over_size;
        });
        Ok(())
    }

    /// What fails stays to be done, and is tried again after the next flush.
    fn upkeep_failed(&mut self, source: rusqlite::Error) {
        let error = one_line(&StoreError::statement(
            &self.store.path,
            "rolling up or deleting rows",
            source,
        ));
        if self.upkeep_failures.is_multiple_of(FAILURES_PER_LOG_LINE) {
            warn!(
                sink = self.sink,
                error,
                "Rows could not be rolled up or deleted; answers are complete but take longer, and it is tried again."
            );
        }
        self.upkeep_failures += 1;
        self.stats.update(|stats| {
            stats.failed_upkeeps += 1;
            stats.last_error = Some(error);
        });
    }

    fn failed(&mut self, error: &StoreError, milliseconds: f64) {
        // Numbers of rows that were rolled back must not be used again.
        self.dimensions.forget();
        let error = one_line(error);
        let rows_held = self.held_rows();
        if self.failures.is_multiple_of(FAILURES_PER_LOG_LINE) {
            warn!(
                sink = self.sink,
                error, rows_held, "Rows could not be stored; they are held and tried again."
            );
        }
        self.failures += 1;
        self.stats.update(|stats| {
            stats.failed_flushes += 1;
            stats.last_error = Some(error);
            stats.last_flush_ms = milliseconds;
        });
    }

    /// Keeps the newest batch whatever its size: it was in memory anyway.
    fn drop_oldest(&mut self) {
        while self.held_weight > self.limits.drop_beyond && self.held.len() > 1 {
            let Some(batch) = self.held.pop_front() else {
                return;
            };
            self.held_weight -= weight(&batch);
            self.give_up(&batch);
        }
    }

    fn give_up(&mut self, batch: &UsageBatch) {
        let cost = Gap::widen(&mut self.gap, batch);
        self.stats.update(|stats| {
            let dropped = &mut stats.dropped;
            dropped.events += cost.events;
            dropped.sent_bytes = dropped.sent_bytes.saturating_add(cost.sent_bytes);
            dropped.received_bytes = dropped.received_bytes.saturating_add(cost.received_bytes);
        });
    }

    fn held_rows(&self) -> u64 {
        rows(&self.held)
    }
}

/// How long the machine has run, sleep included.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::try_from(time).expect("a boot is before now")
}

fn rows(batches: &VecDeque<Arc<UsageBatch>>) -> u64 {
    batches.iter().map(|batch| batch.usage.len() as u64).sum()
}

fn weight(batch: &UsageBatch) -> usize {
    batch.usage.len().max(1)
}
