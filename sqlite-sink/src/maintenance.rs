//! What is done with a file from time to time: moved, made smaller.

use std::io::BufRead;
use std::path::Path;

use serde::Serialize;

use crate::config::SqliteConfig;
use crate::error::StoreError;
use crate::reader::Reader;
use crate::store::Store;
use crate::writer::import::{self, ImportError, ImportProgress, Imported};

/// Reads an export, JSON lines, into a file that may exist, then rolls up and deletes as the
/// configuration says. All of the export is stored, or nothing. `progress` is told of each line.
///
/// # Errors
/// The export is not whole or not one, it has usage of a time of which the file has some, or the file
/// cannot be opened and written, for example because another program does.
pub fn import(
    path: &Path,
    config: &SqliteConfig,
    input: impl BufRead,
    progress: &mut dyn FnMut(ImportProgress),
) -> Result<Imported, ImportError> {
    let SqliteConfig {
        retention,
        max_size_bytes,
        ..
    } = config;
    let keep = retention.keep(*max_size_bytes);
    import::import(path, &"import".into(), keep, config.told(), input, progress)
}

/// How large a file was and is, with its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Vacuumed {
    /// Bytes before.
    pub before_bytes: u64,
    /// Bytes after.
    pub after_bytes: u64,
}

/// Rewrites the file without its free pages, and in order. It needs as much space as the file takes,
/// beside it and in the folder of temporary files.
///
/// # Errors
/// The file is missing or not ours, another program writes it, or the disk is full: then it is as it
/// was.
pub fn vacuum(path: &Path) -> Result<Vacuumed, StoreError> {
    let before_bytes = Reader::open(path)?.stats()?.size_bytes;
    let store = Store::open(path)?;
    let failed = |source| StoreError::statement(path, "rewriting it", source);
    store.connection.execute_batch("VACUUM").map_err(failed)?;
    store
        .connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()))
        .map_err(failed)?;
    drop(store);
    Ok(Vacuumed {
        before_bytes,
        after_bytes: Reader::open(path)?.stats()?.size_bytes,
    })
}
