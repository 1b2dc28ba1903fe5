//! `cargo xtask`: chores of the project, run from anywhere inside it.
//!
//! Read in this order: [`ebpf`] (build the kernel side), [`setup`] (what the chores need from the
//! system), [`mod@test`] (everything that must hold).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore tells its progress on the terminal"
)]

mod ebpf;
mod long;
mod matrix;
mod python;
mod setup;
mod shell;
mod statsd;
mod test;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build the kernel side from source and commit-ready: object and MANIFEST in `ebpf/object/`.
    Ebpf(ebpf::Arguments),
    /// Install what building the kernel side and testing need.
    Setup(setup::Arguments),
    /// Install what the tests need, and run them all.
    Test(test::Arguments),
    /// Test on other kernels, in a virtual machine.
    Vm(vm::Arguments),
    /// Every way of moving bytes on every kernel and backend, to the byte, as a table.
    Matrix(matrix::Arguments),
    /// Measure what counting costs; options go to the benchmark (`-- --help`).
    Bench {
        #[arg(last = true)]
        options: Vec<String>,
    },
    /// Measure how soon the HTTP API answers from a long history, and whether a thousand requests a
    /// second hold up the collector; options go to the benchmark (`-- --help`). Without `--history
    /// FILE` it makes a month of a busy host first.
    Latency {
        #[arg(last = true)]
        options: Vec<String>,
    },
    /// Pictures of every view of the page into `target/screenshots`; `NETTALLY_PAGE=http://ADDRESS`
    /// takes them of a page that is there already.
    Screenshots {
        /// Instead, take the two pictures that the README shows, of made-up traffic; takes five
        /// minutes.
        #[arg(long)]
        write: bool,
    },
    /// Run the tests that have a short form at full length.
    Soak {
        /// Seconds of churn.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Ebpf(arguments) => ebpf::run(&arguments),
        Chore::Setup(arguments) => setup::setup(&arguments),
        Chore::Test(arguments) => test::test(&arguments),
        Chore::Vm(arguments) => vm::vm(&arguments),
        Chore::Matrix(arguments) => matrix::run(&arguments),
        Chore::Bench { options } => long::bench(&options),
        Chore::Latency { options } => long::latency(&options),
        Chore::Screenshots { write } => long::screenshots(write),
        Chore::Soak { seconds } => long::soak(seconds),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
