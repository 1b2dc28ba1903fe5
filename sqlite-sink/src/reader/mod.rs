//! Read-only access.
//!
//! `open` finds a way into the file, `plan` chooses the tiers, `scan` walks their rows once and sums
//! them up by their numbers, `label` turns numbers into values, `usage`, `series`, `processes`, `remotes`
//! and `billing` make answers of it, and `losses` says what they lack. `steps` is what answers over time
//! are cut into. `export` hands over everything, `inventory` and `check` look at the file itself.

mod billing;
mod check;
mod export;
mod inventory;
mod label;
mod losses;
mod open;
mod plan;
mod processes;
mod remotes;
mod scan;
mod series;
mod steps;
mod usage;

#[cfg(test)]
pub(crate) use export::tests::lines;

#[cfg(test)]
mod outside_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nettally_source::pipeline::LossCount;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};
use serde::Serialize;

pub use check::{CheckProgress, Finding};
pub use export::{ExportBegin, ExportEnd, ExportLoss, ExportQuery, ExportRecord};
pub use inventory::{Inventory, TierInventory};

use crate::error::StoreError;
use crate::moment::{Span, from_ms};
use crate::query::{
    CalendarAnswer, CalendarQuery, EstimateAnswer, EstimateQuery, PercentileAnswer,
    PercentileQuery, ProcessAnswer, ProcessQuery, RemoteAnswer, RemoteQuery, SeriesAnswer,
    SeriesQuery, TimeRange, UsageAnswer, UsageQuery,
};
use crate::tier::Tier;

/// More groups than this are refused, so that a question cannot take the machine's memory.
const MAX_GROUPS: usize = 1_000_000;

/// A read-only connection to the history; the writer keeps writing beside it. Calls block.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    max_groups: usize,
}

/// The state of the file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StoreStats {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes on disk, with its write-ahead log.
    pub size_bytes: u64,
    /// Stored usage rows of windows; those of minutes, hours, days and months come on top.
    pub rows: u64,
    /// Start of the oldest window, which may be there only as a part of its minute, hour, day or month.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<nettally_source::pipeline::schema::Instant>")
    )]
    pub oldest: Option<Timestamp>,
    /// End of the newest window.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<nettally_source::pipeline::schema::Instant>")
    )]
    pub flushed_until: Option<Timestamp>,
}

impl Reader {
    /// Opens the file, which must exist. Cheap: about as much as a small question.
    ///
    /// # Errors
    /// The file is missing, unreadable, of another version of the program, or no database of ours.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            connection: open::connect(path)?,
            path: path.to_owned(),
            max_groups: MAX_GROUPS,
        })
    }

    /// Answers how much each group moved.
    ///
    /// # Errors
    /// The database could not be read, the order is by a field that is not asked for, or the
    /// answer would be too large.
    pub fn usage(&self, query: &UsageQuery) -> Result<UsageAnswer, StoreError> {
        usage::answer(&self.snapshot()?, query)
    }

    /// Answers which processes moved bytes, with all that is known of them.
    ///
    /// # Errors
    /// The database could not be read, the order is by a field that no process decides, or the answer
    /// would be too large.
    pub fn processes(&self, query: &ProcessQuery) -> Result<ProcessAnswer, StoreError> {
        processes::answer(&self.snapshot()?, query)
    }

    /// Answers which remotes bytes were moved with: how many apps talked to each, and when.
    ///
    /// # Errors
    /// The database could not be read, the order is by a field other than `remote_ip`, or the answer
    /// would be too large.
    pub fn remotes(&self, query: &RemoteQuery) -> Result<RemoteAnswer, StoreError> {
        remotes::answer(&self.snapshot()?, query)
    }

    /// Answers how much was moved over time. Steps begin at multiples of their length since 1970,
    /// so the first may begin before the range. A `step_secs` of 0 is taken as 1.
    ///
    /// # Errors
    /// The database could not be read, or the answer would be too large.
    pub fn series(&self, query: &SeriesQuery) -> Result<SeriesAnswer, StoreError> {
        series::answer(&self.snapshot()?, query)
    }

    /// Answers how much was moved in each day, week or month of a time zone; the first may begin before
    /// the range.
    ///
    /// # Errors
    /// The database could not be read, or the answer would be too large.
    pub fn calendar(&self, query: &CalendarQuery) -> Result<CalendarAnswer, StoreError> {
        series::in_calendar(&self.snapshot()?, query)
    }

    /// Answers which rate a share of all five-minute intervals stayed at or below.
    ///
    /// # Errors
    /// The database could not be read, or the answer would be too large.
    pub fn percentile(&self, query: &PercentileQuery) -> Result<PercentileAnswer, StoreError> {
        billing::percentile(&self.snapshot()?, query)
    }

    /// Answers how much the running month, week or day will come to.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn estimate(&self, query: &EstimateQuery) -> Result<EstimateAnswer, StoreError> {
        billing::estimate(&self.snapshot()?, query)
    }

    /// What the history does not show of a range, or not fully, by reason: of everybody, whatever a
    /// filter says.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn losses(&self, range: TimeRange) -> Result<BTreeMap<String, LossCount>, StoreError> {
        losses::losses(&self.snapshot()?, range)
    }

    /// The state of the file; costs the same however large it is.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn stats(&self) -> Result<StoreStats, StoreError> {
        let snapshot = self.snapshot()?;
        let rows: i64 = snapshot
            .ask(|file| file.query_row("SELECT usage_rows FROM progress", [], |row| row.get(0)))?;
        Ok(StoreStats {
            path: self.path.clone(),
            size_bytes: size_bytes(&self.path),
            rows: rows.unsigned_abs(),
            oldest: snapshot.oldest()?,
            flushed_until: snapshot.flushed_until()?,
        })
    }

    /// All statements of one answer see the same moment of the file.
    fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> {
        let Self {
            connection,
            path,
            max_groups,
        } = self;
        let transaction = connection
            .unchecked_transaction()
            .map_err(|source| StoreError::statement(path, READING, source))?;
        Ok(Snapshot {
            transaction,
            path,
            max_groups: *max_groups,
        })
    }
}

