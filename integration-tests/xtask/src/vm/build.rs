//! Our own programs, built on this side: there is no compiler in the machine.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::shell::{cargo, shown};

/// The program that runs every row of the generator.
pub(crate) const MATRIX: &str = "matrix";

/// A program that cargo has built.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// The daemon, the traffic generator with what runs every row of it, and the program that is started
/// by the thousand.
pub(crate) fn programs(release: bool) -> Result<Vec<Program>> {
    let packages = ["-p", "nettally", "-p", "nettally-integration-tests"];
    let mut build = cargo("build");
    build.args(packages);
    for name in ["nettally", "traffic", "speck", MATRIX] {
        build.args(["--bin", name]);
    }
    if release {
        build.arg("--release");
    }
    built_by(&mut build)
}

/// The test program.
pub(super) fn tests(release: bool) -> Result<Vec<Program>> {
    let package = [
        "-p",
        "nettally-integration-tests",
        "--features",
        "real-kernel",
    ];
    let mut tests = cargo("test");
    tests
        .args(package)
        .args(["--no-run", "--test", super::TESTS]);

    if release {
        tests.arg("--release");
    }
    // It lists the programs that the tests use, too.
    let mut programs = built_by(&mut tests)?;
    programs.retain(|program| program.name == super::TESTS);
    Ok(programs)
}

/// What cargo says it has built.
fn built_by(command: &mut Command) -> Result<Vec<Program>> {
    let output = command
        .args(["--quiet", "--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} failed: {}", shown(command), output.status);
    }
    let mut programs = Vec::new();
    for line in output.stdout.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let message: Value = serde_json::from_slice(line).context("cargo prints JSON")?;
        let (name, file) = (&message["target"]["name"], &message["executable"]);
        if let (Some(name), Some(file)) = (name.as_str(), file.as_str()) {
            programs.push(Program {
                name: name.to_owned(),
                file: file.into(),
            });
        }
    }
    Ok(programs)
}
