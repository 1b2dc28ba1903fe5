//! `nettally db export`.

pub(crate) mod format;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nettally_sqlite_sink::{ExportQuery, ExportRecord, Filter, Reader, TimeRange};
use tempfile::NamedTempFile;

use super::{Target, progress};
use crate::cli::{ConfigFile, now, output, report};
use format::{Format, Lines};

/// Rows between two movements of the bar.
const ROWS: u64 = 256;

/// Options of `db export`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// How rows are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Windows that start from here on, in the forms that `report` takes [default: all].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,

    /// Windows that start before [default: all].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,

    /// Time zone of the days and dates [default: that of TZ, or of this machine].
    #[arg(long, value_name = "ZONE", value_parser = report::zone)]
    time_zone: Option<TimeZone>,

    /// Only rows of which this is true, such as `protocol=udp`; then losses are left out.
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    condition: Option<Filter>,

    /// File to write; it is there when it is whole, readable by its owner [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the file of --output if there is one.
    #[arg(long, requires = "output")]
    force: bool,

    #[command(flatten)]
    target: Target,
}

/// Writes what the history has.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let query = match options.query(now()) {
        Ok(query) => query,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            return Ok(ExitCode::from(report::WRONG_USAGE));
        }
    };
    let reader = Reader::open(&options.target.database(file)?.path)?;
    match &options.output {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            write(&reader, &query, options.format, &mut out)?;
            out.flush()?;
        }
        Some(path) => {
            if !options.force && fs::symlink_metadata(path).is_ok() {
                bail!("{} exists; --force replaces it", path.display());
            }
            let mut file = beside(path)?;
            let mut out = BufWriter::new(file.as_file_mut());
            write(&reader, &query, options.format, &mut out)?;
            out.flush()
                .and_then(|()| out.get_ref().sync_all())
                .with_context(|| format!("cannot write {}", path.display()))?;
            drop(out);
            // Nobody is overwritten who came meanwhile.
            let kept = if options.force {
                file.persist(path)
            } else {
                file.persist_noclobber(path)
            };
            kept.map_err(|error| error.error)
                .with_context(|| format!("cannot give the export its name {}", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A file in the same folder, gone unless it is finished.
fn beside(path: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Without a folder the error would have the name of a file that nobody asked for.
    fs::metadata(folder)
        .and_then(|_folder| NamedTempFile::new_in(folder))
        .with_context(|| format!("cannot write into the folder {}", folder.display()))
}

impl Options {
    fn query(&self, now: Timestamp) -> anyhow::Result<ExportQuery> {
        let zone = self.time_zone.clone().unwrap_or_else(TimeZone::system);
        let end = |parameter, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| TimeRange::end(parameter, text, now, &zone))
                .transpose()
                .map_err(|error| anyhow::anyhow!("--{error}"))
        };
        let (since, until) = (end("since", &self.since)?, end("until", &self.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            bail!("--since: {since} is not before --until, which is {until}");
        }
        Ok(ExportQuery {
            since,
            until,
            filter: self.condition.clone(),
        })
    }
}

fn write(
    reader: &Reader,
    query: &ExportQuery,
    format: Format,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut lines = Lines::new(format, out);
    let mut bar = None;
    let mut rows = 0_u64;
    reader.export::<anyhow::Error>(query, |record| {
        match &record {
            ExportRecord::Begin(begin) => bar = Some(progress::rows(begin.rows, "writing")),
            ExportRecord::Usage { .. } => rows += 1,
            ExportRecord::Loss(_) | ExportRecord::End(_) => {}
        }
        if let Some(bar) = &bar
            && rows.is_multiple_of(ROWS)
        {
            bar.set_position(rows);
        }
        Ok(lines.write(&record)?)
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(())
}
