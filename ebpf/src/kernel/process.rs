//! Who runs the program.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_get_current_uid_gid;
use nettally_ebpf::flow::{ProcessKey, ProcessRecord};

use crate::access::Access;
use crate::globals::offset;

/// The running process: the thread group, whichever of its threads runs.
#[inline(always)]
pub(crate) fn current<A: Access>() -> ProcessKey {
    let leader = leader::<A>();
    // SAFETY: `leader` is a `task_struct` that lives while one of its threads runs this program.
    unsafe {
        ProcessKey {
            start_boottime: A::load(leader, offset!(task_start_boottime)),
            tgid: A::load(leader, offset!(task_tgid)),
            exec_id: A::load::<u64>(leader, offset!(task_self_exec_id)) as u32,
        }
    }
}

/// What names the running process.
#[inline(always)]
pub(crate) fn record<A: Access>() -> ProcessRecord {
    let leader = leader::<A>();
    // SAFETY: `leader` is a `task_struct` that lives while one of its threads runs this program; its
    // parent is valid under the RCU read lock that programs run under.
    unsafe {
        let ids = bpf_get_current_uid_gid();
        let parent: *const c_void = A::load(leader, offset!(task_real_parent));
        ProcessRecord {
            comm: A::comm(leader),
            uid: ids as u32,
            gid: (ids >> 32) as u32,
            parent_tgid: A::load(parent, offset!(task_tgid)),
            flags: A::load(leader, offset!(task_flags)),
        }
    }
}

#[inline(always)]
fn leader<A: Access>() -> *const c_void {
    // SAFETY: it is the running task.
    unsafe { A::load(A::current_task(), offset!(task_group_leader)) }
}
