//! Receivers of what nettally tells that come from PyPI, of fixed versions and in folders of their
//! own.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell::{run, workspace};

/// A folder under `target`, and all that is in it.
struct Environment {
    folder: &'static str,
    packages: &'static [&'static str],
}

const ENVIRONMENTS: [Environment; 2] = [
    // The small build of ClickHouse's engine as a library, and what its Python module needs: tests
    // insert into the tables of `config-examples/clickhouse`.
    Environment {
        folder: "clickhouse",
        packages: &[
            "chdb-core-lite==26.5.0",
            "numpy==2.4.6",
            "pandas==3.1.1",
            "pyarrow==26.0.1",
            "python-dateutil==4.0.0",
            "tzdata==2026.6",
        ],
    },
    // A program that takes OpenTelemetry's metrics.
    Environment {
        folder: "open-telemetry",
        packages: &["rotel==0.0.1a15"],
    },
];

/// Installs them, unless they are there already.
pub(crate) fn install() -> Result<()> {
    ENVIRONMENTS.iter().try_for_each(Environment::install)
}

impl Environment {
    fn install(&self) -> Result<()> {
        let Self { folder, packages } = *self;
        let folder = workspace().join("target").join(folder);
        // Written last, so that an interrupted installation is begun anew.
        let installed = folder.join("installed");
        let wanted = packages.join("\n");
        if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        println!("installing {} into {}", packages[0], folder.display());
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
            .args(packages))?;
        std::fs::write(&installed, wanted)
            .with_context(|| format!("cannot write {}", installed.display()))
    }
}
