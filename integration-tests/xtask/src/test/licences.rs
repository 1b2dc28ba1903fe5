//! Licences and origins of what is linked into the product.

use anyhow::{Context as _, Result, bail};

use super::tally::Tally;
use crate::shell::{cargo, output, workspace};

/// Licences that ask for no more than their notice.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(super) fn check() -> Result<Tally> {
    let options = ["--workspace", "--edges", "normal,build", "--prefix", "none"];
    let tree = output(cargo("tree").args(options).args(["--format", "{p}|{l}"]))?;
    let refused: Vec<&str> = tree
        .lines()
        // An empty line parts the members of the workspace.
        .filter(|line| !line.is_empty())
        .filter(|line| {
            let licence = line.trim_end_matches(" (*)").rsplit_once('|');
            !licence.is_some_and(|(_package, licence)| is_allowed(licence))
        })
        .collect();
    if !refused.is_empty() {
        bail!("licences that are not on the list: {}", refused.join(", "));
    }
    let lock = std::fs::read_to_string(workspace().join("Cargo.lock"))
        .context("cannot read Cargo.lock")?;
    // One registry, which is cargo's own: another would have to be configured, and none is.
    let sources: Vec<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .collect();
    let registry = sources.first().context("Cargo.lock names no source")?;
    let elsewhere = sources
        .iter()
        .find(|source| !source.starts_with("\"registry+") || source != &registry);
    if let Some(source) = elsewhere {
        bail!("a dependency comes from {source}");
    }
    println!("{} dependencies, all of one registry", sources.len());
    Ok(Tally::default())
}

/// Whether an expression such as `(MIT OR Apache-2.0) AND Unicode-3.0` can be met. Parentheses
/// around anything but alternatives occur nowhere, and would be refused.
fn is_allowed(expression: &str) -> bool {
    expression.split(" AND ").all(|alternatives| {
        alternatives
            .trim_matches(['(', ')'])
            .replace('/', " OR ")
            .split(" OR ")
            .any(|licence| ALLOWED.contains(&licence.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn one_alternative_is_enough_and_every_part_counts() {
        assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(is_allowed("GPL-2.0 OR MIT"));
        assert!(is_allowed("MIT/Apache-2.0"));
        assert!(!is_allowed("MIT AND GPL-2.0"));
        assert!(!is_allowed(""));
    }
}
