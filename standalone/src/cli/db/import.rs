//! `nettally db import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use nettally_sqlite_sink::maintenance;
use nettally_sqlite_sink::{ImportProgress, Imported};

use super::{Database, Target, progress};
use crate::cli::{ConfigFile, output};

/// Lines between two movements of the bar.
const LINES: u64 = 256;

/// Options of `db import`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// JSON lines written by `nettally db export`; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    target: Target,
}

/// Reads an export into the database, which may be new.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options {
        file: source,
        target,
    } = options;
    let Database { path, config } = target.database(file)?;
    let (input, length) = open(&source)?;
    let bar = progress::bytes(length, "reading");
    let mut lines = 0_u64;
    let imported = maintenance::import(&path, &config, input, &mut |step| match step {
        ImportProgress::Reading { bytes } => {
            lines += 1;
            if lines.is_multiple_of(LINES) {
                bar.set_position(bytes);
            }
        }
        ImportProgress::RollingUp => {
            bar.set_position(length);
            bar.set_message("all is read; rolling up");
        }
    });
    bar.finish_and_clear();
    let Imported {
        rows,
        losses,
        unknown_columns,
    } = imported?;
    if !unknown_columns.is_empty() {
        output::complain(&format!(
            "not stored, as this version does not know them: the columns {}",
            unknown_columns.join(", ")
        ));
    }
    writeln!(
        io::stdout().lock(),
        "{}: {rows} rows and {losses} losses imported",
        path.display()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Opens what is to be read; its length is 0 if nobody knows it.
fn open(source: &Path) -> anyhow::Result<(Box<dyn BufRead>, u64)> {
    if source == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), 0));
    }
    let file = File::open(source)
        .with_context(|| format!("cannot read the export {}", source.display()))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    Ok((Box::new(BufReader::with_capacity(1 << 16, file)), length))
}
