//! Read-only access.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::error::StoreError;
use crate::query::{SeriesAnswer, SeriesQuery, UsageAnswer, UsageQuery};

/// A read-only connection to the history; the writer keeps writing beside it. Calls block.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
}

/// The state of the file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoreStats {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes on disk, with its write-ahead log.
    pub size_bytes: u64,
    /// Stored usage rows.
    pub rows: u64,
    /// Start of the oldest window.
    pub oldest: Option<Timestamp>,
    /// End of the newest window.
    pub flushed_until: Option<Timestamp>,
}

impl Reader {
    /// Opens the file, which must exist.
    ///
    /// # Errors
    /// The file is missing, unreadable, of a newer program, or no database of ours.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Answers how much each group moved.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn usage(&self, query: &UsageQuery) -> Result<UsageAnswer, StoreError> {
        let _unused = (query, &self.path);
        unimplemented!("sqlite-sink helper")
    }

    /// Answers how much was moved over time.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn series(&self, query: &SeriesQuery) -> Result<SeriesAnswer, StoreError> {
        let _unused = query;
        unimplemented!("sqlite-sink helper")
    }

    /// The state of the file.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn stats(&self) -> Result<StoreStats, StoreError> {
        unimplemented!("sqlite-sink helper")
    }
}
