//! Measures the machine that it runs on: every row of the traffic generator on one backend, each
//! compared with what the daemon has stored, to the byte. Prints one line for each cell.
//!
//! Read in this order: [`mod@line`] (what is printed), [`verdict`] (what is compared), [`rows`] (the
//! generator's rows), [`lives`] (sockets that outlive a daemon, with [`phases`] to make them),
//! [`full`] (a table that is too small), [`calls`] (the kernel's own count of calls beside ours,
//! with [`kprobes`] and [`runs`]).
#![expect(
    clippy::print_stdout,
    reason = "it prints the cells of a table, that is what it is for"
)]

mod calls;
mod full;
mod kprobes;
mod line;
mod lives;
mod phases;
mod rows;
mod runs;
mod verdict;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use nettally_integration_tests::harness::daemon::{Daemon, Setup};

use line::Line;

/// Every row of the generator on one backend.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    inner: Option<Inner>,
    /// The backend of the daemon.
    #[arg(long, value_enum, default_value_t = Backend::Tracepoint)]
    backend: Backend,
    /// Only these rows.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Lines of JSON.
    #[arg(long)]
    json: bool,
}

/// What it starts itself with.
#[derive(Subcommand)]
enum Inner {
    /// Moves bytes at each line of standard input.
    #[command(hide = true)]
    Phases { name: String },
}

/// How the daemon sees calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Fexit,
    Tracepoint,
    Kprobe,
}

impl Backend {
    const fn name(self) -> &'static str {
        match self {
            Self::Fexit => "fexit",
            Self::Tracepoint => "tracepoint",
            Self::Kprobe => "kprobe",
        }
    }

    /// A daemon that is forced to it; `more` are lines of the source's configuration.
    fn start(self, more: &[&str]) -> Result<Daemon, String> {
        let mut source = vec![format!("backend: {}", self.name())];
        source.extend(more.iter().map(|&line| line.to_owned()));
        Daemon::try_start(&Setup {
            source,
            scrape_interval_secs: 0.3,
            flush_interval_secs: 0.3,
            ..Setup::default()
        })
    }
}

/// Which rows are asked for.
struct Wanted(Vec<String>);

impl Wanted {
    fn has(&self, row: &str) -> bool {
        let Self(rows) = self;
        rows.is_empty() || rows.iter().any(|name| name == row)
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let Arguments {
        inner,
        backend,
        rows,
        json,
    } = Arguments::parse();
    if let Some(Inner::Phases { name }) = inner {
        phases::run(&name)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut all_well = true;
    let mut print = |line: Line| {
        all_well &= line.is_well();
        if json {
            println!("{}", serde_json::to_string(&line).expect("a line is JSON"));
        } else {
            println!("{line}");
        }
    };
    measure(backend, &Wanted(rows), &mut print)?;
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn measure(backend: Backend, wanted: &Wanted, print: &mut impl FnMut(Line)) -> anyhow::Result<()> {
    let mut daemon = match backend.start(&[]) {
        Ok(daemon) => daemon,
        Err(text) => {
            print(Line::Refused { text });
            return Ok(());
        }
    };
    let ran = rows::run(wanted);
    if wanted.has("calls") {
        calls::print(&daemon, print)?;
    }
    let health = daemon.get("/api/v1/health").map_err(anyhow::Error::msg)?;
    daemon.stop();
    rows::judge(backend, ran, &daemon, &health, print);
    print(Line::of_health(&health));
    lives::run(backend, wanted, print);
    full::run(backend, wanted, print);
    print(Line::End);
    Ok(())
}
