//! Loads the programs and attaches them as planned; detaches them when dropped.

use std::fmt;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use aya::{Btf as AyaBtf, Ebpf, EbpfError, EbpfLoader};
use nettally_ebpf::flow::ProcessKey;
use nettally_ebpf::loss::{Loss, LossCount};
use nettally_ebpf::settings::{IdentityOffsets, Offsets, Settings, protocol_bit};
use tracing::warn;

use super::attach::attach;
use super::counters::{Counters, Drained};
use super::drain::Maps;
use super::error::KernelError;
use super::hooks::{Backend, Hook};
use super::identity_offsets::identity_offsets;
use super::networks::fill;
use super::offsets::offsets;
use super::plan::{Plan, frames_in_rings, no_snapshots, plans};
use super::probe::{Facts, facts};
use super::rings;
use super::syscall::{self, ProgramCounts, Undisturbed};
use super::tracefs::Probes;
use crate::config::{ProcessNetworkConfig, RemoteSelection};
use crate::pipeline::{Degradation, ProgramStats, Protocol};

/// The running kernel with our programs attached.
pub(crate) struct Kernel {
    release: String,
    plan: Plan,
    maps: Maps,
    load_ms: f64,
    flow_table_entries: u32,
    counts_frames: bool,
    rings_asked: Option<Instant>,
    has_rings: bool,
    // Before the programs that they run.
    _probes: Option<Probes>,
    // Last: dropping it detaches.
    ebpf: Ebpf,
}

impl Kernel {
    /// Loads and attaches the first backend that the kernel takes.
    ///
    /// # Errors
    /// Says what this kernel lacks, or what it refused.
    pub(crate) fn load(config: &ProcessNetworkConfig) -> Result<Self, KernelError> {
        let start = Instant::now();
        let (facts, btf) = facts();
        let plans = plans(&facts, config).map_err(|blockers| unsupported(&facts, &blockers))?;
        let btf = btf.ok_or(KernelError::MalformedBtf("it was there a moment ago"))?;
        let offsets = offsets(&btf)?;
        let identity = identity_offsets(&btf);
        drop(btf);
        let btf = AyaBtf::from_sys_fs().map_err(|error| KernelError::ParseBtf {
            source: Box::new(error),
        })?;
        let mut refusals = Vec::new();
        for plan in plans {
            match load_plan(&plan, &offsets, &identity, &btf, config) {
                Ok((ebpf, maps, plan, probes)) => {
                    return Ok(Self {
                        release: facts.release,
                        plan,
                        maps,
                        load_ms: start.elapsed().as_secs_f64() * 1e3,
                        flow_table_entries: config.flow_table_entries,
                        counts_frames: config.protocols.contains(&Protocol::Packet),
                        rings_asked: None,
                        has_rings: false,
                        _probes: probes,
                        ebpf,
                    });
                }
                Err(error) => {
                    warn!(backend = plan.backend.name(), error = %Chain(&error), "Backend refused.");
                    refusals.push((plan.backend, error));
                }
            }
        }
        Err(refused(refusals))
    }
}

/// The one error, or all in one.
fn refused(mut refusals: Vec<(Backend, KernelError)>) -> KernelError {
    if refusals.len() == 1
        && let Some((_backend, error)) = refusals.pop()
    {
        return error;
    }
    let reasons: Vec<String> = refusals
        .iter()
        .map(|(backend, error)| format!("{}: {}", backend.name(), Chain(error)))
        .collect();
    KernelError::NoBackend {
        reasons: reasons.join("; "),
    }
}

/// An error with its causes, in a line.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// How often the kernel is asked for sockets that receive into shared memory.
const RINGS_ASKED_EVERY: Duration = Duration::from_secs(60);

type Loaded = (Ebpf, Maps, Plan, Option<Probes>);

fn load_plan(
    plan: &Plan,
    offsets: &Offsets,
    identity: &Result<IdentityOffsets, KernelError>,
    btf: &AyaBtf,
    config: &ProcessNetworkConfig,
) -> Result<Loaded, KernelError> {
    let settings = Settings {
        snapshots: identity.is_ok().into(),
        ..settings(config, plan.twice)
    };
    let mut degradations = plan.degradations.clone();
    let identity = match identity {
        Ok(identity) => *identity,
        Err(error) => {
            degradations.push(no_snapshots(error));
            IdentityOffsets::default()
        }
    };
    let plan = Plan {
        degradations,
        ..plan.clone()
    };
    let sizes = sizes(&plan, config);
    let mut ebpf = match load_object(offsets, &identity, &settings, &sizes) {
        // Kernels before 5.11 charge maps to a limit that is small by default.
        Err(_too_much) if syscall::lift_memory_limit() => {
            load_object(offsets, &identity, &settings, &sizes)?
        }
        done => done?,
    };
    let RemoteSelection { include, exclude } = &config.remotes;
    fill(&mut ebpf, "REMOTES_INCLUDED", include)?;
    fill(&mut ebpf, "REMOTES_EXCLUDED", exclude)?;
    let maps = Maps::take(&mut ebpf)?;
    let (plan, probes) = attach(&mut ebpf, btf, &plan)?;
    Ok((ebpf, maps, plan, probes))
}

