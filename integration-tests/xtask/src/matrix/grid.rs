//! What must be in the table, and is not.

use super::column::{Column, Machine, Outcome, rows};
use super::lines::Verdict;
use super::proof;

/// Everything that is wrong; a sentence each. `all_rows` says that no rows were left out on
/// purpose.
pub(super) fn complaints(columns: &[Column], all_rows: bool) -> Vec<String> {
    let rows = rows(columns);
    let mut complaints: Vec<String> = columns
        .iter()
        .flat_map(|column| of_column(column, &rows, all_rows))
        .collect();
    complaints.extend(of_host(columns));
    if rows.is_empty() {
        complaints.push("nothing was measured".to_owned());
    }
    complaints
}

fn of_column(column: &Column, rows: &[(&str, &str)], all_rows: bool) -> Vec<String> {
    let heading = column.heading();
    let measured = match &column.result {
        Outcome::Refused(_) if !column.required => return Vec::new(),
        Outcome::Refused(text) => return vec![format!("{heading}: refused: {text}")],
        Outcome::Broken(text) => return vec![format!("{heading}: {text}")],
        Outcome::Measured(measured) => measured,
    };
    let Machine {
        release,
        configuration,
        is_host,
        name: _,
    } = &column.machine;
    let mut complaints = Vec::new();
    for (row, _title) in rows {
        let complaint = match measured.verdict(row) {
            None => Some("missing".to_owned()),
            Some(Verdict::Exact | Verdict::ExactWithoutRemote | Verdict::Degraded(_)) => None,
            Some(Verdict::NotApplicable(reason)) => {
                let is_proven = proof::holds(reason, configuration, release);
                (!is_proven).then(|| format!("left out for what is not proven: {reason}"))
            }
            Some(Verdict::Differs(text)) => Some(format!("differs: {text}")),
            Some(Verdict::Failed(text)) => Some(format!("failed: {text}")),
        };
        complaints.extend(complaint.map(|text| format!("{heading}: {row}: {text}")));
    }
    for calls in measured.calls.iter().filter(|calls| !calls.is_well) {
        complaints.push(format!(
            "{heading}: calls and runs are not the same: {calls:?}"
        ));
    }
    if all_rows && !is_host && measured.calls.is_empty() {
        complaints.push(format!("{heading}: no calls were counted"));
    }
    complaints
}

/// Of the kernel that we run on, one backend has to work.
fn of_host(columns: &[Column]) -> Option<String> {
    let mut of_host = columns.iter().filter(|column| column.machine.is_host);
    let is_there = of_host.clone().next().is_some();
    let works = of_host.any(|column| column.measured().is_some());
    (is_there && !works).then(|| "no backend works on this machine".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::column::tests::{calls, column};
    use super::*;

    const EXACT: Verdict = Verdict::Exact;

    #[track_caller]
    fn complains(columns: &[Column], of: &str) {
        let complaints = complaints(columns, true);
        assert!(
            complaints.len() == 1 && complaints[0].contains(of),
            "{complaints:?}"
        );
    }

    #[test]
    fn a_full_grid_is_fine() {
        let lack = Verdict::NotApplicable("CONFIG_MPTCP is not set".to_owned());
        let columns = [
            column(true, &[("a", EXACT), ("b", lack)]),
            column(true, &[("a", Verdict::ExactWithoutRemote), ("b", EXACT)]),
        ];
        assert_eq!(complaints(&columns, true), Vec::<String>::new());
    }

    #[test]
    fn every_gap_is_named() {
        let differs = Verdict::Differs("10 bytes".to_owned());
        complains(&[column(false, &[("a", differs)])], "10 bytes");
        complains(
            &[column(false, &[("a", Verdict::Failed("x".into()))])],
            "failed",
        );
        let lack = Verdict::NotApplicable("CONFIG_TLS is not set".to_owned());
        complains(&[column(true, &[("a", lack)])], "not proven");
        let short = column(true, &[("a", EXACT)]);
        complains(
            &[short, column(true, &[("a", EXACT), ("b", EXACT)])],
            "b: missing",
        );
        complains(&[], "nothing");
    }

    #[test]
    fn a_backend_may_be_refused_only_outside_the_grid() {
        let refused = |required| Column {
            result: Outcome::Refused("no".to_owned()),
            ..column(required, &[])
        };
        let full = || column(true, &[("a", EXACT)]);
        complains(&[full(), refused(true)], "refused");
        assert!(complaints(&[full(), refused(false)], true).is_empty());
        let mut host = refused(false);
        host.machine.is_host = true;
        complains(&[full(), host], "this machine");
        let broken = Column {
            result: Outcome::Broken("it panicked".to_owned()),
            ..column(false, &[])
        };
        complains(&[full(), broken], "it panicked");
    }

    #[test]
    fn calls_must_be_counted_and_the_same() {
        let with = |calls| {
            let mut column = column(true, &[("a", EXACT)]);
            if let Outcome::Measured(measured) = &mut column.result {
                measured.calls = calls;
            }
            column
        };
        complains(&[with(vec![])], "no calls");
        complains(&[with(vec![calls(true), calls(false)])], "not the same");
    }
}
