//! `nettally man`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_mangen::Man;

use super::Cli;

/// Options of `man`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Write a page for each command into this directory, which is made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the manual page, or writes all pages.
pub(super) fn execute(options: Options) -> anyhow::Result<ExitCode> {
    let Options { out } = options;
    match out {
        None => {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page)?;
            io::stdout().lock().write_all(&page)?;
        }
        Some(folder) => {
            std::fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), &folder))
                .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("man1");
        let out = Some(folder.clone());
        execute(Options { out }).unwrap();
        for command in Cli::command().get_subcommands() {
            let page = folder.join(format!("nettally-{}.1", command.get_name()));
            let text = std::fs::read_to_string(&page).unwrap();
            assert!(text.contains(".SH SYNOPSIS"), "{}", page.display());
        }
        assert!(folder.join("nettally.1").is_file());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let out = Some(file.path().join("man"));
        let error = execute(Options { out }).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot write manual pages to ")
        );
    }
}
