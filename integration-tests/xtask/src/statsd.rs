//! The StatsD server from npm, of a fixed version and in a folder of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell::{run, workspace};

const PACKAGE: &str = "statsd@0.9.0";

fn folder() -> PathBuf {
    workspace().join("target/statsd")
}

/// Installs it, unless it is there already.
pub(crate) fn install() -> Result<()> {
    let folder = folder();
    // Written last, so that an interrupted installation is begun anew.
    let installed = folder.join("installed");
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == PACKAGE) {
        return Ok(());
    }
    println!("installing {PACKAGE} into {}", folder.display());
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    // What is optional is other ways to be run, and needs a compiler.
    run(Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--omit=optional"])
        .args(["--ignore-scripts", "--loglevel=error", "--prefix"])
        .arg(&folder)
        .arg(PACKAGE))?;
    std::fs::write(&installed, PACKAGE)
        .with_context(|| format!("cannot write {}", installed.display()))
}
