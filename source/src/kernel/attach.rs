//! Loading the programs one by one, and attaching them as planned.

use std::fs::File;
use std::os::fd::AsFd as _;

use aya::programs::{
    BtfTracePoint, CgroupAttachMode, CgroupSockAddr, FEntry, FExit, KProbe, Program, ProgramError,
    RawTracePoint,
};
use aya::{Btf, Ebpf};
use tracing::warn;

use super::cgroup;
use super::error::KernelError;
use super::existing::Finder;
use super::hooks::{Hook, HookKind, Without};
use super::plan::{NO_ADDRESSES, Plan, no_tls_splice};
use super::tracefs::{Probes, Way};
use crate::pipeline::Degradation;

/// Attaches every hook of the plan; returns what became of it, and the breakpoints.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    btf: &Btf,
    plan: &Plan,
) -> Result<(Plan, Option<Probes>), KernelError> {
    let Plan {
        backend,
        hooks,
        twice,
        degradations,
    } = plan.clone();
    let mut degradations = degradations;
    let mut attached = Vec::with_capacity(hooks.len());
    // Load all, then attach all, so that the hooks begin to count as close together as can be.
    let (mut loaded, mut refused) = (Vec::new(), Vec::new());
    for hook in hooks {
        match load(ebpf, &hook, btf) {
            Ok(()) => loaded.push(hook),
            Err(error) => refused.push(tolerated(hook, error)?),
        }
    }
    let finder = Finder::load(ebpf, btf, backend.finder());
    // Once before, so that nothing is missed that is taken while the hooks are being attached, and
    // once after, for the sockets that were made meanwhile.
    let finder = finder.and_then(|mut finder| finder.run(ebpf).map(|_closed| finder));
    let mut places = Places {
        cgroup: cgroup::open().ok().map(|(_folder, file)| file),
        probes: None,
    };
    for hook in loaded {
        match places.attach(ebpf, hook) {
            Ok(()) => attached.push(hook),
            Err(error) => refused.push(tolerated(hook, error)?),
        }
    }
    let closed = finder.and_then(|mut finder| finder.run(ebpf));
    degradations.extend(existing_unseen(&closed));
    degradations.extend(less(&refused));
    let plan = Plan {
        backend,
        hooks: attached,
        twice,
        degradations,
    };
    Ok((plan, places.probes))
}

