//! What is wrong with a configuration, all of it at once.

use std::fmt;
use std::path::PathBuf;

use super::node::Position;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key, from the top: `sources.network.loopback`; empty for the whole file.
    pub path: String,
    /// Where it stands in the file.
    pub position: Position,
    /// What was found and what is allowed.
    pub message: String,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "cannot read configuration {}; check the path and that this user may read it",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file can be read, its content is wrong.
    #[error("{}", Listing { origin, findings })]
    Wrong {
        /// The file, or words for the built-in configuration.
        origin: String,
        /// All that is wrong, in the order of the file.
        findings: Vec<Finding>,
    },
}

struct Listing<'a> {
    origin: &'a str,
    findings: &'a [Finding],
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, findings } = self;
        match findings.len() {
            1 => write!(f, "the configuration has a problem:")?,
            count => write!(f, "the configuration has {count} problems:")?,
        }
        for Finding {
            path,
            position: Position { line, column },
            message,
        } in *findings
        {
            write!(f, "\n  {origin}")?;
            if *line > 0 {
                write!(f, ":{line}:{column}")?;
            }
            if !path.is_empty() {
                write!(f, ": {path}")?;
            }
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

/// `; did you mean `x`?` if one of `allowed` is near to `found`, else `;`.
pub(super) fn did_you_mean(found: &str, allowed: &[&str]) -> String {
    allowed
        .iter()
        .map(|word| (strsim::damerau_levenshtein(found, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
        .min()
        .map(|(_distance, word)| format!("; did you mean `{word}`?"))
        .unwrap_or_else(|| ";".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_word_is_suggested() {
        let allowed = ["inputs", "when_full", "address"];
        assert_eq!(did_you_mean("input", &allowed), "; did you mean `inputs`?");
        assert_eq!(
            did_you_mean("adress", &allowed),
            "; did you mean `address`?"
        );
        assert_eq!(did_you_mean("colour", &allowed), ";");
    }
}