/// What a failed statement of a question was doing.
const READING: &str = "reading the history";

/// The file at one moment.
#[derive(Debug)]
struct Snapshot<'r> {
    transaction: Transaction<'r>,
    path: &'r Path,
    max_groups: usize,
}

impl Snapshot<'_> {
    /// Runs a statement; its error names the file.
    fn ask<T>(
        &self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        statement(&self.transaction)
            .map_err(|source| StoreError::statement(self.path, READING, source))
    }

    /// Start of the oldest window of which something is left.
    fn oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        let stored = self.stored()?;
        Ok(stored.map(|Span { start_ms, .. }| from_ms(start_ms)))
    }

    /// From the oldest window of which something is left to the latest, which is not the last that came
    /// where a clock was set back.
    fn stored(&self) -> Result<Option<Span>, StoreError> {
        self.ask(|file| {
            let mut spans: Vec<Span> = Vec::new();
            for end in ["ASC", "DESC"] {
                let span = |row: &Row<'_>| {
                    Ok(Span {
                        start_ms: row.get(0)?,
                        end_ms: row.get(1)?,
                    })
                };
                let window = file
                    .prepare_cached(&format!(
                        "SELECT start_ms, end_ms FROM time_window ORDER BY start_ms {end} LIMIT 1"
                    ))?
                    .query_row([], span)
                    .optional()?;
                spans.extend(window);
                let mut bucket = file.prepare_cached(&format!(
                    "SELECT first_ms, last_ms FROM tier_bucket
                      WHERE tier_id = ? ORDER BY bucket {end} LIMIT 1"
                ))?;
                for tier in Tier::ALL {
                    spans.extend(bucket.query_row([tier.id()], span).optional()?);
                }
            }
            Ok(spans.into_iter().reduce(Span::or))
        })
    }

    /// End of the last window that the writer has stored, even if nothing was moved in it.
    fn flushed_until(&self) -> Result<Option<Timestamp>, StoreError> {
        let milliseconds: Option<i64> = self.ask(|file| {
            file.query_row("SELECT flushed_until_ms FROM progress", [], |row| {
                row.get(0)
            })
        })?;
        Ok(milliseconds.map(from_ms))
    }
}

/// The file and its log; a part that does not exist, or no longer, has no bytes.
fn size_bytes(path: &Path) -> u64 {
    [path.to_owned(), open::log_of(path)]
        .iter()
        .filter_map(|part| fs::metadata(part).ok())
        .map(|metadata| metadata.len())
        .sum()
}
