//! Packages as they would be published.

use anyhow::Result;

use super::checked;
use super::tally::Tally;
use crate::shell::cargo;

/// What is published, dependencies first.
pub(super) const PACKAGES: [&str; 4] = [
    "nettally-ebpf",
    "nettally-source",
    "nettally-sqlite-sink",
    "nettally",
];

/// Packages every crate and builds it from its package; they see each other as if published.
pub(super) fn package() -> Result<Tally> {
    let mut command = cargo("package");
    // The tree may have changes while somebody works on it; what is packaged is what is tested.
    command.args(["--allow-dirty", "--no-metadata"]);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    checked(&mut command)
}
