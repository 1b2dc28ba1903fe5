//! `cargo xtask matrix`: every row of the traffic generator on every kernel and backend, and the
//! table of how it came out.
//!
//! Read in this order: [`lines`] (what the program `matrix` prints), [`mod@column`] (one kernel with
//! one backend), [`machines`] (running it here and in virtual machines), [`proof`] (what a row may
//! be left out for), [`grid`] (what must be there), [`markdown`] (the tables), [`files`] (where
//! they are written).

mod column;
mod files;
mod grid;
mod lines;
mod machines;
mod markdown;
mod proof;

use anyhow::{Result, bail};
use clap::ValueEnum as _;

use crate::vm;
use column::{Backend, Column};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Kernels to boot, such as `6.1`; without this and without `--host`, all and the one we run
    /// on.
    #[arg(long, value_name = "VERSION", value_delimiter = ',')]
    kernel: Vec<String>,
    /// Measure the kernel that we run on.
    #[arg(long)]
    host: bool,
    /// Only these backends.
    #[arg(long, value_enum, value_delimiter = ',')]
    backend: Vec<Backend>,
    /// Only these rows.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Write the tables to `integration-tests/MATRIX.md`, and the summary into `README.md`.
    #[arg(long, conflicts_with_all = ["kernel", "host", "backend", "rows"])]
    write: bool,
    /// Put programs into the machines that are optimised: they take long to build.
    #[arg(long)]
    release: bool,
    /// Seconds after which a machine is switched off.
    #[arg(long, value_name = "SECONDS", default_value_t = 1200)]
    time_limit: u64,
}

impl Arguments {
    /// Everything, for the tests.
    pub(crate) const EVERYTHING: Self = Self {
        kernel: Vec::new(),
        host: false,
        backend: Vec::new(),
        rows: Vec::new(),
        write: false,
        release: false,
        time_limit: 1200,
    };
}

/// Measures the rows again that differ in a machine, if the daemon itself said that calls were missed:
/// then the difference is accounted for. It must not come again.
fn repeat(run: &machines::Run<'_>, column: &mut Column) -> Result<()> {
    let rows = column.missed();
    if rows.is_empty() || column.machine.is_host {
        return Ok(());
    }
    println!(
        "=== {}: calls were missed, and said so, in {}; once more",
        column.heading(),
        rows.join(", ")
    );
    let again = machines::Run {
        backends: &[column.backend],
        rows: &rows,
        ..*run
    };
    let kernels = vm::wanted(std::slice::from_ref(&column.machine.name))?;
    for second in again.virtual_machines(&kernels)? {
        column.replace(&second);
    }
    Ok(())
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments {
        kernel,
        host,
        backend,
        rows,
        write,
        release,
        time_limit,
    } = arguments;
    let everything = kernel.is_empty() && !host;
    let kernels = if everything {
        vm::wanted(&["all".to_owned()])?
    } else {
        vm::wanted(kernel)?
    };
    let backends = if backend.is_empty() {
        Backend::value_variants()
    } else {
        backend
    };
    let programs = vm::build::programs(*release)?;
    let run = machines::Run {
        programs: &programs,
        backends,
        rows,
        time_limit: *time_limit,
    };
    let mut columns: Vec<Column> = Vec::new();
    if everything || *host {
        columns.extend(run.here()?);
    }
    columns.extend(run.virtual_machines(&kernels)?);
    for column in &mut columns {
        repeat(&run, column)?;
    }
    println!("\n{}", markdown::document(&columns));
    if *write {
        files::write(&columns)?;
    }
    let complaints = grid::complaints(&columns, rows.is_empty());
    if complaints.is_empty() {
        println!("every cell that must be there is there, and exact");
        return Ok(());
    }
    bail!("the matrix has gaps:\n{}", complaints.join("\n"))
}
