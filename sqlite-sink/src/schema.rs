//! What is inside the file: whose it is, which version, and the way to ours.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// `ntly` in ASCII: how `file(1)` and we tell our files from others.
pub(crate) const APPLICATION_ID: i64 = 0x6e74_6c79;

/// One script for each version, the first making version 1.
const MIGRATIONS: [&str; 6] = [
    include_str!("../migrations/0001_history.sql"),
    include_str!("../migrations/0002_tiers.sql"),
    include_str!("../migrations/0003_retention.sql"),
    include_str!("../migrations/0004_folding.sql"),
    include_str!("../migrations/0005_reduced_detail.sql"),
    include_str!("../migrations/0006_identity.sql"),
];

/// The version this build writes and reads.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What a file that we may use holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing at all.
    Empty,
    /// Our tables, of this version or an older one.
    Ours {
        /// Which.
        version: i64,
    },
}

/// Looks at a file without changing it; refuses what is not ours or is newer than this build.
pub(crate) fn examine(connection: &Connection, path: &Path) -> Result<Content, StoreError> {
    let ask = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|source| StoreError::statement(path, "reading its version", source))
    };
    let application_id = ask("PRAGMA application_id")?;
    let version = ask("PRAGMA user_version")?;
    let tables = ask("SELECT count(*) FROM sqlite_schema")?;
    let foreign = |found: String| StoreError::Foreign {
        path: path.to_owned(),
        found,
    };
    match (application_id, version) {
        (APPLICATION_ID, found) if found > VERSION => Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        (APPLICATION_ID, version) if version >= 1 => Ok(Content::Ours { version }),
        (0, 0) if tables == 0 => Ok(Content::Empty),
        (0, _) => Err(foreign("it holds another program's tables".to_owned())),
        (other, _) => Err(foreign(format!(
            "its application id {other:#x} is another program's"
        ))),
    }
}

/// Brings a file to [`VERSION`], in one transaction.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &Path,
    content: Content,
) -> Result<(), StoreError> {
    let from = match content {
        Content::Empty => 0,
        Content::Ours { version } => version,
    };
    apply(connection, from)
        .map_err(|source| StoreError::statement(path, "creating its tables", source))
}

fn apply(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    if from == VERSION {
        return Ok(());
    }
    if from == 0 {
        // Can only be chosen before the first table: lets retention give pages back in small steps.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    for (version, script) in (1_i64..).zip(MIGRATIONS) {
        if version > from {
            transaction.execute_batch(script)?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
