//! What a user may set on the source `process_network`.

mod identity;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use async_trait::async_trait;
use globset::Glob;
use ipnet::IpNet;
use nettally_ebpf::settings::MAX_NETWORKS;
use serde::{Deserialize, Serialize};

pub use identity::{AppRule, CommandLines};

use crate::pipeline::{Problem, Protocol, Result, Source, SourceConfig, SourceContext};

/// Configuration of the source `process_network`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProcessNetworkConfig {
    /// Seconds between two readings of the kernel's counters, 0.1 to 3600. Default 1.
    pub scrape_interval_secs: f64,
    /// Which set of kernel hooks to use. Default `auto`.
    pub backend: BackendChoice,
    /// Which protocols to count. Default all.
    pub protocols: Vec<Protocol>,
    /// Whether to count traffic that stays on this machine's loopback addresses. Default true.
    pub loopback: bool,
    /// Which remote addresses to count; decided in the kernel.
    pub remotes: RemoteSelection,
    /// Which processes to report, by glob on their name.
    pub processes: NameSelection,
    /// Flows that fit into the kernel's table between two readings, 64 to 1048576. Beyond that,
    /// bytes stay exact, but share a row of their process without remote and ports. Default 65536.
    pub flow_table_entries: u32,
    /// Processes that are remembered, 1024 to 1048576; each is kept for 10 minutes after its last
    /// bytes. Beyond that those are forgotten that have moved nothing for longest, and looked up
    /// anew when they do. Default 65536.
    pub process_table_entries: u32,
    /// Names for applications; the first that matches is taken. Default none.
    pub apps: Vec<AppRule>,
    /// What is told of the arguments of processes. Default `redacted`.
    pub command_lines: CommandLines,
    /// Regular expressions for what else is hidden in arguments: the first group of each match, or
    /// all of it if there is no group, becomes `***`. Each argument is searched, then the whole
    /// command line. Default none.
    pub redact: Vec<String>,
    /// Whether to report processes that hold a tun or tap device, such as VPN clients: what others
    /// send through them, they send once more. Default true.
    pub tunnels: bool,
}

/// What `flow_table_entries` may be.
pub const FLOW_TABLE_ENTRIES: RangeInclusive<u32> = 64..=1_048_576;

/// What `process_table_entries` may be.
pub const PROCESS_TABLE_ENTRIES: RangeInclusive<u32> = 1024..=1_048_576;

impl Default for ProcessNetworkConfig {
    fn default() -> Self {
        Self {
            scrape_interval_secs: 1.0,
            backend: BackendChoice::Auto,
            protocols: Protocol::ALL.to_vec(),
            loopback: true,
            remotes: RemoteSelection::default(),
            processes: NameSelection::default(),
            flow_table_entries: 65_536,
            process_table_entries: 65_536,
            apps: Vec::new(),
            command_lines: CommandLines::default(),
            redact: Vec::new(),
            tunnels: true,
        }
    }
}

/// Which set of kernel hooks to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// The best that loads.
    #[default]
    Auto,
    /// `fexit` programs on the socket layer's functions.
    Fexit,
    /// The socket layer's tracepoints.
    Tracepoint,
    /// `kprobe` and `kretprobe`.
    Kprobe,
}

impl BackendChoice {
    /// All, in the order they are shown.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Fexit, Self::Tracepoint, Self::Kprobe];

    /// As users write it: `auto`, `fexit`, `tracepoint`, `kprobe`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fexit => "fexit",
            Self::Tracepoint => "tracepoint",
            Self::Kprobe => "kprobe",
        }
    }
}

impl fmt::Display for BackendChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown backend `{0}`; allowed: auto, fexit, tracepoint, kprobe")]
pub struct UnknownBackend(pub String);

impl FromStr for BackendChoice {
    type Err = UnknownBackend;

    fn from_str(text: &str) -> std::result::Result<Self, UnknownBackend> {
        Self::ALL
            .into_iter()
            .find(|choice| choice.name() == text)
            .ok_or_else(|| UnknownBackend(text.to_owned()))
    }
}

/// A selection of addresses. A remote is counted if `include` is empty or has it, and `exclude`
/// does not have it. One that is not known is counted, as unresolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RemoteSelection {
    /// Networks, such as `10.0.0.0/8` or `2001:db8::/32`. Default none: all are counted.
    pub include: Vec<IpNet>,
    /// Networks. Default none.
    pub exclude: Vec<IpNet>,
}

