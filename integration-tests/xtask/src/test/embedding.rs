//! A crate of somebody else that embeds the source.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::packages::PACKAGES;
use super::tally::Tally;
use crate::shell::{clean_command, run, workspace};

/// The crate's only file.
const MAIN: &str = include_str!("../../embedding/main.rs");

/// Builds a crate outside the workspace from the packages as they would be published, and runs it:
/// it measures itself.
pub(super) fn embed() -> Result<Tally> {
    let directory = std::env::temp_dir().join(format!("nettally-embedding-{}", std::process::id()));
    let done = embed_in(&directory);
    std::fs::remove_dir_all(&directory)
        .with_context(|| format!("cannot remove {}", directory.display()))?;
    done
}

fn embed_in(directory: &Path) -> Result<Tally> {
    let source = directory.join("src");
    std::fs::create_dir_all(&source)
        .with_context(|| format!("cannot create {}", source.display()))?;
    std::fs::write(source.join("main.rs"), MAIN)?;
    std::fs::write(directory.join("Cargo.toml"), manifest()?)?;
    run(clean_command("cargo")
        .args(["run", "--quiet", "--target-dir"])
        .arg(workspace().join("target/embedding"))
        .current_dir(directory))?;
    Ok(Tally::default())
}

/// Packages that are not published yet stand in for those that will be.
fn manifest() -> Result<String> {
    let mut manifest = include_str!("../../embedding/Cargo.toml.in").to_owned();
    let unpacked = workspace().join("target/package");
    for package in PACKAGES
        .iter()
        .filter(|name| manifest.contains(**name))
        .copied()
        .collect::<Vec<_>>()
    {
        let version = env!("CARGO_PKG_VERSION");
        let path = unpacked.join(format!("{package}-{version}"));
        if !path.is_dir() {
            bail!(
                "{} is not there; run the step `package` first",
                path.display()
            );
        }
        writeln!(manifest, "{package} = {{ path = {path:?} }}")?;
    }
    Ok(manifest)
}
