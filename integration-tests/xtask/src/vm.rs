//! `cargo xtask vm`: other kernels than the one we run on.
//!
//! Read in this order: [`kernels`] (which), [`checks`] (what must hold on each), [`apt`] (where they
//! come from), [`image`], [`modules`] and [`archive`] (what is in the machine), `init.sh` (its first
//! process), [`prepared`] and [`machine`] (one boot).

mod apt;
mod archive;
pub(crate) mod build;
mod checks;
mod image;
pub(crate) mod kernels;
pub(crate) mod machine;
mod modules;
mod prepared;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use build::Program;
use checks::Check;
use kernels::{KERNELS, Kernel};
use machine::{Outcome, Session};
pub(crate) use prepared::Prepared;

/// The test program that runs in the machine.
const TESTS: &str = "real_kernel";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Kernels to boot, such as `6.1`.
    #[arg(
        long,
        value_name = "VERSION",
        value_delimiter = ',',
        default_value = "all"
    )]
    kernel: Vec<String>,
    /// Run this in the machine's shell, in place of the checks.
    #[arg(long, value_name = "COMMAND", conflicts_with = "test_arguments")]
    shell_command: Vec<String>,
    /// Put this file or directory into the machine, in the directory where commands start.
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    /// Put programs into the machine that are optimised: they take long to build.
    #[arg(long)]
    release: bool,
    /// Seconds after which a machine is switched off.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    time_limit: u64,
    /// Arguments of the test program, such as the name of a test.
    #[arg(last = true)]
    test_arguments: Vec<String>,
}

/// How it went on one kernel.
struct Booted {
    release: String,
    session: Session,
    complaints: Vec<String>,
}

pub(crate) fn vm(arguments: &Arguments) -> Result<()> {
    let Arguments {
        kernel,
        release,
        shell_command,
        file,
        time_limit,
        test_arguments,
    } = arguments;
    let wanted = wanted(kernel)?;
    let checks = if shell_command.is_empty() {
        checks::of(test_arguments)
    } else {
        shell_command
            .iter()
            .map(|line| checks::shell(line))
            .collect()
    };
    let mut programs = build::programs(*release)?;
    programs.extend(build::tests(*release)?);
    let run = Run {
        programs: &programs,
        files: file,
        checks: &checks,
        time_limit: Duration::from_secs(*time_limit),
    };
    let mut results = Vec::new();
    for kernel in wanted {
        println!("\n=== kernel {}", kernel.name);
        let result = run.prepare(kernel).and_then(|prepared| run.boot(&prepared));
        results.push((kernel.name, result));
    }
    summary(&results)
}

/// On every kernel: programs that are gone at once are named in full, and what threads of the kernel
/// move is told as theirs. Two machines run at a time.
pub(crate) fn identity() -> Result<()> {
    let tests = ["identity::short", "kernel_threads", "--nocapture"];
    let checks = [checks::tests(&tests.map(str::to_owned))];
    let mut programs = build::programs(false)?;
    programs.extend(build::tests(false)?);
    let run = Run {
        programs: &programs,
        files: &[],
        checks: &checks,
        time_limit: Duration::from_secs(300),
    };
    let prepared = KERNELS
        .iter()
        .map(|kernel| run.prepare(kernel))
        .collect::<Result<Vec<_>>>()?;
    let mut results = Vec::new();
    for two in prepared.chunks(2) {
        std::thread::scope(|scope| {
            let machines: Vec<_> = two
                .iter()
                .map(|prepared| (prepared, scope.spawn(|| run.boot(prepared))))
                .collect();
            for (prepared, machine) in machines {
                let result = machine.join().expect("it does not panic");
                results.push((prepared.kernel.name, result));
            }
        });
    }
    summary(&results)
}

/// The kernels of these names, or `all`.
pub(crate) fn wanted(names: &[String]) -> Result<Vec<&'static Kernel>> {
    if names.iter().any(|name| name == "all") {
        return Ok(KERNELS.iter().collect());
    }
    let find = |name: &String| {
        let known = || KERNELS.iter().map(|kernel| kernel.name).collect::<Vec<_>>();
        KERNELS
            .iter()
            .find(|kernel| kernel.name == name)
            .with_context(|| format!("no kernel `{name}`, only {} and all", known().join(", ")))
    };
    names.iter().map(find).collect()
}

/// What is run on every machine.
#[derive(Clone, Copy)]
struct Run<'a> {
    programs: &'a [Program],
    files: &'a [PathBuf],
    checks: &'a [Check],
    time_limit: Duration,
}

impl Run<'_> {
    fn prepare(&self, kernel: &'static Kernel) -> Result<Prepared> {
        let commands = self
            .checks
            .iter()
            .map(|Check { name, script, .. }| (*name, script.as_str()));
        Prepared::new(kernel, self.programs, self.files, commands)
    }

    fn boot(&self, prepared: &Prepared) -> Result<Booted> {
        let session = prepared.boot(self.time_limit)?;
        let complain = |(check, outcome): (&Check, &Outcome)| {
            let complaint = (check.complaint)(outcome)?;
            Some(format!("{}: {complaint}", check.name))
        };
        let complaints = self.checks.iter().zip(&session.commands);
        Ok(Booted {
            complaints: complaints.filter_map(complain).collect(),
            release: prepared.release.clone(),
            session,
        })
    }
}

/// The table of kernels.
fn summary(results: &[(&str, Result<Booted>)]) -> Result<()> {
    println!(
        "\n{:8} {:28} {:>7} {:>9}  ",
        "kernel", "release", "boot s", "commands"
    );
    let mut failed = false;
    for (name, result) in results {
        match result {
            Err(error) => {
                failed = true;
                println!("{name:8} {error:#}");
            }
            Ok(Booted {
                release,
                session: Session { boot, commands },
                complaints,
            }) => {
                failed |= !complaints.is_empty();
                let verdict = if complaints.is_empty() {
                    "ok".to_owned()
                } else {
                    complaints.join("; ")
                };
                let (boot, commands) = (boot.as_secs_f64(), commands.len());
                println!("{name:8} {release:28} {boot:>7.1} {commands:>9}  {verdict}");
            }
        }
    }
    if failed {
        bail!("not everything holds on every kernel");
    }
    Ok(())
}
