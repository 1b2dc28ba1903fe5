//! What can go wrong with the file.

use std::path::PathBuf;

/// An error of opening, writing or asking the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no file to read.
    #[error("no database at {}; start `nettally run` first, or give another path", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file cannot be opened or created.
    #[error("cannot open database {}; {hint}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What would help.
        hint: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file is of a newer program.
    #[error(
        "database {} has schema {found}, this build knows {known}; use a newer nettally or another path",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest this build knows.
        known: i64,
    },
    /// A statement failed.
    #[error("database {}: {doing} failed", path.display())]
    Statement {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
}
