//! What a user may set on the source `process_network`.

use async_trait::async_trait;
use globset::Glob;
use ipnet::IpNet;
use nettally_ebpf::settings::MAX_NETWORKS;
use serde::{Deserialize, Serialize};

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
}

impl Default for ProcessNetworkConfig {
    fn default() -> Self {
        Self {
            scrape_interval_secs: 1.0,
            backend: BackendChoice::Auto,
            protocols: Protocol::ALL.to_vec(),
            loopback: true,
            remotes: RemoteSelection::default(),
            processes: NameSelection::default(),
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
