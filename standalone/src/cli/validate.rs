//! `nettally validate`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, output};
use crate::config::{Config, Overrides};

/// Options of `validate`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The file; without it, the one that `run` would use.
    file: Option<PathBuf>,
}

/// Says that the file can be used, or all that is wrong with it.
pub(super) fn execute(options: Options, default: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options { file } = options;
    if let (Some(one), Some(other)) = (&file, &default.0) {
        output::complain(&format!(
            "one file at a time: {} is named, and {} after -c",
            one.display(),
            other.display()
        ));
        return Ok(ExitCode::from(2));
    }
    let named = file.map(|path| ConfigFile(Some(path)));
    let config = named
        .as_ref()
        .unwrap_or(default)
        .load(&Overrides::default())?;
    let Config {
        origin,
        sources,
        sinks,
        ..
    } = config;
    let names = |names: Vec<&String>| {
        if names.is_empty() {
            return "none".to_owned();
        }
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        names.join(", ")
    };
    writeln!(
        io::stdout().lock(),
        "{origin}: ok (sources: {}; sinks: {})",
        names(sources.keys().collect()),
        names(sinks.keys().collect())
    )?;
    Ok(ExitCode::SUCCESS)
}
