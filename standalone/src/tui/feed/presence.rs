//! Which processes are gone, asked of `/proc`.

use std::fs;
use std::path::Path;

use nettally_source::ProcessId;

/// Nanoseconds in the unit of `/proc/<pid>/stat`: `USER_HZ` is 100 on every Linux we run on.
const TICK_NS: u64 = 10_000_000;

/// Those of `candidates` that no longer run, or whose number now belongs to another process.
///
/// A wrong answer (in a namespace with another clock or other numbers) does no harm: whoever moves
/// a byte is back on the list.
pub(crate) fn gone(proc: &Path, candidates: &[ProcessId]) -> Vec<ProcessId> {
    candidates
        .iter()
        .copied()
        .filter(|id| !runs(proc, *id))
        .collect()
}

fn runs(proc: &Path, id: ProcessId) -> bool {
    let ProcessId {
        pid,
        exec_id: _,
        start_boottime_ns,
    } = id;
    // The name in it may be any bytes.
    match fs::read(proc.join(pid.to_string()).join("stat")) {
        Ok(stat) => match start_ticks(&String::from_utf8_lossy(&stat)) {
            Some(ticks) => ticks == start_boottime_ns / TICK_NS,
            None => true,
        },
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// Field 22, the start time. The name (field 2) stands in brackets and may itself hold brackets.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1000 10 18446744073709551615";

    #[test]
    fn a_reused_pid_is_another_process() {
        let proc = tempfile::tempdir().unwrap();
        fs::create_dir(proc.path().join("7")).unwrap();
        fs::write(proc.path().join("7/stat"), STAT).unwrap();
        let id = |pid, start_boottime_ns| ProcessId {
            pid,
            start_boottime_ns,
            ..ProcessId::default()
        };
        let (here, reused, ended) = (
            id(7, 123_459_999_999),
            id(7, 5_000_000_000),
            id(8, 123_450_000_000),
        );
        assert_eq!(gone(proc.path(), &[here, reused, ended]), [reused, ended]);
    }
}
