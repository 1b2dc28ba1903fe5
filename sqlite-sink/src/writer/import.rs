//! An export back into a file: its rows become windows, in one transaction; then they are rolled up
//! and deleted as if they had been measured.
//!
//! A row of an hour is a window from the first to the last that it was made of. With the same
//! retention as where it comes from it stays a row of an hour, and is gone from the finer ones.

mod line;
mod occupied;
mod rows;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, BufRead, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nettally_source::pipeline::ComponentKey;
use rusqlite::TransactionBehavior;
use serde::Serialize;

use super::{HoldLimits, Keep, Told, Writer};
use crate::error::StoreError;
use crate::store::Store;
use line::{Begin, End, Line};
use occupied::Occupied;
use rows::Rows;

/// The boot that imported processes are of: an export does not tell which.
const BOOT: &str = "imported";

/// The version of the format that is written and read.
pub const EXPORT_VERSION: u32 = 1;

/// A longer line is no export.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// What was imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Rows of usage.
    pub rows: u64,
    /// Losses.
    pub losses: u64,
    /// Columns of the export that this build does not know, and has not stored.
    pub unknown_columns: Vec<String>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportProgress {
    /// Rows are being read.
    Reading {
        /// Bytes of the export so far.
        bytes: u64,
    },
    /// All rows are stored, and are being rolled up.
    RollingUp,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The database cannot be opened or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The export cannot be read.
    #[error("cannot read the export after line {line}")]
    Read {
        /// Lines before.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A line is not one of an export.
    #[error("line {line} of the export: {message}; nothing was imported")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// The last line is missing.
    #[error(
        "the export ends after line {line}, without the record that ends it: it is not whole; nothing was imported"
    )]
    Truncated {
        /// The last line.
        line: u64,
    },
    /// The file has rows of the same time.
    #[error(
        "database {} already has usage from {since} to {until}, where line {line} of the export would add to it; \
         nothing was imported: import into another file, or export less with --since and --until",
        path.display()
    )]
    Overlap {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// Start of what is stored.
        since: Timestamp,
        /// Its end.
        until: Timestamp,
    },
}

/// Reads an export, JSON lines, into a file that may exist: all of it or nothing.
pub(crate) fn import(
    path: &Path,
    key: &ComponentKey,
    keep: Keep,
    told: Told,
    input: impl BufRead,
    progress: &mut dyn FnMut(ImportProgress),
) -> Result<Imported, ImportError> {
    let is_new = !path.exists();
    let mut store = Store::open(path)?;
    match store_all(&mut store, input, progress) {
        Ok(imported) => {
            progress(ImportProgress::RollingUp);
            settle(
                Writer::new(
                    store,
                    key.id().to_owned(),
                    BOOT.to_owned(),
                    HoldLimits::default(),
                )
                .keeping(keep)
                .telling(told),
            );
            Ok(imported)
        }
        Err(error) => {
            let path = store.path.clone();
            drop(store);
            if is_new {
                remove(&path);
            }
            Err(error)
        }
    }
}

/// Rolls up and deletes until there is nothing left to do.
fn settle(mut writer: Writer) {
    loop {
        let before = writer.stats.snapshot();
        writer.flush();
        let after = writer.stats.snapshot();
        let is_idle = (before.rollups, before.deleted_rows) == (after.rollups, after.deleted_rows);
        // What fails is tried again by the next writer.
        if is_idle || after.failed_upkeeps > before.failed_upkeeps {
            break;
        }
    }
    writer.finish();
}

/// Leaves nothing of a file that was made for an import that failed. What cannot be removed is an
/// empty database, which does no harm.
fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _harmless = fs::remove_file(name);
    }
}

fn store_all(
    store: &mut Store,
    mut input: impl BufRead,
    progress: &mut dyn FnMut(ImportProgress),
) -> Result<Imported, ImportError> {
    let path = store.path.clone();
    let failed = |source| ImportError::Store(StoreError::statement(&path, "importing", source));
    let occupied = Occupied::read(&store.connection).map_err(failed)?;
    let transaction = store
        .connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let mut rows = Rows::new(&transaction).map_err(failed)?;
    let mut imported = Imported::default();
    let mut begin: Option<Begin> = None;
    let mut end = None;
    let mut number = 0;
    let mut bytes = 0;
    let mut text = Vec::new();
    while end.is_none() {
        text.clear();
        let length = input
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut text)
            .map_err(|source| ImportError::Read {
                line: number,
                source,
            })?;
        if length == 0 {
            return Err(ImportError::Truncated { line: number });
        }
        number += 1;
        bytes += length as u64;
        progress(ImportProgress::Reading { bytes });
        let wrong = |message: String| ImportError::Line {
            line: number,
            message,
        };
        let line: Line = serde_json::from_slice(&text).map_err(|error| {
            let message = if text.ends_with(b"\n") {
                format!("not a record of an export ({error})")
            } else {
                "not whole".to_owned()
            };
            wrong(message)
        })?;
        let overlap = |(since_ms, until_ms): (i64, i64)| ImportError::Overlap {
            path: path.clone(),
            line: number,
            since: crate::moment::from_ms(since_ms),
            until: crate::moment::from_ms(until_ms),
        };
        match (line, &begin) {
            (Line::Begin(first), None) => {
                let Begin { version, .. } = first;
                if version != EXPORT_VERSION {
                    return Err(wrong(format!(
                        "it is of version {version}, this build reads {EXPORT_VERSION}"
                    )));
                }
                imported.unknown_columns = first.unknown_columns();
                begin = Some(first);
            }
            (Line::Begin(_), Some(_)) => {
                return Err(wrong(
                    "a second export begins; import them one by one".to_owned(),
                ));
            }
            (Line::Usage(_) | Line::Loss(_) | Line::End(_), None) => {
                return Err(wrong(
                    "the record that begins an export is missing".to_owned(),
                ));
            }
            (Line::Usage(row), Some(_)) => {
                let span = row.span().map_err(wrong)?;
                if let Some(stored) = occupied.meets(span) {
                    return Err(overlap(stored));
                }
                rows.usage(span, &row).map_err(failed)?.map_err(wrong)?;
                imported.rows += 1;
            }
            (Line::Loss(loss), Some(_)) => {
                let span = loss.span().map_err(wrong)?;
                if loss.is_of_window()
                    && let Some(stored) = occupied.meets(span)
                {
                    return Err(overlap(stored));
                }
                rows.loss(span, &loss).map_err(failed)?;
                imported.losses += 1;
            }
            (Line::End(last), Some(_)) => end = Some(last),
        }
    }
    let held = End {
        rows: imported.rows,
        losses: imported.losses,
    };
    if end.is_some_and(|end| end != held) {
        return Err(ImportError::Line {
            line: number,
            message: format!(
                "it says that {} rows and {} losses came before it, but there were {} and {}",
                end.unwrap_or_default().rows,
                end.unwrap_or_default().losses,
                held.rows,
                held.losses
            ),
        });
    }
    let flushed_until = begin.and_then(|begin| begin.flushed_until);
    rows.finish(flushed_until).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(imported)
}