/// Entries of the maps whose size depends on what is loaded.
fn sizes(plan: &Plan, config: &ProcessNetworkConfig) -> [(&'static str, u32); 7] {
    let processes = config.process_table_entries;
    let (sockets, calls) = match plan.backend {
        Backend::Fexit => (1, MAX_CALLS),
        Backend::Tracepoint => (1, 1),
        Backend::Kprobe => (MAX_SOCKETS, MAX_CALLS),
    };
    let flows = config.flow_table_entries;
    [
        ("FLOWS_0", flows),
        ("FLOWS_1", flows),
        ("STREAM_TABLE", sockets),
        ("CALLS", calls),
        ("KNOWN", processes),
        ("SNAPSHOTS", snapshot_bytes(processes)),
        ("MARKS", if plan.twice { MAX_CALLS } else { 1024 }),
    ]
}

/// Room for records of who a process is, between two readings, as a ring must be sized: by default 4
/// MiB, for some 10,000 of ordinary processes.
fn snapshot_bytes(processes: u32) -> u32 {
    (processes.saturating_mul(64))
        .next_power_of_two()
        .clamp(1 << 20, 1 << 26)
}

/// TCP sockets that the kprobe backend can follow; receives of more are counted by what they return.
const MAX_SOCKETS: u32 = 65_536;

/// Calls that probes can follow at once.
const MAX_CALLS: u32 = 16_384;

impl Counters for Kernel {
    fn drain(&mut self) -> Result<Drained, KernelError> {
        // While a map is read, the kernel runs no probe on this CPU (`bpf_disable_instrumentation` in
        // `include/linux/bpf.h`): whoever took it from us meanwhile would not be counted.
        let _undisturbed = (self.plan.backend == Backend::Kprobe).then(Undisturbed::begin);
        self.maps.drain()
    }

    fn forget(&mut self, processes: &[ProcessKey]) {
        self.maps.forget(processes);
    }

    fn losses(&mut self) -> Result<Vec<(Loss, LossCount)>, KernelError> {
        self.maps.losses()
    }

    fn missed_calls(&self, programs: &[ProgramStats]) -> u64 {
        let misses = |name: &str| {
            let program = programs.iter().find(|program| program.hook == name)?;
            Some(program.recursion_misses)
        };
        let mut names: Vec<(String, Option<String>)> = Vec::new();
        for hook in &self.plan.hooks {
            let second = |name: &str| self.plan.twice.then(|| format!("second_{name}"));
            // What this one misses is seen when more is taken from the stream, or at its end.
            if hook.is_second || hook.name == "tcp_rcv_space_adjust" {
                continue;
            }
            for name in hook.programs() {
                let both = (name.clone(), second(&name));
                if !names.contains(&both) {
                    names.push(both);
                }
            }
        }
        names
            .iter()
            .filter_map(|(first, second)| {
                let missed = misses(first)?;
                // A call is lost if both were held up at once, so not more often than either was.
                let by_second = second.as_deref().and_then(misses);
                Some(by_second.map_or(missed, |by_second| missed.min(by_second)))
            })
            .sum()
    }

    fn programs(&mut self) -> Vec<ProgramStats> {
        let mut names: Vec<String> = Vec::new();
        for name in self.plan.hooks.iter().flat_map(Hook::programs) {
            // Several functions share a probe.
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
            .iter()
            .filter_map(|name| stats(&self.ebpf, name))
            .collect()
    }

    fn degradations(&mut self) -> Vec<Degradation> {
        let mut degradations = self.plan.degradations.clone();
        if self.counts_frames {
            let is_due = |asked: Instant| asked.elapsed() >= RINGS_ASKED_EVERY;
            if self.rings_asked.is_none_or(is_due) {
                self.rings_asked = Some(Instant::now());
                // Where the kernel does not tell there may be some; README says so.
                self.has_rings = rings::receiving().is_ok_and(|sockets| sockets > 0);
            }
        }
        degradations.extend(self.has_rings.then(frames_in_rings));
        degradations
    }

    fn backend(&self) -> &'static str {
        self.plan.backend.name()
    }

    fn flow_table_entries(&self) -> u32 {
        self.flow_table_entries
    }

    fn load_ms(&self) -> f64 {
        self.load_ms
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

fn settings(config: &ProcessNetworkConfig, twice: bool) -> Settings {
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
        twice: twice.into(),
        snapshots: 0,
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

fn load_object(
    offsets: &Offsets,
    identity: &IdentityOffsets,
    settings: &Settings,
    sizes: &[(&str, u32)],
) -> Result<Ebpf, KernelError> {
    let load = |source: EbpfError| KernelError::LoadObject {
        source: Box::new(source),
    };
    let mut loader = EbpfLoader::new();
    loader
        .override_global("OFFSETS", offsets, true)
        .override_global("IDENTITY", identity, true)
        .override_global("SETTINGS", settings, true);
    for &(map, entries) in sizes {
        loader.map_max_entries(map, entries);
    }
    loader.load(nettally_ebpf::OBJECT).map_err(load)
}

/// `None` if the kernel does not tell, which it does from 4.20.
fn stats(ebpf: &Ebpf, program: &str) -> Option<ProgramStats> {
    let fd = ebpf.program(program)?.fd().ok()?;
    let ProgramCounts {
        runs,
        run_time_ns,
        recursion_misses,
        verified_instructions,
    } = syscall::program_counts(fd.as_fd()).ok()?;
    Some(ProgramStats {
        hook: program.to_owned(),
        runs,
        run_time_ns,
        recursion_misses,
        instructions: verified_instructions,
        memory_bytes: syscall::memory(fd.as_fd()).unwrap_or(0),
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
            twice: 1,
            snapshots: 0,
        };
        assert_eq!(settings(&config, true), expected);
    }
}
