//! Who runs the program.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_get_current_uid_gid;
use aya_ebpf::helpers::generated::bpf_get_current_task_btf;
use nettally_ebpf::flow::{COMM_LENGTH, ProcessKey, ProcessRecord};

use crate::globals::offset;
use crate::socket::load;

/// The running process: the thread group, whichever of its threads runs.
#[inline(always)]
pub(crate) fn current() -> ProcessKey {
    let leader = leader();
    // SAFETY: `leader` is a `task_struct` that lives while one of its threads runs this program.
    unsafe {
        ProcessKey {
            start_boottime: load(leader, offset!(task_start_boottime)),
            tgid: load(leader, offset!(task_tgid)),
            padding: 0,
        }
    }
}

/// What names the running process.
#[inline(always)]
pub(crate) fn record() -> ProcessRecord {
    let leader = leader();
    // SAFETY: `leader` is a `task_struct` that lives while one of its threads runs this program; its
    // parent is valid under the RCU read lock that programs run under.
    unsafe {
        let parent: *const c_void = load(leader, offset!(task_real_parent));
        ProcessRecord {
            comm: comm(leader),
            exec_id: load(leader, offset!(task_self_exec_id)),
            uid: bpf_get_current_uid_gid() as u32,
            parent_tgid: load(parent, offset!(task_tgid)),
        }
    }
}

#[inline(always)]
fn leader() -> *const c_void {
    // SAFETY: the helper returns the running task. Kernel 5.11 and later.
    unsafe {
        load(
            bpf_get_current_task_btf().cast::<c_void>(),
            offset!(task_group_leader),
        )
    }
}

/// Byte by byte, because the verifier wants loads of the size of the member, a `char`.
#[inline(always)]
unsafe fn comm(task: *const c_void) -> [u8; COMM_LENGTH] {
    let mut comm = [0; COMM_LENGTH];
    let start = offset!(task_comm);
    let mut index = 0;
    while index < COMM_LENGTH {
        // SAFETY: the caller passes a `task_struct`, whose `comm` has this length.
        comm[index] = unsafe { load(task, start + index as u32) };
        index += 1;
    }
    comm
}
