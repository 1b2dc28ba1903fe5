//! A flow table that is far too small: detail goes, bytes stay.

use std::time::{Duration, Instant};

use nettally_integration_tests::harness::faces;
use nettally_integration_tests::harness::generator;
use nettally_integration_tests::traffic::{Lack, Moved, cases};

use crate::line::Line;
use crate::verdict::{Tolerance, Verdict, judge};
use crate::{Backend, Wanted};

const ROW: &str = "full-table";
const TITLE: &str = "2,000 connections in a flow table of 64 entries";
/// The row of the generator that fills the table.
const CROWD: &str = "tcp-2000";
const PATIENCE: Duration = Duration::from_secs(240);

/// One row, with a daemon of its own.
pub(crate) fn run(backend: Backend, wanted: &Wanted, print: &mut impl FnMut(Line)) {
    if !wanted.has(ROW) {
        return;
    }
    let start = Instant::now();
    let needs = cases()
        .find(|case| case.name == CROWD)
        .map(|case| case.needs);
    let verdict = match needs.map(|needs| needs()) {
        None => Verdict::Failed(format!("no row {CROWD}")),
        Some(Err(Lack(text))) => Verdict::NotApplicable(text),
        Some(Ok(())) => measure(backend).unwrap_or_else(Verdict::Failed),
    };
    print(Line::cell(ROW, TITLE, verdict, start.elapsed()));
}

fn measure(backend: Backend) -> Result<Verdict, String> {
    let mut daemon = backend.start(&["flow_table_entries: 64"])?;
    let truth = generator::try_run(&["cases", CROWD], PATIENCE)?;
    daemon.stop();
    let stored = faces::database(&daemon.database())?;
    Ok(verdict(&truth, &stored))
}

/// Bytes must be right, by process and protocol; and a table that held it all proves nothing.
fn verdict(truth: &[Moved], stored: &[Moved]) -> Verdict {
    let verdict = judge(truth, stored, Tolerance::Remote);
    if verdict == Verdict::Exact {
        return Verdict::Failed("the table was not full".to_owned());
    }
    verdict
}

#[cfg(test)]
mod tests {
    use nettally_integration_tests::traffic::Protocol;

    use super::*;

    #[test]
    fn bytes_without_a_remote_are_exact_and_a_table_with_room_is_no_proof() {
        let moved = |remote: Option<&str>, sent_bytes| Moved {
            process: "p".to_owned(),
            pid: 1,
            protocol: Protocol::Tcp,
            remote: remote.map(|remote| remote.parse().unwrap()),
            sent_bytes,
            received_bytes: 0,
        };
        let truth = [
            moved(Some("127.0.0.1:1"), 10),
            moved(Some("127.0.0.1:2"), 20),
        ];
        let folded = [moved(Some("127.0.0.1:1"), 10), moved(None, 20)];
        assert_eq!(verdict(&truth, &folded), Verdict::ExactWithoutRemote);
        assert!(!verdict(&truth, &truth).is_well());
        assert!(!verdict(&truth, &folded[..1]).is_well());
    }
}
