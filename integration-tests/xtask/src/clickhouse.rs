//! ClickHouse's engine, from PyPI, of fixed versions and in a folder of its own: the tests insert
//! into the tables of `config-examples/clickhouse`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell::{run, workspace};

/// The small build of the engine as a library, and what its Python module needs.
const PACKAGES: &[&str] = &[
    "chdb-core-lite==26.5.0",
    "numpy==2.4.6",
    "pandas==3.1.1",
    "pyarrow==26.0.1",
    "python-dateutil==4.0.0",
    "tzdata==2026.6",
];

/// Where it is.
fn folder() -> PathBuf {
    workspace().join("target/clickhouse")
}

/// Installs it, unless it is there already.
pub(crate) fn install() -> Result<()> {
    let folder = folder();
    // Written last, so that an interrupted installation is begun anew.
    let installed = folder.join("installed");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    println!("installing {} into {}", PACKAGES[0], folder.display());
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args([
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
        ])
        .args(PACKAGES))?;
    std::fs::write(&installed, wanted)
        .with_context(|| format!("cannot write {}", installed.display()))
}
