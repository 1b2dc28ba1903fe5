//! The tables, as people read them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::column::{Column, Measured, Outcome, rows};
use super::lines::{Calls, Verdict};

const INTRODUCTION: &str = "\
# Accuracy by kernel

Every row is a way of moving bytes: processes with names of their own move a known number of bytes, \
and what nettally has stored of each process is compared with what their system calls returned: \
process, PID, sent and received bytes, remote address and port, and protocol, to the byte. Columns \
are kernels with a backend: F is fexit, T tracepoint, K kprobe. `cargo xtask matrix --write` runs \
it all and writes this file.
";

const LEGEND: &str = "\
✓ exact; ✓ᵘ exact, with a remote that is said to be unresolved; ▽ less is seen, which the daemon \
says; – this kernel cannot move bytes this way; ✗ wrong. Numbers stand for the reasons below.
";

/// All of it.
pub(super) fn document(columns: &[Column]) -> String {
    let mut notes = Notes::default();
    let cells = table_of_rows(columns, &mut notes);
    [
        INTRODUCTION.to_owned(),
        summary(columns),
        format!("## Every row\n\n{LEGEND}\n{cells}\n{}", notes.list()),
        calls(columns),
        daemons(columns),
    ]
    .join("\n")
}

/// One line for each kernel and backend.
pub(super) fn summary(columns: &[Column]) -> String {
    let mut text = "| kernel | backend | exact | of | remote unresolved | less is seen | not \
                    applicable | wrong |\n|---|---|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for column in columns {
        let release = &column.machine.release;
        let backend = column.backend.name();
        match &column.result {
            Outcome::Measured(Measured { cells, .. }) => {
                let count = |is: fn(&Verdict) -> bool| {
                    cells.iter().filter(|cell| is(&cell.verdict)).count()
                };
                let not_applicable = count(|v| matches!(v, Verdict::NotApplicable(_)));
                let unresolved = count(|v| *v == Verdict::ExactWithoutRemote);
                line(
                    &mut text,
                    &[
                        release.clone(),
                        backend.to_owned(),
                        (count(|v| *v == Verdict::Exact) + unresolved).to_string(),
                        (cells.len() - not_applicable).to_string(),
                        unresolved.to_string(),
                        count(|v| matches!(v, Verdict::Degraded(_))).to_string(),
                        not_applicable.to_string(),
                        count(|v| matches!(v, Verdict::Differs(_) | Verdict::Failed(_)))
                            .to_string(),
                    ],
                );
            }
            // Nothing was promised of it, and nothing is there.
            Outcome::Refused(_) if !column.required => {}
            Outcome::Refused(why) | Outcome::Broken(why) => {
                let why = why.lines().next().unwrap_or_default().to_owned();
                line(&mut text, &[release.clone(), backend.to_owned(), why]);
            }
        }
    }
    text
}

/// Reasons with numbers, each once.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn number(&mut self, reason: &str) -> usize {
        let Self(reasons) = self;
        if let Some(index) = reasons.iter().position(|known| known == reason) {
            return index + 1;
        }
        reasons.push(reason.to_owned());
        reasons.len()
    }

    fn list(&self) -> String {
        let reasons = self.0.iter().enumerate();
        reasons
            .map(|(index, reason)| format!("{}. {}\n", index + 1, reason.replace('\n', " ")))
            .collect()
    }
}

fn table_of_rows(columns: &[Column], notes: &mut Notes) -> String {
    let measured: Vec<(&Column, &Measured)> = columns
        .iter()
        .filter_map(|column| Some((column, column.measured()?)))
        .collect();
    let mut text = String::new();
    let headings = measured.iter().map(|(column, _)| column.heading());
    let headings: Vec<String> = ["row".to_owned(), "what".to_owned()]
        .into_iter()
        .chain(headings)
        .collect();
    line(&mut text, &headings);
    let rule = ["---", "---"].into_iter();
    let rule = rule.chain(measured.iter().map(|_column| ":-:"));
    line(&mut text, &rule.map(str::to_owned).collect::<Vec<_>>());
    for (row, title) in rows(columns) {
        let cells = measured
            .iter()
            .map(|(_, measured)| mark(measured.verdict(row), notes));
        let cells: Vec<String> = [format!("`{row}`"), title.to_owned()]
            .into_iter()
            .chain(cells)
            .collect();
        line(&mut text, &cells);
    }
    text
}

