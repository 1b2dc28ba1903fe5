//! Whether this process may measure, and the sentence that helps if not.

use std::path::Path;

use anyhow::bail;

/// What is needed, with the numbers of `linux/capability.h`.
const NEEDED: [(&str, u32); 2] = [("CAP_BPF", 39), ("CAP_PERFMON", 38)];
/// Has all of the above in it.
const CAP_SYS_ADMIN: u32 = 21;

/// Refuses a process that the kernel would refuse later, with the command that would work.
pub(super) fn require() -> anyhow::Result<()> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        // Without /proc the kernel has to say no itself.
        return Ok(());
    };
    let Rights { root, missing } = Rights::of(&status);
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" and ");
    if root {
        bail!(
            "this root user may not measure, it lacks {missing}; a container needs them given, \
             such as with `--cap-add BPF --cap-add PERFMON --cap-add NET_ADMIN`"
        );
    }
    let program = std::env::current_exe()
        .ok()
        .unwrap_or_else(|| Path::new("nettally").to_owned());
    let arguments = std::env::args_os()
        .skip(1)
        .map(|argument| quoted(&argument.to_string_lossy()));
    let line: Vec<String> = std::iter::once(quoted(&program.to_string_lossy()))
        .chain(arguments)
        .collect();
    bail!(
        "this user may not measure, it lacks {missing}; run `sudo {}`, or have systemd grant \
         them with AmbientCapabilities=CAP_BPF CAP_PERFMON CAP_NET_ADMIN",
        line.join(" ")
    );
}

#[derive(Debug, PartialEq, Eq)]
struct Rights {
    root: bool,
    missing: Vec<&'static str>,
}

impl Rights {
    /// From the text of `/proc/self/status`.
    fn of(status: &str) -> Self {
        let line = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        };
        // Real, effective, saved, file system.
        let effective = line("Uid").and_then(|ids| ids.split_whitespace().nth(1));
        let granted = line("CapEff")
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(u64::MAX);
        let has = |capability: u32| granted & (1 << capability) != 0;
        Self {
            root: effective == Some("0"),
            missing: NEEDED
                .into_iter()
                .filter(|&(_, capability)| !has(capability) && !has(CAP_SYS_ADMIN))
                .map(|(name, _)| name)
                .collect(),
        }
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_read_from_the_effective_set() {
        let of = |uid: &str, mask: &str| {
            Rights::of(&format!(
                "Name:\tx\nUid:\t1000\t{uid}\t0\t0\nCapEff:\t{mask}\n"
            ))
        };
        let cases = [
            ("0", "000001ffffffffff", true, vec![]),
            (
                "1000",
                "0000000000000000",
                false,
                vec!["CAP_BPF", "CAP_PERFMON"],
            ),
            ("1000", "0000008000000000", false, vec!["CAP_PERFMON"]),
            ("1000", "000000c000000000", false, vec![]),
            ("0", "0000000000200000", true, vec![]),
            (
                "0",
                "00000000a80425fb",
                true,
                vec!["CAP_BPF", "CAP_PERFMON"],
            ),
        ];
        for (uid, mask, root, missing) in cases {
            assert_eq!(of(uid, mask), Rights { root, missing }, "{mask}");
        }
    }

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("/usr/bin/nettally"), "/usr/bin/nettally");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
