//! Loads the programs and attaches them as planned; detaches them when dropped.

use std::net::{IpAddr, Ipv4Addr};

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::programs::{BtfTracePoint, CgroupAttachMode, CgroupSockAddr, Program, ProgramError};
use aya::{Btf as AyaBtf, Ebpf, EbpfError, EbpfLoader};
use ipnet::{IpNet, Ipv4Net};
use nettally_ebpf::flow::Address;
use nettally_ebpf::loss::{Loss, LossCount};
use nettally_ebpf::settings::{Offsets, Settings, protocol_bit};
use tracing::warn;

use super::cgroup;
use super::counters::{Counters, Drained};
use super::drain::Maps;
use super::error::KernelError;
use super::hooks::{Hook, HookKind, Without};
use super::offsets::offsets;
use super::plan::{NO_ADDRESSES, Plan, plan};
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

/// Puts networks into a trie of IPv6 prefixes, IPv4 folded in.
fn fill(ebpf: &mut Ebpf, map: &'static str, networks: &[IpNet]) -> Result<(), KernelError> {
    let missing = KernelError::MissingInObject {
        kind: "map",
        name: map,
    };
    let mut trie: LpmTrie<_, Address, u8> = ebpf
        .map_mut(map)
        .and_then(|map| LpmTrie::try_from(map).ok())
        .ok_or(missing)?;
    for (key, listed) in entries(networks) {
        trie.insert(&key, u8::from(listed), 0)
            .map_err(|error| KernelError::Map {
                doing: "fill",
                map,
                source: std::io::Error::other(error),
            })?;
    }
    Ok(())
}

/// The entries of a trie, later ones over earlier ones. IPv4 lies inside an IPv6 network such as
/// `::/0` only in our folded form, so it is cut out of it, unless it is listed itself.
fn entries(networks: &[IpNet]) -> impl Iterator<Item = (Key<Address>, bool)> + '_ {
    let ipv4 = folded(&IpNet::V4(Ipv4Net::default()));
    let holds_ipv4 = networks.iter().any(|network| match network {
        IpNet::V6(network) => network.contains(&Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()),
        IpNet::V4(_) => false,
    });
    let cut = holds_ipv4.then_some((ipv4, false));
    cut.into_iter()
        .chain(networks.iter().map(|network| (folded(network), true)))
}

fn folded(network: &IpNet) -> Key<Address> {
    let length = u32::from(network.prefix_len());
    match network.network() {
        IpAddr::V4(address) => Key::new(
            96 + length,
            Address::from_octets(address.to_ipv6_mapped().octets()),
        ),
        IpAddr::V6(address) => Key::new(length, Address::from_octets(address.octets())),
    }
}

/// Attaches every hook of the plan; returns what became of it.
fn attach(ebpf: &mut Ebpf, plan: Plan) -> Result<Plan, KernelError> {
    let Plan {
        backend,
        hooks,
        mut degradations,
    } = plan;
    let btf = AyaBtf::from_sys_fs().map_err(|error| KernelError::ParseBtf {
        source: Box::new(error),
    })?;
    let cgroup = cgroup::open().ok().map(|(_folder, file)| file);
    let mut attached = Vec::with_capacity(hooks.len());
    // Load all, then attach all, so that the hooks begin to count as close together as can be.
    let (mut loaded, mut refused) = (Vec::new(), Vec::new());
    for hook in hooks {
        match load_program(ebpf, &hook, &btf) {
            Ok(()) => loaded.push(hook),
            Err(error) => refused.push(tolerated(hook, error)?),
        }
    }
    for hook in loaded {
        match attach_program(ebpf, hook, cgroup.as_ref()) {
            Ok(()) => attached.push(hook),
            Err(error) => refused.push(tolerated(hook, error)?),
        }
    }
    if !refused.is_empty() {
        degradations.push(Degradation {
            code: "cgroup_hook_refused".to_owned(),
            summary: format!(
                "{NO_ADDRESSES}, because the kernel refused {}",
                refused.join(", ")
            ),
            remedy:
                "give the program CAP_NET_ADMIN, and detach any exclusive program from the root \
                     of cgroup v2 (see `bpftool cgroup tree`)"
                    .to_owned(),
        });
    }
    Ok(Plan {
        backend,
        hooks: attached,
        degradations,
    })
}

