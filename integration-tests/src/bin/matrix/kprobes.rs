//! Calls of kernel functions, counted by the kernel's own tracing and without eBPF.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

const TRACING: &str = "/sys/kernel/tracing";
const GROUP: &str = "nettally_matrix";

/// Probes on functions. Dropping them removes them.
pub(crate) struct Kprobes(Vec<String>);

impl Kprobes {
    /// Whether this kernel has such probes at all.
    pub(crate) fn are_there() -> bool {
        Path::new(TRACING).join("kprobe_events").exists()
    }

    /// Starts counting. Of `others`, a kernel need not have all.
    pub(crate) fn attach(functions: &[&str], others: &[&str]) -> io::Result<Self> {
        let mut probes = Self(Vec::new());
        for function in functions {
            probes.define(function)?;
        }
        for function in others {
            // Its column in the table stays empty.
            drop(probes.define(function));
        }
        switch("1")?;
        Ok(probes)
    }

    fn define(&mut self, function: &str) -> io::Result<()> {
        define(&format!("p:{GROUP}/{function} {function}"))?;
        self.0.push(function.to_owned());
        Ok(())
    }

    /// Calls of each function so far.
    pub(crate) fn counts(&self) -> io::Result<BTreeMap<String, u64>> {
        let profile = fs::read_to_string(Path::new(TRACING).join("kprobe_profile"))?;
        Ok(counts(&profile))
    }
}

impl Drop for Kprobes {
    fn drop(&mut self) {
        let Self(functions) = self;
        // What is not removed is told by the next attempt to define it.
        drop(switch("0"));
        for function in functions {
            drop(define(&format!("-:{GROUP}/{function}")));
        }
    }
}

fn define(line: &str) -> io::Result<()> {
    let file = Path::new(TRACING).join("kprobe_events");
    let mut events = fs::File::options().append(true).open(file)?;
    writeln!(events, "{line}").map_err(|error| io::Error::other(format!("{line}: {error}")))
}

fn switch(value: &str) -> io::Result<()> {
    let file = Path::new(TRACING).join("events").join(GROUP).join("enable");
    fs::write(file, value)
}

/// Lines of a name, hits and misses; a call that was missed was made all the same.
fn counts(profile: &str) -> BTreeMap<String, u64> {
    let count = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let hits: u64 = words.next()?.parse().ok()?;
        let missed: u64 = words.next()?.parse().ok()?;
        Some((name, hits + missed))
    };
    profile.lines().filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_prints() {
        let profile = "  tcp_sendmsg          38          0\n  udp_sendmsg   2     1\n";
        let expected = [
            ("tcp_sendmsg".to_owned(), 38),
            ("udp_sendmsg".to_owned(), 3),
        ];
        assert_eq!(counts(profile), expected.into());
    }
}
