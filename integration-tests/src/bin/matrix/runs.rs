//! How often the programs of a process have run, as the kernel counts it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::Command;

use serde_json::Value;

/// The kernel counts while this lives.
pub(crate) struct Statistics {
    before: String,
}

const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

impl Statistics {
    pub(crate) fn enable() -> io::Result<Self> {
        let before = fs::read_to_string(SWITCH)?;
        fs::write(SWITCH, "1")?;
        Ok(Self { before })
    }
}

impl Drop for Statistics {
    fn drop(&mut self) {
        // Somebody else may have turned it off meanwhile, which is theirs to do.
        drop(fs::write(SWITCH, &self.before));
    }
}

/// Runs of each program that a process holds, by the number of the program.
pub(crate) fn of_process(pid: u32) -> io::Result<BTreeMap<u64, u64>> {
    let mut runs = BTreeMap::new();
    for file in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        // A file that is closed meanwhile is none of the programs.
        if let Ok(text) = fs::read_to_string(file?.path()) {
            runs.extend(program(&text));
        }
    }
    Ok(runs)
}

/// Number and runs, if it is a program. A run that the kernel skipped, as the program was held up on
/// that CPU, is one as well: the call came to the hook, and the second program took it.
fn program(fdinfo: &str) -> Option<(u64, u64)> {
    let value = |name: &str| -> Option<u64> {
        let line = fdinfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.strip_prefix(':')?.trim().parse().ok()
    };
    // A link has a number of a program too, and no runs.
    let skipped = value("recursion_misses").unwrap_or(0);
    Some((value("prog_id")?, value("run_cnt")? + skipped))
}

/// The name of a program, of which the kernel keeps 15 characters.
pub(crate) fn name(program: u64) -> io::Result<String> {
    let output = Command::new("bpftool")
        .args(["-j", "prog", "show", "id", &program.to_string()])
        .output()?;
    let shown: Value = serde_json::from_slice(&output.stdout)?;
    shown["name"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| io::Error::other(format!("program {program} has no name: {shown}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_from_a_link() {
        let of_program = "pos:\t0\nprog_type:\t26\nprog_id:\t98\nrun_time_ns:\t5\nrun_cnt:\t2\n\
                          recursion_misses:\t3\n";
        let of_link = "pos:\t0\nlink_type:\ttracing\nlink_id:\t9\nprog_id:\t98\n";
        assert_eq!(program(of_program), Some((98, 5)));
        assert_eq!(program(of_link), None);
    }
}
