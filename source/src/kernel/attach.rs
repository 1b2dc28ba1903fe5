//! Loading the programs one by one, and attaching them as planned.

use aya::programs::{BtfTracePoint, CgroupAttachMode, CgroupSockAddr, Program, ProgramError};
use aya::{Btf as AyaBtf, Ebpf};
use tracing::warn;

use super::cgroup;
use super::error::KernelError;
use super::hooks::{Hook, HookKind, Without};
use super::plan::{NO_ADDRESSES, Plan};
use crate::pipeline::Degradation;

/// Attaches every hook of the plan; returns what became of it.
pub(super) fn attach(ebpf: &mut Ebpf, plan: Plan) -> Result<Plan, KernelError> {
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
