//! `nettally db`: looking after the database file.
//!
//! One file for each command; `progress` shows how far one is.

mod check;
pub(crate) mod export;
mod import;
mod progress;
mod space;
mod stats;
mod vacuum;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use nettally_sqlite_sink::SqliteConfig;

use super::ConfigFile;
use crate::config::{Overrides, SinkKind};

/// Options of `db`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say how large the file is, what takes the space, and how fast it grows.
    ///
    /// The daemon may run. Everything is counted, which takes seconds for gigabytes.
    Stats(stats::Options),
    /// Check that the file is sound and that its parts agree; exit status 1 if not.
    ///
    /// SQLite looks at pages, indices and references; then each tier is compared with the one that it
    /// was made from. The daemon may run.
    Check(check::Options),
    /// Give the space of deleted rows back to the disk; the daemon must be stopped.
    ///
    /// The file is rewritten. Until that is done it takes as much space again, both beside it and in
    /// the folder of temporary files (SQLITE_TMPDIR, TMPDIR, /var/tmp).
    Vacuum(vacuum::Options),
    /// Write everything, or a part of it, as JSON lines or CSV.
    ///
    /// Of each time the finest rows that are left are written, so that no byte is there twice; `tier`
    /// says which. The daemon may run.
    Export(export::Options),
    /// Read JSON lines that `export` has written, all of them or nothing; the daemon must be stopped.
    ///
    /// The rows are kept as the configuration says, as if they had been measured: old ones in coarser
    /// tiers. Usage of a time of which the database has some already is refused.
    Import(import::Options),
}

/// Runs one of the commands.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options { command } = options;
    match command {
        Command::Stats(options) => stats::execute(options, file),
        Command::Check(options) => check::execute(options, file),
        Command::Vacuum(options) => vacuum::execute(options, file),
        Command::Export(options) => export::execute(options, file),
        Command::Import(options) => import::execute(options, file),
    }
}

/// Which file.
#[derive(Debug, Args)]
struct Target {
    /// The database file [default: that of the configuration].
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    database: Option<PathBuf>,

    /// The data directory whose nettally.db is meant [default: as configured].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// A file, and how it is configured.
struct Database {
    path: PathBuf,
    config: SqliteConfig,
}

impl Target {
    /// A file that is named is taken to be kept as the first sink of type sqlite is.
    fn database(&self, file: &ConfigFile) -> anyhow::Result<Database> {
        let overrides = Overrides {
            data_dir: self.data_dir.clone(),
            ..Overrides::default()
        };
        let config = file.load(&overrides)?;
        let configured = config.sinks.values().find_map(|entry| match &entry.kind {
            SinkKind::Sqlite(sink) => Some(sink.clone()),
            SinkKind::Statsd(_) | SinkKind::Vector(_) | SinkKind::Http(_) | SinkKind::Otlp(_) => {
                None
            }
        });
        let named = self.database.as_deref().map(Path::to_owned);
        let path = named
            .or_else(|| configured.as_ref()?.path.clone())
            .with_context(|| {
                format!(
                    "{} has no sink of type sqlite; name a file with --database",
                    config.origin
                )
            })?;
        Ok(Database {
            path,
            config: configured.unwrap_or_default(),
        })
    }
}