/// What is not seen without those hooks.
fn less(refused: &[Hook]) -> Vec<Degradation> {
    let without = |without: Without| {
        let names: Vec<&str> = refused
            .iter()
            .filter(|hook| hook.without == without)
            .map(|hook| hook.name)
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let addresses = without(Without::NoAddresses).map(|names| Degradation {
        code: "cgroup_hook_refused".to_owned(),
        summary: format!("{NO_ADDRESSES}, because the kernel refused {names}"),
        remedy:
            "give the program CAP_NET_ADMIN, and detach any exclusive program from the root of \
                 cgroup v2 (see `bpftool cgroup tree`)"
                .to_owned(),
    });
    let frames = without(Without::NoFrames).map(|names| Degradation {
        code: "frames_unseen".to_owned(),
        summary: format!(
            "frames of the link layer are not counted, because the kernel refused {names}"
        ),
        remedy: "leave `packet` out of `protocols` if they do not matter".to_owned(),
    });
    let splice = without(Without::NoTlsSplice).map(|_names| no_tls_splice(""));
    addresses.into_iter().chain(frames).chain(splice).collect()
}

/// What is less where looking for older sockets failed, or where so many namespaces are closed to us.
fn existing_unseen(closed: &Result<usize, KernelError>) -> Option<Degradation> {
    let (place, why, remedy) = match closed {
        Ok(0) => return None,
        Ok(closed) => (
            " in other network namespaces",
            format!("{closed} of these may not be entered"),
            "give the program CAP_SYS_ADMIN and CAP_SYS_PTRACE",
        ),
        Err(error) => ("", error.to_string(), ""),
    };
    Some(Degradation {
        code: "existing_sockets".to_owned(),
        summary: format!(
            "TCP sockets that are older than nettally{place} are seen from their first ordinary receive \
             on, not from splice or zero copy: {why}"
        ),
        remedy: remedy.to_owned(),
    })
}

/// The hook if it can be done without, else the error that it was refused with.
fn tolerated(hook: Hook, error: KernelError) -> Result<Hook, KernelError> {
    match hook.without {
        Without::Nothing => Err(error),
        Without::NoAddresses | Without::NoFrames | Without::NoTlsSplice => {
            warn!(hook = hook.name, %error, "Hook not attached.");
            Ok(hook)
        }
    }
}

fn load(ebpf: &mut Ebpf, hook: &Hook, btf: &Btf) -> Result<(), KernelError> {
    let name = hook.name;
    let failed = |source: ProgramError| KernelError::LoadProgram {
        hook: name,
        refusal: refusal(&source),
    };
    let own = hook.program();
    let done = match hook.kind {
        HookKind::Tracepoint => program::<BtfTracePoint>(ebpf, &own)?.load(name, btf),
        HookKind::RawTracepoint => program::<RawTracePoint>(ebpf, &own)?.load(),
        HookKind::Cgroup => program::<CgroupSockAddr>(ebpf, &own)?.load(),
        HookKind::Entry => program::<FEntry>(ebpf, &own)?.load(name, btf),
        HookKind::Exit => program::<FExit>(ebpf, &own)?.load(name, btf),
        HookKind::Probe(program) => load_probe(ebpf, program)?,
        HookKind::ProbePair(enter, leave) => {
            for program in enter.into_iter().chain([leave]) {
                load_probe(ebpf, program)?.map_err(failed)?;
            }
            Ok(())
        }
    };
    done.map_err(failed)
}

/// Several functions share a program of this kind.
fn load_probe(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<Result<(), ProgramError>, KernelError> {
    let program = program::<KProbe>(ebpf, name)?;
    Ok(match program.load() {
        Err(ProgramError::AlreadyLoaded) => Ok(()),
        done => done,
    })
}

/// The kernel's answer in one line: of the verifier's log, what it says last.
pub(super) fn refusal(error: &ProgramError) -> String {
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

/// Where programs are attached that do not know it themselves.
struct Places {
    cgroup: Option<File>,
    probes: Option<Probes>,
}

impl Places {
    fn attach(&mut self, ebpf: &mut Ebpf, hook: Hook) -> Result<(), KernelError> {
        let name = hook.name;
        let failed = |source| KernelError::Attach {
            hook: name,
            source: Box::new(source),
        };
        let own = hook.program();
        match hook.kind {
            HookKind::Tracepoint => {
                program::<BtfTracePoint>(ebpf, &own)?
                    .attach()
                    .map_err(failed)?;
            }
            HookKind::RawTracepoint => {
                program::<RawTracePoint>(ebpf, &own)?
                    .attach(name)
                    .map_err(failed)?;
            }
            HookKind::Cgroup => {
                let cgroup = self.cgroup.as_ref().ok_or_else(|| {
                    failed(ProgramError::IOError(std::io::ErrorKind::NotFound.into()))
                })?;
                program::<CgroupSockAddr>(ebpf, &own)?
                    // A link goes beside those of others whatever the mode; `AllowMultiple` is for
                    // the older way of attaching, and refused here.
                    .attach(cgroup, CgroupAttachMode::Single)
                    .map_err(failed)?;
            }
            HookKind::Entry => {
                program::<FEntry>(ebpf, &own)?.attach().map_err(failed)?;
            }
            HookKind::Exit => {
                program::<FExit>(ebpf, &own)?.attach().map_err(failed)?;
            }
            HookKind::Probe(program) => self.probe(ebpf, name, Way::In, program)?,
            HookKind::ProbePair(enter, leave) => {
                // The way out first: a call that is found there without its arguments is one that
                // began before; the other way round its arguments would stay.
                self.probe(ebpf, name, Way::Out, leave)?;
                if let Some(enter) = enter {
                    self.probe(ebpf, name, Way::In, enter)?;
                }
            }
        }
        Ok(())
    }

    fn probe(
        &mut self,
        ebpf: &mut Ebpf,
        function: &'static str,
        way: Way,
        name: &'static str,
    ) -> Result<(), KernelError> {
        let failed = |source| KernelError::Attach {
            hook: function,
            source: Box::new(source),
        };
        let fd = program::<KProbe>(ebpf, name)?.fd().map_err(failed)?;
        let probes = match &mut self.probes {
            Some(probes) => probes,
            none @ None => {
                let probes = Probes::new().map_err(|error| failed(ProgramError::IOError(error)))?;
                none.insert(probes)
            }
        };
        probes
            .attach(function, way, fd.as_fd())
            .map_err(|error| failed(ProgramError::IOError(error)))
    }
}

pub(super) fn program<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, KernelError>
where
    &'a mut P: TryFrom<&'a mut Program>,
{
    ebpf.program_mut(name)
        .and_then(|program| program.try_into().ok())
        .ok_or_else(|| KernelError::MissingInObject {
            kind: "program",
            name: name.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_namespaces_are_said() {
        assert_eq!(existing_unseen(&Ok(0)), None);
        let Degradation {
            code,
            summary,
            remedy,
        } = existing_unseen(&Ok(3)).unwrap();
        assert_eq!(code, "existing_sockets");
        assert!(
            summary.ends_with("3 of these may not be entered"),
            "{summary}"
        );
        assert!(remedy.contains("CAP_SYS_ADMIN"), "{remedy}");
        let failed = Err(KernelError::MalformedBtf("it is odd"));
        let summary = existing_unseen(&failed).unwrap().summary;
        assert!(summary.contains("it is odd"), "{summary}");
    }
}
