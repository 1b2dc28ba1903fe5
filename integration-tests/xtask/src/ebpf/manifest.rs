//! What an object was made from.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::build::locked_version;
use super::toolchain::Toolchain;
use crate::shell::workspace;

/// Key of the hash over everything the programs are compiled from.
pub(super) const SOURCES: &str = "sources-sha256";
/// Key of the hash of the object's bytes.
pub(super) const OBJECT: &str = "object-sha256";

/// Lines of `key: value`.
pub(super) struct Manifest(Vec<(&'static str, String)>);

impl Manifest {
    /// Of an object that was just built.
    pub(super) fn of(object: &[u8], toolchain: &Toolchain) -> Result<Self> {
        let mut lines = vec![(SOURCES, sources_hash()?)];
        lines.push(("aya-ebpf", locked_version("aya-ebpf")?));
        lines.extend(toolchain.versions()?);
        lines.push((OBJECT, hash(object)));
        Ok(Self(lines))
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(key, value)| writeln!(f, "{key}: {value}"))
    }
}

/// The value of `key` in a manifest's text.
pub(super) fn value<'a>(text: &'a str, key: &str) -> Result<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
        .with_context(|| format!("the manifest has no line `{key}`"))
}

/// Over the sources of the programs and of the contract, the package's manifest, and the version
/// of aya-ebpf. `object.rs` embeds the result and is no source of it.
pub(super) fn sources_hash() -> Result<String> {
    let package = workspace().join("ebpf");
    let mut files = vec![package.join("Cargo.toml")];
    collect(&package.join("src"), &mut files)?;
    files.retain(|file| *file != package.join("src/object.rs"));
    files.sort();

    let mut hasher = Sha256::new();
    for file in files {
        let bytes =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file
            .strip_prefix(&package)
            .expect("every file was found below the package");
        part(&mut hasher, name.as_os_str().as_encoded_bytes());
        part(&mut hasher, &bytes);
    }
    part(&mut hasher, locked_version("aya-ebpf")?.as_bytes());
    Ok(hex(&hasher.finalize()))
}

/// SHA-256 of `bytes`, in hexadecimal.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Adds one part with its length, so that no two lists of parts have the same hash.
fn part(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update(
        u64::try_from(bytes.len())
            .expect("usize fits")
            .to_le_bytes(),
    );
    hasher.update(bytes);
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
