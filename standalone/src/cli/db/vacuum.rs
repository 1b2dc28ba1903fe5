//! `nettally db vacuum`.

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use nettally_sqlite_sink::Reader;
use nettally_sqlite_sink::maintenance::{self, Vacuumed};

use super::{Target, progress, space};
use crate::cli::ConfigFile;
use crate::text::human_bytes;

/// Everything is written to a temporary file, to the log, and from there to the file.
const TIMES_WRITTEN: u64 = 3;

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// Options of `db vacuum`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
}

/// Rewrites the file if there is room for it.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options { target } = options;
    let path = target.database(file)?.path;
    let size_bytes = Reader::open(&path)?.stats()?.size_bytes;
    space::require_twice(size_bytes, &path)?;
    let bar = progress::bytes(TIMES_WRITTEN * size_bytes, "rewriting");
    let Vacuumed {
        before_bytes,
        after_bytes,
    } = shown(&bar, || maintenance::vacuum(&path))?;
    writeln!(
        io::stdout().lock(),
        "{}: {} before, {} after",
        path.display(),
        human_bytes(before_bytes),
        human_bytes(after_bytes)
    )?;
    Ok(ExitCode::SUCCESS)
}

/// SQLite does not tell how far it is, but the kernel knows what this process has written.
fn shown<T>(bar: &ProgressBar, work: impl FnOnce() -> T) -> T {
    let begin = written_bytes();
    let (done, is_done) = mpsc::channel::<()>();
    let outcome = thread::scope(|scope| {
        scope.spawn(move || {
            // It is dropped, never sent.
            while is_done.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
                let written = written_bytes().saturating_sub(begin);
                bar.set_position(written.min(bar.length().unwrap_or(written)));
            }
        });
        let outcome = work();
        drop(done);
        outcome
    });
    bar.finish_and_clear();
    outcome
}

/// Bytes that this process has written to files; 0 where `/proc` does not tell.
fn written_bytes() -> u64 {
    let counters = fs::read_to_string("/proc/self/io").unwrap_or_default();
    counters
        .lines()
        .find_map(|line| line.strip_prefix("wchar: ")?.parse().ok())
        .unwrap_or_default()
}