/// A selection of names. A name is taken if `include` is empty or one of it matches, and none of
/// `exclude` matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NameSelection {
    /// Globs, such as `firefox*`. Default none: all are taken.
    pub include: Vec<String>,
    /// Globs. Default none.
    pub exclude: Vec<String>,
}

#[async_trait]
impl SourceConfig for ProcessNetworkConfig {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !(0.1..=3600.0).contains(&self.scrape_interval_secs) {
            problems.push(Problem::new(
                "scrape_interval_secs",
                format!(
                    "{} is not between 0.1 and 3600 seconds",
                    self.scrape_interval_secs
                ),
            ));
        }
        if self.protocols.is_empty() {
            problems.push(Problem::new(
                "protocols",
                "empty, so nothing would be counted; allowed: tcp, udp, udplite, icmp, raw, sctp, packet",
            ));
        }
        for (key, entries, allowed, unit) in [
            (
                "flow_table_entries",
                self.flow_table_entries,
                FLOW_TABLE_ENTRIES,
                "flows",
            ),
            (
                "process_table_entries",
                self.process_table_entries,
                PROCESS_TABLE_ENTRIES,
                "processes",
            ),
        ] {
            if !allowed.contains(&entries) {
                let (least, most) = (allowed.start(), allowed.end());
                problems.push(Problem::new(
                    key,
                    format!("{entries} is not between {least} and {most} {unit}"),
                ));
            }
        }
        let RemoteSelection { include, exclude } = &self.remotes;
        for (list, networks) in [("include", include), ("exclude", exclude)] {
            // One place is for cutting IPv4 out of an IPv6 network.
            if networks.len() >= MAX_NETWORKS as usize {
                problems.push(Problem::new(
                    format!("remotes.{list}"),
                    format!(
                        "{} networks; allowed: fewer than {MAX_NETWORKS}",
                        networks.len()
                    ),
                ));
            }
        }
        let NameSelection { include, exclude } = &self.processes;
        for (list, globs) in [("include", include), ("exclude", exclude)] {
            for (index, glob) in globs.iter().enumerate() {
                if let Err(error) = Glob::new(glob) {
                    problems.push(Problem::new(
                        format!("processes.{list}[{index}]"),
                        error.to_string(),
                    ));
                }
            }
        }
        problems.extend(identity::problems(&self.apps, &self.redact));
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    async fn build(&self, cx: SourceContext) -> Result<Source> {
        crate::source::build(self.clone(), cx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_table_has_a_size_that_a_kernel_can_give() {
        for (entries, problem) in [
            (63, "63 is not between 64 and 1048576 flows"),
            (64, ""),
            (1_048_576, ""),
            (1_048_577, "1048577 is not between 64 and 1048576 flows"),
        ] {
            let config = ProcessNetworkConfig {
                flow_table_entries: entries,
                ..ProcessNetworkConfig::default()
            };
            let problems = config.validate().err().unwrap_or_default();
            let expected: Vec<_> = (!problem.is_empty())
                .then(|| Problem::new("flow_table_entries", problem))
                .into_iter()
                .collect();
            assert_eq!(problems, expected);
        }
    }

    #[test]
    fn the_process_table_has_a_size_that_is_worth_having() {
        for (entries, problem) in [
            (1023, "1023 is not between 1024 and 1048576 processes"),
            (1024, ""),
            (1_048_576, ""),
            (
                1_048_577,
                "1048577 is not between 1024 and 1048576 processes",
            ),
        ] {
            let config = ProcessNetworkConfig {
                process_table_entries: entries,
                ..ProcessNetworkConfig::default()
            };
            let problems = config.validate().err().unwrap_or_default();
            let expected: Vec<_> = (!problem.is_empty())
                .then(|| Problem::new("process_table_entries", problem))
                .into_iter()
                .collect();
            assert_eq!(problems, expected);
        }
    }

    #[test]
    fn rules_and_patterns_are_checked_with_the_rest() {
        let config = ProcessNetworkConfig {
            apps: vec![AppRule::default()],
            redact: vec!["[".to_owned()],
            ..ProcessNetworkConfig::default()
        };
        let places: Vec<_> = config.validate().unwrap_err();
        assert_eq!(places.len(), 3, "{places:?}");
    }

    #[test]
    fn a_backend_is_written_as_it_is_read() {
        for choice in BackendChoice::ALL {
            assert_eq!(choice.name().parse(), Ok(choice));
            assert_eq!(serde_json::to_value(choice).unwrap(), choice.name());
        }
        assert!("ebpf".parse::<BackendChoice>().is_err());
    }
}
