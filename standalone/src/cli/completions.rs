//! `nettally completions`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;

/// Options of `completions`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// For which shell.
    shell: Shell,
}

/// Prints the script that a shell reads to complete our options.
pub(super) fn execute(options: Options) -> io::Result<ExitCode> {
    let Options { shell } = options;
    io::stdout().lock().write_all(&script(shell))?;
    Ok(ExitCode::SUCCESS)
}

/// Into memory first: the generator panics if it cannot write.
fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nettally", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_learns_every_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {script}");
            }
        }
    }
}
