//! One kernel with one backend.

use super::lines::{Calls, Daemon, Line, Verdict};

/// How the daemon sees calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Backend {
    Fexit,
    Tracepoint,
    Kprobe,
}

impl Backend {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fexit => "fexit",
            Self::Tracepoint => "tracepoint",
            Self::Kprobe => "kprobe",
        }
    }

    pub(super) const fn letter(self) -> &'static str {
        match self {
            Self::Fexit => "F",
            Self::Tracepoint => "T",
            Self::Kprobe => "K",
        }
    }
}

/// A kernel that was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// What it is called in the tables.
    pub(super) name: String,
    /// What `uname -r` says.
    pub(super) release: String,
    /// What it was built with, as in `/boot/config-*`.
    pub(super) configuration: String,
    /// Whether it is the one that we run on, of which nothing is known beforehand.
    pub(super) is_host: bool,
}

/// One kernel with one backend.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) machine: Machine,
    pub(super) backend: Backend,
    /// Whether this backend must work on this kernel.
    pub(super) required: bool,
    pub(super) result: Outcome,
}

/// How it went.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Measured(Measured),
    /// The daemon does not start with this backend.
    Refused(String),
    /// The measurement did not come to its end.
    Broken(String),
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Measured {
    pub(super) cells: Vec<Cell>,
    pub(super) daemon: Option<Daemon>,
    pub(super) calls: Vec<Calls>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) row: String,
    pub(super) title: String,
    pub(super) verdict: Verdict,
}

impl Outcome {
    pub(super) fn of(lines: Vec<Line>) -> Self {
        let mut measured = Measured::default();
        for line in lines {
            match line {
                Line::Refused { text } => return Self::Refused(text),
                Line::Cell {
                    row,
                    title,
                    verdict,
                    seconds: _,
                } => measured.cells.push(Cell {
                    row,
                    title,
                    verdict,
                }),
                Line::Daemon(daemon) => measured.daemon = Some(daemon),
                Line::Calls(calls) => measured.calls.push(calls),
                Line::End => return Self::Measured(measured),
            }
        }
        let last = measured.cells.last().map(|cell| cell.row.as_str());
        Self::Broken(format!(
            "it ends without an end, after the row {}",
            last.unwrap_or("that would be the first")
        ))
    }
}

impl Column {
    /// `6.12 T`
    pub(super) fn heading(&self) -> String {
        format!("{} {}", self.machine.name, self.backend.letter())
    }

    /// The rows that differ, if the daemon said that the kernel skipped its programs.
    pub(super) fn missed(&self) -> Vec<String> {
        let Outcome::Measured(measured) = &self.result else {
            return Vec::new();
        };
        let losses = measured.daemon.as_ref().map(|daemon| &daemon.losses);
        if losses.is_none_or(|losses| !losses.contains_key("recursion_missed")) {
            return Vec::new();
        }
        let differs = |cell: &&Cell| matches!(cell.verdict, Verdict::Differs(_));
        let rows = measured.cells.iter().filter(differs);
        rows.map(|cell| cell.row.clone()).collect()
    }

    /// Takes the verdicts that `second` has.
    pub(super) fn replace(&mut self, second: &Self) {
        let (Outcome::Measured(first), Some(second)) = (&mut self.result, second.measured()) else {
            return;
        };
        for cell in &mut first.cells {
            if let Some(verdict) = second.verdict(&cell.row) {
                cell.verdict = verdict.clone();
            }
        }
    }

    pub(super) fn measured(&self) -> Option<&Measured> {
        match &self.result {
            Outcome::Measured(measured) => Some(measured),
            Outcome::Refused(_) | Outcome::Broken(_) => None,
        }
    }
}

impl Measured {
    pub(super) fn verdict(&self, row: &str) -> Option<&Verdict> {
        let cell = self.cells.iter().find(|cell| cell.row == row);
        cell.map(|cell| &cell.verdict)
    }
}

/// All rows of all columns, in the order of the first that has them.
pub(super) fn rows(columns: &[Column]) -> Vec<(&str, &str)> {
    let mut rows: Vec<(&str, &str)> = Vec::new();
    let cells = columns.iter().filter_map(Column::measured);
    for Cell { row, title, .. } in cells.flat_map(|measured| &measured.cells) {
        if rows.iter().all(|(known, _title)| known != row) {
            rows.push((row, title));
        }
    }
    rows
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A column in which the rows came out like this.
    pub(in super::super) fn column(required: bool, cells: &[(&str, Verdict)]) -> Column {
        let cells = cells.iter().map(|(row, verdict)| Cell {
            row: (*row).to_owned(),
            title: format!("title of {row}"),
            verdict: verdict.clone(),
        });
        Column {
            machine: Machine {
                name: "6.1".to_owned(),
                release: "6.1.0-50-cloud-amd64".to_owned(),
                configuration: "CONFIG_TLS=m\n# CONFIG_MPTCP is not set\n".to_owned(),
                is_host: false,
            },
            backend: Backend::Kprobe,
            required,
            result: Outcome::Measured(Measured {
                cells: cells.collect(),
                daemon: None,
                calls: vec![calls(true)],
            }),
        }
    }

    pub(in super::super) fn calls(is_well: bool) -> Calls {
        Calls {
            group: "TCP".to_owned(),
            direction: "send".to_owned(),
            calls: [("tcp_sendmsg".to_owned(), 12)].into(),
            entered: 12,
            runs: [("inet_sendmsg".to_owned(), 12)].into(),
            exception: String::new(),
            is_well,
        }
    }

    fn losing(reason: &str) -> Column {
        let cells = [
            ("a", Verdict::Exact),
            ("b", Verdict::Differs("10 bytes".to_owned())),
        ];
        let mut column = column(true, &cells);
        if let Outcome::Measured(measured) = &mut column.result {
            measured.daemon = Some(Daemon {
                programs: Vec::new(),
                degradations: Vec::new(),
                losses: [(reason.to_owned(), serde_json::Value::Null)].into(),
                load_ms: 1.0,
                instructions: 1,
                memory_bytes: 1,
            });
        }
        column
    }

    #[test]
    fn only_what_the_daemon_said_it_missed_is_measured_again() {
        assert_eq!(losing("recursion_missed").missed(), ["b"]);
        assert_eq!(losing("remote_unresolved").missed(), Vec::<String>::new());
        let mut first = losing("recursion_missed");
        first.replace(&column(true, &[("b", Verdict::Exact)]));
        assert_eq!(first.missed(), Vec::<String>::new());
        let mut first = losing("recursion_missed");
        first.replace(&losing("recursion_missed"));
        assert_eq!(first.missed(), ["b"]);
    }

    #[test]
    fn an_output_without_its_end_is_broken() {
        assert!(matches!(Outcome::of(vec![]), Outcome::Broken(_)));
        assert!(matches!(Outcome::of(vec![Line::End]), Outcome::Measured(_)));
    }
}
