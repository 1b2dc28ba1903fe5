//! Packages as they would be published.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::checked;
use super::tally::Tally;
use crate::shell::{cargo, cargo_home, run};

/// What is published, dependencies first.
pub(super) const PACKAGES: [&str; 4] = [
    "nettally-ebpf",
    "nettally-source",
    "nettally-sqlite-sink",
    "nettally",
];

/// Packages every crate and builds it from its package; they see each other as if published.
pub(super) fn package() -> Result<Tally> {
    forget_earlier()?;
    forget_built()?;
    let mut command = cargo("package");
    // The tree may have changes while somebody works on it; what is packaged is what is tested.
    command.args(["--allow-dirty", "--no-metadata"]);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    checked(&mut command)
}

/// Cargo keeps what it unpacks by path, name and version. A checkout that lay in the same folder
/// before leaves packages there that would be built against in place of today's.
fn forget_earlier() -> Result<()> {
    let registry = cargo_home()
        .context("neither CARGO_HOME nor HOME is set")?
        .join("registry");
    for kept in ["src", "cache"] {
        for origin in folders(&registry.join(kept))? {
            // What comes from no host comes from a folder.
            if !name_of(&origin).starts_with('-') {
                continue;
            }
            for package in folders(&origin)? {
                if PACKAGES.iter().any(|name| is_of(&name_of(&package), name)) {
                    remove(&package)?;
                }
            }
        }
    }
    Ok(())
}

/// Cargo takes what it built of a package from a registry for good, as those never change.
fn forget_built() -> Result<()> {
    let mut command = cargo("clean");
    command.arg("--quiet");
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    run(&mut command)
}

/// Whether `entry` is `package` with a version.
fn is_of(entry: &str, package: &str) -> bool {
    entry
        .strip_prefix(package)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

/// What is in a folder; nothing if it is not there.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", folder.display()));
        }
    };
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn a_package_is_told_from_one_whose_name_begins_alike() {
        assert!(is_of("nettally-0.1.0", "nettally"));
        assert!(is_of("nettally-0.1.0.crate", "nettally"));
        assert!(!is_of("nettally-source-0.1.0", "nettally"));
        assert!(is_of("nettally-source-0.1.0", "nettally-source"));
    }
}
