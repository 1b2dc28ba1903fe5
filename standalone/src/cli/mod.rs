//! The command line.
//!
//! One file for each command; each has its options first and `execute` next. This file parses,
//! hands over, and turns errors into one sentence and an exit code.

mod audit;
mod backend;
mod collector;
mod completions;
pub(crate) mod db;
mod doctor;
mod generate;
mod logging;
mod man;
mod next;
mod output;
mod report;
mod rights;
mod run;
mod schema;
mod stream;
mod top;
mod validate;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config, ConfigError, Overrides};

/// Which process talks to whom, and how much: counted in the Linux kernel, kept as history.
#[derive(Debug, Parser)]
#[command(name = "nettally", version, max_term_width = 100)]
struct Cli {
    /// Configuration file [default: /etc/nettally/nettally.yaml if it exists, else built in].
    #[arg(
        short,
        long,
        value_name = "FILE",
        global = true,
        help_heading = "Everywhere"
    )]
    config: Option<PathBuf>,

    /// How much is logged to standard error: error, warn, info, debug, trace, or a filter such as
    /// `warn,nettally_source=debug`.
    #[arg(long, value_name = "LEVEL", global = true, help_heading = "Everywhere")]
    log_level: Option<String>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure, keep history, and serve the page, until stopped (needs root).
    Run(run::Options),
    /// Show who moves how much right now, in the terminal (of a running daemon, or as root).
    Top(top::Options),
    /// Show who moved how much, from the history.
    #[command(after_help = report::HELP)]
    Report(report::Options),
    /// Print what is moved as lines for another program, such as Vector (of a running daemon, or as
    /// root).
    Stream(stream::Options),
    /// Check that what is attributed adds up to what the kernel itself counts (needs root).
    Audit(audit::Options),
    /// Say what this kernel allows, what would be missing, and what would help.
    Doctor(doctor::Options),
    /// Look after the database: size, soundness, space, export and import.
    Db(db::Options),
    /// Check a configuration file; say all that is wrong with it.
    Validate(validate::Options),
    /// Print a configuration file with every option, its meaning and its default.
    Generate(generate::Options),
    /// Print the script with which a shell completes commands and options.
    Completions(completions::Options),
    /// Print the manual page, or write one for each command.
    Man(man::Options),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(code) => code,
        // Whoever reads the output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli {
        config,
        log_level,
        command,
    } = cli;
    let quiet = !matches!(command, Some(Command::Run(_)));
    logging::set_up(
        log_level
            .as_deref()
            .unwrap_or(if quiet { "warn" } else { "info" }),
    )?;
    let file = ConfigFile(config);
    match command {
        None => next::execute(&file),
        Some(Command::Run(options)) => run::execute(options, &file),
        Some(Command::Top(options)) => top::execute(options, &file),
        Some(Command::Report(options)) => report::execute(options, &file),
        Some(Command::Stream(options)) => stream::execute(options, &file),
        Some(Command::Audit(options)) => audit::execute(options, &file),
        Some(Command::Doctor(options)) => doctor::execute(options, &file),
        Some(Command::Db(options)) => db::execute(options, &file),
        Some(Command::Validate(options)) => validate::execute(options, &file),
        Some(Command::Generate(options)) => Ok(generate::execute(options)?),
        Some(Command::Completions(options)) => Ok(completions::execute(options)?),
        Some(Command::Man(options)) => man::execute(options),
    }
}

/// The file named after `-c`.
#[derive(Clone, Debug)]
struct ConfigFile(Option<PathBuf>);

impl ConfigFile {
    fn load(&self, overrides: &Overrides) -> Result<Config, ConfigError> {
        config::load(self.0.as_deref(), overrides)
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// The clock of the command line.
#[expect(
    clippy::disallowed_methods,
    reason = "the rim: `--since -10m` and the start of the program count from here"
)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use nettally_source::BackendChoice;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_may_begin_with_a_hyphen() {
        let cli = Cli::try_parse_from(["nettally", "report", "--since", "-10m", "--until", "-5m"]);
        assert!(matches!(cli.unwrap().command, Some(Command::Report(_))));
    }

    #[test]
    fn whoever_measures_or_asks_the_kernel_takes_a_backend() {
        for command in ["run", "top", "stream", "doctor"] {
            for choice in BackendChoice::ALL {
                let words = ["nettally", command, "--backend", choice.name()];
                let cli = Cli::try_parse_from(words).unwrap();
                let backend = match cli.command.unwrap() {
                    Command::Run(options) => options.backend,
                    Command::Top(options) => options.backend,
                    Command::Stream(options) => options.backend,
                    Command::Doctor(options) => options.backend,
                    Command::Report(_)
                    | Command::Audit(_)
                    | Command::Db(_)
                    | Command::Validate(_)
                    | Command::Generate(_)
                    | Command::Completions(_)
                    | Command::Man(_) => panic!("{command} is another command"),
                };
                assert_eq!(backend.overrides().backend, Some(choice), "{command}");
            }
        }
        let refused = Cli::try_parse_from(["nettally", "run", "--backend", "ebpf"]).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("auto, fexit, tracepoint, kprobe")
        );
    }

    #[test]
    fn every_command_takes_a_configuration_before_and_after_its_name() {
        for command in [
            "run", "top", "report", "stream", "audit", "doctor", "validate",
        ] {
            let after = Cli::try_parse_from(["nettally", command, "-c", "x.yaml"]).unwrap();
            let before = Cli::try_parse_from(["nettally", "-c", "x.yaml", command]).unwrap();
            assert_eq!(after.config, Some("x.yaml".into()));
            assert_eq!(before.config, after.config);
        }
        let database = ["nettally", "db", "check", "-c", "x.yaml"];
        let database = Cli::try_parse_from(database).unwrap();
        assert_eq!(database.config, Some("x.yaml".into()));
    }
}
