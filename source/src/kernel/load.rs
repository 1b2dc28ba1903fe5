//! Loads the programs and attaches them as planned; detaches them when dropped.

use aya::{Ebpf, EbpfError, EbpfLoader};
use nettally_ebpf::loss::{Loss, LossCount};
use nettally_ebpf::settings::{Offsets, Settings, protocol_bit};

use super::attach::attach;
use super::counters::{Counters, Drained};
use super::drain::Maps;
use super::error::KernelError;
use super::hooks::Hook;
use super::networks::fill;
use super::offsets::offsets;
use super::plan::{Plan, plan};
use super::probe::{Facts, facts};
use super::syscall;
use crate::config::{ProcessNetworkConfig, RemoteSelection};
use crate::pipeline::{Degradation, ProgramStats, Protocol};

/// The running kernel with our programs attached.
pub(crate) struct Kernel {
    release: String,
    plan: Plan,
    maps: Maps,
    // Last: dropping it detaches.
    ebpf: Ebpf,
}

impl Kernel {
    /// Loads and attaches.
    ///
    /// # Errors
    /// Says what this kernel lacks, or what it refused.
    pub(crate) fn load(config: &ProcessNetworkConfig) -> Result<Self, KernelError> {
        let (facts, btf) = facts();
        let plan = plan(&facts, config).map_err(|blockers| unsupported(&facts, &blockers))?;
        let btf = btf.ok_or(KernelError::MalformedBtf("it was there a moment ago"))?;
        let mut ebpf = load_object(&offsets(&btf)?, &settings(config))?;
        drop(btf);
        let RemoteSelection { include, exclude } = &config.remotes;
        fill(&mut ebpf, "REMOTES_INCLUDED", include)?;
        fill(&mut ebpf, "REMOTES_EXCLUDED", exclude)?;
        let maps = Maps::take(&mut ebpf)?;
        let plan = attach(&mut ebpf, plan)?;
        Ok(Self {
            release: facts.release,
            plan,
            maps,
            ebpf,
        })
    }
}

impl Counters for Kernel {
    fn drain(&mut self) -> Result<Drained, KernelError> {
        self.maps.drain()
    }

    fn losses(&mut self) -> Result<Vec<(Loss, LossCount)>, KernelError> {
        self.maps.losses()
    }

    fn programs(&mut self) -> Vec<ProgramStats> {
        self.plan
            .hooks
            .iter()
            .filter_map(|hook| stats(&self.ebpf, hook))
            .collect()
    }

    fn degradations(&self) -> &[Degradation] {
        &self.plan.degradations
    }

    fn backend(&self) -> &'static str {
        self.plan.backend
    }

    fn release(&self) -> &str {
        &self.release
    }
}

fn unsupported(facts: &Facts, blockers: &[Degradation]) -> KernelError {
    let reasons: Vec<String> = blockers
        .iter()
        .map(
            |Degradation {
                 code: _,
                 summary,
                 remedy,
             }| format!("{summary}; {remedy}"),
        )
        .collect();
    KernelError::Unsupported {
        release: facts.release.clone(),
        reasons: reasons.join(". Also: "),
    }
}

fn settings(config: &ProcessNetworkConfig) -> Settings {
    let RemoteSelection { include, exclude } = &config.remotes;
    Settings {
        protocols: config
            .protocols
            .iter()
            .map(|&protocol| bit(protocol))
            .fold(0, |all, bit| all | bit),
        loopback: config.loopback.into(),
        remotes_included: (!include.is_empty()).into(),
        remotes_excluded: (!exclude.is_empty()).into(),
    }
}

fn bit(protocol: Protocol) -> u32 {
    use nettally_ebpf::flow::protocol;
    protocol_bit(match protocol {
        Protocol::Tcp => protocol::TCP,
        Protocol::Udp => protocol::UDP,
        Protocol::UdpLite => protocol::UDPLITE,
        Protocol::Icmp => protocol::ICMP,
        Protocol::Raw => protocol::RAW,
        Protocol::Sctp => protocol::SCTP,
        Protocol::Packet => protocol::PACKET,
    })
}

fn load_object(offsets: &Offsets, settings: &Settings) -> Result<Ebpf, KernelError> {
    let load = |source: EbpfError| KernelError::LoadObject {
        source: Box::new(source),
    };
    EbpfLoader::new()
        .override_global("OFFSETS", offsets, true)
        .override_global("SETTINGS", settings, true)
        .load(nettally_ebpf::OBJECT)
        .map_err(load)
}

/// `None` if the kernel does not tell, which it does from 4.20.
fn stats(ebpf: &Ebpf, hook: &Hook) -> Option<ProgramStats> {
    use std::os::fd::AsFd as _;
    let fd = ebpf.program(hook.name)?.fd().ok()?;
    let (runs, run_time_ns, recursion_misses) = syscall::program_counts(fd.as_fd()).ok()?;
    Some(ProgramStats {
        hook: hook.name.to_owned(),
        runs,
        run_time_ns,
        recursion_misses,
        instructions: 0,
        memory_bytes: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_say_what_the_configuration_says() {
        let config = ProcessNetworkConfig {
            protocols: vec![Protocol::Udp],
            loopback: false,
            remotes: RemoteSelection {
                include: Vec::new(),
                exclude: vec!["10.0.0.0/8".parse().unwrap()],
            },
            ..ProcessNetworkConfig::default()
        };
        let expected = Settings {
            protocols: 2,
            loopback: 0,
            remotes_included: 0,
            remotes_excluded: 1,
        };
        assert_eq!(settings(&config), expected);
    }
}