fn mark(verdict: Option<&Verdict>, notes: &mut Notes) -> String {
    let (mark, reason) = match verdict {
        None => ("", "not measured"),
        Some(Verdict::Exact) => return "✓".to_owned(),
        Some(Verdict::ExactWithoutRemote) => return "✓ᵘ".to_owned(),
        Some(Verdict::Degraded(reason)) => ("▽", reason.as_str()),
        Some(Verdict::NotApplicable(reason)) => ("–", reason.as_str()),
        Some(Verdict::Differs(reason) | Verdict::Failed(reason)) => ("✗", reason.as_str()),
    };
    format!("{mark}<sup>{}</sup>", notes.number(reason))
}

/// Calls beside runs.
fn calls(columns: &[Column]) -> String {
    const INTRODUCTION: &str = "## Every call is one run\n\nThe kernel's own tracing counts calls (kprobe \
        events, no eBPF) beside the runs of our hooks, while the same rows run and nothing else does. \
        Our hooks are one level above the functions: each cell has the calls that sockets made, and \
        the runs.\n\n";
    let measured: Vec<(&Column, &Measured)> = columns
        .iter()
        .filter_map(|column| Some((column, column.measured()?)))
        .filter(|(_, measured)| !measured.calls.is_empty())
        .collect();
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for calls in measured.iter().flat_map(|(_, measured)| &measured.calls) {
        let group = (calls.group.as_str(), calls.direction.as_str());
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let mut text = INTRODUCTION.to_owned();
    let headings = measured.iter().map(|(column, _)| column.heading());
    let headings: Vec<String> = ["rows".to_owned(), "functions".to_owned()]
        .into_iter()
        .chain(headings)
        .collect();
    line(&mut text, &headings);
    line(&mut text, &vec!["---".to_owned(); headings.len()]);
    let mut notes = Notes::default();
    for group in groups {
        let of_group = |measured: &&Measured| {
            let mut calls = measured.calls.iter();
            calls
                .find(|calls| (calls.group.as_str(), calls.direction.as_str()) == group)
                .cloned()
        };
        let each: Vec<Option<Calls>> = measured.iter().map(|(_, m)| of_group(m)).collect();
        let functions = names(each.iter().flatten().flat_map(|calls| calls.calls.keys()));
        let cells = each
            .iter()
            .map(|calls| compared(calls.as_ref(), &mut notes));
        let (name, direction) = group;
        let cells: Vec<String> = [format!("{name}, {direction}"), functions]
            .into_iter()
            .chain(cells)
            .collect();
        line(&mut text, &cells);
    }
    text.push('\n');
    text.push_str(&notes.list());
    text.push_str(&hooks(&measured));
    text
}

/// `12 = 12`
fn compared(calls: Option<&Calls>, notes: &mut Notes) -> String {
    let Some(calls) = calls else {
        return "–".to_owned();
    };
    let runs: u64 = calls.runs.values().sum();
    let sign = if calls.is_well { "=" } else { "✗" };
    let note = match calls.exception.as_str() {
        "" => String::new(),
        exception => format!("<sup>{}</sup>", notes.number(exception)),
    };
    format!("{} {sign} {runs}{note}", calls.entered)
}

/// Whose runs were counted, by backend.
fn hooks(measured: &[(&Column, &Measured)]) -> String {
    let mut text = String::new();
    let mut backends: Vec<_> = measured.iter().map(|(column, _)| column.backend).collect();
    backends.sort();
    backends.dedup();
    for backend in backends {
        let of_backend = measured
            .iter()
            .filter(|(column, _)| column.backend == backend);
        let calls = of_backend.flat_map(|(_, measured)| &measured.calls);
        let hooks = names(calls.flat_map(|calls| calls.runs.keys()));
        writeln!(text, "- runs, {}: {hooks}", backend.name()).expect("a string takes it");
    }
    text
}

/// Each once, in the order of the alphabet.
fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: BTreeSet<String> = names.map(|name| format!("`{name}`")).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// What the daemon said of itself.
fn daemons(columns: &[Column]) -> String {
    let mut text = "## What was loaded, not seen and lost\n\n| column | programs | instructions | \
                    load ms | memory bytes | degradations | losses |\n\
                    |---|--:|--:|--:|--:|---|---|\n"
        .to_owned();
    let mut degradations: BTreeMap<&str, &str> = BTreeMap::new();
    for column in columns {
        let Some(daemon) = column.measured().and_then(|m| m.daemon.as_ref()) else {
            continue;
        };
        for degradation in &daemon.degradations {
            degradations.insert(&degradation.code, &degradation.summary);
        }
        let codes = daemon.degradations.iter();
        let codes: Vec<String> = codes.map(|one| format!("`{}`", one.code)).collect();
        let losses = daemon.losses.iter();
        let losses: Vec<String> = losses.map(|(reason, count)| loss(reason, count)).collect();
        line(
            &mut text,
            &[
                column.heading(),
                daemon.programs.len().to_string(),
                daemon.instructions.to_string(),
                format!("{:.0}", daemon.load_ms),
                daemon.memory_bytes.to_string(),
                codes.join(", "),
                losses.join(", "),
            ],
        );
    }
    text.push('\n');
    for (code, summary) in degradations {
        writeln!(text, "- `{code}`: {summary}").expect("a string takes it");
    }
    text
}

fn loss(reason: &str, count: &Value) -> String {
    let events = &count["events"];
    format!("`{reason}` {events}")
}

/// One line of a table; a bar in a cell would end it.
fn line(text: &mut String, cells: &[String]) {
    for cell in cells {
        let cell = cell.replace('\n', " ").replace('|', "\\|");
        write!(text, "| {cell} ").expect("a string takes it");
    }
    text.push_str("|\n");
}

#[cfg(test)]
mod tests {
    use super::super::column::tests::column;
    use super::*;

    #[test]
    fn each_reason_has_one_number_and_each_column_its_marks() {
        let lack = || Verdict::NotApplicable("no MPTCP: CONFIG_MPTCP is not set".to_owned());
        let columns = [
            column(true, &[("a", Verdict::Exact), ("b", lack()), ("c", lack())]),
            column(
                true,
                &[
                    ("a", Verdict::ExactWithoutRemote),
                    ("b", Verdict::Failed("x|y".into())),
                ],
            ),
        ];
        let text = document(&columns);
        for expected in [
            "| row | what | 6.1 K | 6.1 K |",
            "| `a` | title of a | ✓ | ✓ᵘ |",
            "| `b` | title of b | –<sup>1</sup> | ✗<sup>2</sup> |",
            "| `c` | title of c | –<sup>1</sup> | <sup>3</sup> |",
            "1. no MPTCP: CONFIG_MPTCP is not set\n2. x|y\n",
            "| 6.1.0-50-cloud-amd64 | kprobe | 1 | 1 | 0 | 0 | 2 | 0 |",
            "| 6.1.0-50-cloud-amd64 | kprobe | 1 | 2 | 1 | 0 | 0 | 1 |",
            "| TCP, send | `tcp_sendmsg` | 12 = 12 | 12 = 12 |",
            "- runs, kprobe: `inet_sendmsg`\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }

    #[test]
    fn what_is_broken_is_in_the_summary_and_what_was_never_promised_is_not() {
        let refused = |required| Column {
            result: Outcome::Refused("no trampolines\nmore".to_owned()),
            ..column(required, &[])
        };
        assert!(summary(&[refused(true)]).contains("| no trampolines |"));
        assert!(!summary(&[refused(false)]).contains("trampolines"));
    }
}