/// The name of a hook that can be done without, else the error that it was refused with.
fn tolerated(hook: Hook, error: KernelError) -> Result<&'static str, KernelError> {
    match hook.without {
        Without::Nothing => Err(error),
        Without::Less => {
            warn!(hook = hook.name, %error, "Hook not attached.");
            Ok(hook.name)
        }
    }
}

fn load_program(ebpf: &mut Ebpf, hook: &Hook, btf: &AyaBtf) -> Result<(), KernelError> {
    let Hook {
        name,
        kind,
        since: _,
        without: _,
    } = *hook;
    let failed = |source: ProgramError| KernelError::LoadProgram {
        hook: name,
        refusal: refusal(&source),
    };
    match kind {
        HookKind::Tracepoint => program::<BtfTracePoint>(ebpf, name)?
            .load(name, btf)
            .map_err(failed),
        HookKind::Cgroup => program::<CgroupSockAddr>(ebpf, name)?
            .load()
            .map_err(failed),
    }
}

/// The kernel's answer in one line: of the verifier's log, what it says last.
fn refusal(error: &ProgramError) -> String {
    let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
    else {
        return error.to_string();
    };
    let log = verifier_log.to_string();
    let last = log
        .lines()
        .rev()
        .find(|line| !line.is_empty() && !is_statistics(line));
    last.map_or_else(
        || io_error.to_string(),
        |last| format!("{io_error}: {}", last.trim()),
    )
}

fn is_statistics(line: &str) -> bool {
    ["verification time", "stack depth", "processed "]
        .iter()
        .any(|start| line.starts_with(start))
}

fn attach_program(
    ebpf: &mut Ebpf,
    hook: Hook,
    cgroup: Option<&std::fs::File>,
) -> Result<(), KernelError> {
    let Hook {
        name,
        kind,
        since: _,
        without: _,
    } = hook;
    let failed = |source| KernelError::Attach {
        hook: name,
        source: Box::new(source),
    };
    match kind {
        HookKind::Tracepoint => {
            program::<BtfTracePoint>(ebpf, name)?
                .attach()
                .map_err(failed)?;
        }
        HookKind::Cgroup => {
            let cgroup = cgroup.ok_or_else(|| {
                failed(ProgramError::IOError(std::io::ErrorKind::NotFound.into()))
            })?;
            program::<CgroupSockAddr>(ebpf, name)?
                // A link goes beside those of others whatever the mode; `AllowMultiple` is for the
                // older way of attaching, and refused here.
                .attach(cgroup, CgroupAttachMode::Single)
                .map_err(failed)?;
        }
    }
    Ok(())
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut P, KernelError>
where
    &'a mut P: TryFrom<&'a mut Program>,
{
    ebpf.program_mut(name)
        .and_then(|program| program.try_into().ok())
        .ok_or(KernelError::MissingInObject {
            kind: "program",
            name,
        })
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_networks_become_prefixes_of_mapped_addresses() {
        let key = folded(&"10.0.0.0/8".parse().unwrap());
        assert_eq!({ key.prefix_len() }, 104);
        assert_eq!(key.data().octets()[10..13], [0xff, 0xff, 10]);
        assert_eq!({ folded(&"::/0".parse().unwrap()).prefix_len() }, 0);
    }

    #[test]
    fn an_ipv6_network_holds_no_ipv4() {
        let entries = |networks: &[&str]| -> Vec<(u32, bool)> {
            let networks: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
            entries(&networks)
                .map(|(key, listed)| (key.prefix_len(), listed))
                .collect()
        };
        assert_eq!(entries(&["::/0"]), [(96, false), (0, true)]);
        assert_eq!(
            entries(&["::/0", "0.0.0.0/0"]),
            [(96, false), (0, true), (96, true)]
        );
        assert_eq!(entries(&["2001:db8::/32"]), [(32, true)]);
    }

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
