//! `nettally man`.

mod section;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Command, CommandFactory as _};
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
        None => io::stdout().lock().write_all(&page(&built())?)?,
        Some(folder) => {
            std::fs::create_dir_all(&folder)
                .and_then(|()| write_pages(&built(), &folder))
                .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The command line with all that clap finds out about it, such as the whole name of each command.
fn built() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

/// A page for the command and for each below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        write_pages(below, folder)?;
    }
    std::fs::write(folder.join(format!("{}.1", name(command))), page(command)?)
}

/// `nettally-db-check`
fn name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

/// What clap knows of the command, then what it does not.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .source(concat!("nettally ", env!("CARGO_PKG_VERSION")))
        .manual("nettally");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    section::render(command, name(command), &mut page)?;
    Ok(page)
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
    fn a_page_says_what_options_do_not() {
        let parent = tempfile::tempdir().unwrap();
        let out = Some(parent.path().to_owned());
        execute(Options { out }).unwrap();
        for (page, told) in [
            ("nettally", ".SH FILES"),
            ("nettally", ".SH EXAMPLES"),
            ("nettally-run", "SIGHUP"),
            ("nettally-top", ".SH KEYS"),
            // A line that can be typed as it stands.
            (
                "nettally-report",
                ".SH EXAMPLES\n.nf\nnettally report today\n",
            ),
            ("nettally-report", ".SH \"EXIT STATUS\""),
            (
                "nettally-db-check",
                ".SH \"SEE ALSO\"\nnettally(1), nettally\\-db(1)",
            ),
        ] {
            let text = std::fs::read_to_string(parent.path().join(format!("{page}.1"))).unwrap();
            assert!(text.contains(told), "{page} has no {told}:\n{text}");
            let title = text.lines().find(|line| line.starts_with(".TH")).unwrap();
            assert!(title.contains("\"nettally 0"), "{title}");
        }
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
