//! What the program `matrix` prints: see `integration-tests/src/bin/matrix/line.rs`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

/// One line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(super) enum Line {
    Refused {
        text: String,
    },
    Cell {
        row: String,
        title: String,
        #[serde(flatten)]
        verdict: Verdict,
        /// How long the traffic took.
        seconds: f64,
    },
    Daemon(Daemon),
    Calls(Calls),
    End,
}

/// How a row came out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "verdict", content = "text", rename_all = "snake_case")]
pub(super) enum Verdict {
    Exact,
    ExactWithoutRemote,
    Degraded(String),
    Differs(String),
    NotApplicable(String),
    Failed(String),
}

/// What the daemon said of itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Daemon {
    pub(super) programs: Vec<String>,
    pub(super) degradations: Vec<Degradation>,
    pub(super) losses: BTreeMap<String, Value>,
    pub(super) load_ms: f64,
    pub(super) instructions: u64,
    pub(super) memory_bytes: u64,
}

/// Something that it does not see.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Degradation {
    pub(super) code: String,
    pub(super) summary: String,
}

/// Calls of a group of rows in one direction, and runs of our hooks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Calls {
    pub(super) group: String,
    pub(super) direction: String,
    pub(super) calls: BTreeMap<String, u64>,
    /// Calls that sockets made; the others are calls of one function by another.
    pub(super) entered: u64,
    pub(super) runs: BTreeMap<String, u64>,
    pub(super) exception: String,
    pub(super) is_well: bool,
}

/// The lines in an output, which may have others between them.
pub(super) fn parse(output: &str) -> Result<Vec<Line>> {
    let ours = output.lines().filter(|line| line.starts_with("{\"line\":"));
    ours.map(|line| serde_json::from_str(line).with_context(|| format!("cannot read {line}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_found_between_other_output() {
        let output = "a warning\n{\"line\":\"cell\",\"row\":\"tcp-v4\",\"title\":\"TCP\",\
                      \"verdict\":\"differs\",\"text\":\"1\",\"seconds\":0.5}\n{\"line\":\"end\"}";
        let lines = parse(output).unwrap();
        let [Line::Cell { row, verdict, .. }, Line::End] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        assert_eq!(row, "tcp-v4");
        assert_eq!(*verdict, Verdict::Differs("1".to_owned()));
        assert!(parse("{\"line\":\"cell\"}").is_err());
    }
}
