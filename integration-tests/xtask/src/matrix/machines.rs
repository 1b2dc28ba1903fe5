//! Measuring here and in virtual machines.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::column::{Backend, Column, Machine, Outcome};
use super::lines;
use crate::shell::output;
use crate::vm::Prepared;
use crate::vm::build::{MATRIX, Program};
use crate::vm::kernels::Kernel;
use crate::vm::machine::Outcome as Ended;

/// Machines that run at a time. Each emulates its processors in one thread.
const AT_A_TIME: usize = 2;

/// What is run on every machine.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) programs: &'a [Program],
    pub(super) backends: &'a [Backend],
    pub(super) rows: &'a [String],
    pub(super) time_limit: u64,
}

impl Run<'_> {
    /// The kernel that we run on. What its backends are is not known beforehand.
    pub(super) fn here(&self) -> Result<Vec<Column>> {
        let release = output(Command::new("uname").arg("-r"))?;
        let mut numbers = release.split('.');
        let (major, minor) = (numbers.next(), numbers.next());
        let name = format!(
            "{}.{} (host)",
            major.unwrap_or(&release),
            minor.unwrap_or("?")
        );
        let machine = Machine {
            name,
            configuration: configuration_here(&release)?,
            release,
            is_host: true,
        };
        let backends = self.backends.iter();
        backends
            .map(|&backend| {
                println!("\n=== this machine, {}", backend.name());
                Ok(Column {
                    machine: machine.clone(),
                    backend,
                    required: false,
                    result: self.backend_here(backend)?,
                })
            })
            .collect()
    }

    fn backend_here(&self, backend: Backend) -> Result<Outcome> {
        let program = |name: &str| -> Result<&Path> {
            let programs = &mut self.programs.iter();
            let found = programs.find(|program| program.name == name);
            Ok(&found
                .with_context(|| format!("cargo built no {name}"))?
                .file)
        };
        let ended = Command::new(program(MATRIX)?)
            .args(self.arguments(backend))
            .env("NETTALLY_PROGRAM", program("nettally")?)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start the program `matrix`")?;
        let printed = String::from_utf8_lossy(&ended.stdout);
        println!("{printed}");
        outcome(&printed)
    }

    fn arguments(&self, backend: Backend) -> Vec<String> {
        let mut arguments = vec!["--json".to_owned()];
        arguments.push(format!("--backend={}", backend.name()));
        if !self.rows.is_empty() {
            arguments.push(format!("--rows={}", self.rows.join(",")));
        }
        arguments
    }

    /// The kernels, some at a time.
    pub(super) fn virtual_machines(&self, kernels: &[&'static Kernel]) -> Result<Vec<Column>> {
        let scripts: Vec<(&str, String)> = self
            .backends
            .iter()
            .map(|&backend| {
                let arguments = self.arguments(backend).join(" ");
                (backend.name(), format!("exec {MATRIX} {arguments}"))
            })
            .collect();
        let machines = kernels
            .iter()
            .map(|&kernel| {
                println!("\n=== kernel {}", kernel.name);
                let commands = scripts.iter();
                let commands = commands.map(|(name, script)| (*name, script.as_str()));
                Prepared::new(kernel, self.programs, &[], commands)
            })
            .collect::<Result<Vec<Prepared>>>()?;
        // Newer kernels have more to do: what takes longest goes first.
        let next = AtomicUsize::new(machines.len());
        let booted: Vec<Mutex<Option<Vec<Column>>>> =
            machines.iter().map(|_machine| Mutex::default()).collect();
        std::thread::scope(|scope| {
            for _ in 0..AT_A_TIME {
                scope.spawn(|| {
                    while let Ok(left) =
                        next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                            left.checked_sub(1)
                        })
                    {
                        let columns = self.columns(&machines[left - 1]);
                        let mut place = booted[left - 1].lock().expect("nobody panics with it");
                        *place = Some(columns);
                    }
                });
            }
        });
        let columns = booted.into_iter().flat_map(|place| {
            let columns = place.into_inner().expect("nobody panics with it");
            columns.expect("every place was taken once")
        });
        Ok(columns.collect())
    }

    /// Boots one machine; what went wrong is in the columns.
    fn columns(&self, prepared: &Prepared) -> Vec<Column> {
        let start = Instant::now();
        let booted = prepared.boot(Duration::from_secs(self.time_limit));
        let seconds = start.elapsed().as_secs();
        println!("=== kernel {} took {seconds} s", prepared.kernel.name);
        let configuration = std::fs::read_to_string(&prepared.configuration);
        let machine = Machine {
            name: prepared.kernel.name.to_owned(),
            release: prepared.release.clone(),
            configuration: configuration.unwrap_or_default(),
            is_host: false,
        };
        let column = |(number, &backend): (usize, &Backend)| Column {
            machine: machine.clone(),
            backend,
            required: prepared.kernel.backends.contains(&backend.name()),
            result: match &booted {
                Err(error) => Outcome::Broken(format!("{error:#}")),
                Ok(session) => of_command(&session.commands[number]),
            },
        };
        self.backends.iter().enumerate().map(column).collect()
    }
}

fn of_command(ended: &Ended) -> Outcome {
    outcome(&ended.output).unwrap_or_else(|error| Outcome::Broken(format!("{error:#}")))
}

fn outcome(printed: &str) -> Result<Outcome> {
    Ok(Outcome::of(lines::parse(printed)?))
}

/// Empty where the kernel does not say what it was built with.
fn configuration_here(release: &str) -> Result<String> {
    if Path::new("/proc/config.gz").exists() {
        return output(Command::new("zcat").arg("/proc/config.gz"));
    }
    let file = format!("/boot/config-{release}");
    Ok(std::fs::read_to_string(file).unwrap_or_default())
}
