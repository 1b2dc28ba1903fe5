//! What is printed.

use std::fmt;
use std::time::Duration;

use nettally_integration_tests::harness::daemon::find;
use serde::Serialize;
use serde_json::Value;

use crate::calls::Count;
use crate::verdict::Verdict;

/// One line of the output.
#[derive(Debug, Serialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The daemon does not start with this backend.
    Refused { text: String },
    /// One row.
    Cell {
        row: String,
        title: String,
        #[serde(flatten)]
        verdict: Verdict,
        /// How long the traffic took.
        seconds: f64,
    },
    /// What the daemon said of itself at the end of the generator's rows.
    Daemon {
        kernel: String,
        backend: String,
        programs: Vec<String>,
        degradations: Value,
        losses: Value,
        load_ms: Value,
        /// Sums of all programs; 0 where the kernel does not tell.
        instructions: u64,
        memory_bytes: u64,
    },
    /// Calls of one group of rows, in one direction.
    Calls(Count),
    /// Nothing comes after this line, so that a machine that dies is noticed.
    End,
}

impl Line {
    pub(crate) fn cell(row: &str, title: &str, verdict: Verdict, took: Duration) -> Self {
        Self::Cell {
            row: row.to_owned(),
            title: title.to_owned(),
            verdict,
            seconds: took.as_secs_f64(),
        }
    }

    pub(crate) fn of_health(health: &Value) -> Self {
        let text = |key: &str| {
            let value = find(health, key).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let value = |key: &str| find(health, key).cloned().unwrap_or_default();
        let programs = health["programs"].as_array().map(Vec::as_slice);
        let programs = programs.unwrap_or_default();
        let hook = |program: &Value| program["hook"].as_str().map(str::to_owned);
        let sum = |key: &str| -> u64 {
            let of_each = programs.iter().filter_map(|program| program[key].as_u64());
            of_each.sum()
        };
        Self::Daemon {
            kernel: text("kernel"),
            backend: text("backend"),
            programs: programs.iter().filter_map(hook).collect(),
            degradations: value("degradations"),
            losses: value("losses"),
            load_ms: value("load_ms"),
            instructions: sum("instructions"),
            memory_bytes: sum("memory_bytes"),
        }
    }

    /// Whether it says nothing that is wrong.
    pub(crate) fn is_well(&self) -> bool {
        match self {
            Self::Refused { text: _ } => false,
            Self::Cell { verdict, .. } => verdict.is_well(),
            Self::Calls(count) => count.is_well(),
            Self::Daemon { .. } | Self::End => true,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { text } => write!(f, "the daemon does not start: {text}"),
            Self::Cell {
                row,
                verdict,
                seconds,
                title: _,
            } => write!(f, "{row:16} {seconds:>6.2} s  {verdict}"),
            Self::Daemon {
                kernel,
                backend,
                programs,
                degradations,
                losses,
                load_ms,
                instructions,
                memory_bytes,
            } => write!(
                f,
                "kernel {kernel}, backend {backend}\nprograms {programs:?}\n\
                 degradations {degradations}\nlosses {losses}\n\
                 load ms {load_ms}, instructions {instructions}, memory {memory_bytes}"
            ),
            Self::Calls(count) => write!(f, "{count}"),
            Self::End => write!(f, "the end"),
        }
    }
}
