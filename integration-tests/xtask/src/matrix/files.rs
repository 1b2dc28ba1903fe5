//! Where the tables are written.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::column::Column;
use super::markdown;
use crate::shell::workspace;

const BEGIN: &str = "<!-- matrix: written by `cargo xtask matrix --write` -->\n";
const END: &str = "<!-- end of matrix -->";

/// The tables to a file of their own, the summary into the README.
pub(super) fn write(columns: &[Column]) -> Result<()> {
    let document = workspace().join("integration-tests/MATRIX.md");
    put(&document, &markdown::document(columns))?;
    let readme = workspace().join("README.md");
    let text = std::fs::read_to_string(&readme)
        .with_context(|| format!("cannot read {}", readme.display()))?;
    let text = replaced(&text, &markdown::summary(columns))
        .with_context(|| format!("{} has no place for the summary", readme.display()))?;
    put(&readme, &text)?;
    println!("written to {} and {}", document.display(), readme.display());
    Ok(())
}

fn put(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The text with something else between the marks.
fn replaced(text: &str, summary: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_old, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{summary}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("a\n{BEGIN}old\n{END}\nb\n");
        let new = replaced(&text, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}new\n{END}\nb\n"));
        assert_eq!(replaced("no marks", "new"), None);
    }
}
