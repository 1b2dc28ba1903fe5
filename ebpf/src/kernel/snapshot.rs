//! What names a process when it is long gone: taken once, when it moves its first bytes as this program.
//!
//! Whoever waits to ask `/proc` finds nobody: a process that lives for a millisecond has sent its bytes
//! and gone. Here it is running, so its executable, arguments and place can be read from it.

use core::ffi::c_void;

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::{Array, HashMap, LruHashMap, RingBuf};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::{
    bpf_get_current_task, bpf_probe_read_kernel, bpf_probe_read_kernel_str, bpf_probe_read_user,
    bpf_ringbuf_output,
};
use aya_ebpf::macros::btf_map;
use nettally_ebpf::flow::{COMM_LENGTH, MAX_PROCESSES, ProcessKey};
use nettally_ebpf::loss::Loss;
use nettally_ebpf::settings::{NO_OFFSET, V1_HIERARCHIES};
use nettally_ebpf::snapshot::{
    ARGUMENTS, ARGUMENTS_CUT, ARGUMENTS_MISSING, CGROUP_CUT, CGROUP_LIMIT, COMPONENT,
    DIRECTORY_CUT, DIRECTORY_LIMIT, EXE_CUT, EXE_LIMIT, PARENTS, SnapshotHead, TEXTS,
};

use crate::globals::{identity, offset, setting};
use crate::losses::note;

/// Components of the path of an executable, mounts on the way included. The verifier takes each of
/// these steps, in every program.
const EXE_STEPS: u32 = 32;

/// The same for a working directory.
const DIRECTORY_STEPS: u32 = 24;

/// Control groups in each other.
const MAX_GROUPS: u32 = 16;

/// Snapshots that may be under way at once: programs can be preempted.
const AT_ONCE: usize = 64;

/// A snapshot while it is put together; too large for a program's stack.
#[repr(C)]
#[derive(Clone, Copy)]
struct Draft {
    /// Its `arguments_end` is where the texts end that there are so far.
    head: SnapshotHead,
    texts: [u8; TEXTS + COMPONENT],
    /// What was read last. Here and not on the stack, of which programs share 512 bytes with the
    /// functions they call.
    word: u64,
}

/// Drafts by `pid_tgid`, so that each has one writer.
#[btf_map]
static DRAFTS: HashMap<u64, Draft, AT_ONCE> = HashMap::new();

/// What a draft begins as.
#[btf_map]
static EMPTY_DRAFT: Array<Draft, 1> = Array::new();

/// Processes of which there is a snapshot. Those that move no bytes for long give way.
#[btf_map]
static KNOWN: LruHashMap<ProcessKey, u32, { MAX_PROCESSES as usize }> = LruHashMap::new();

/// On their way to user space, which sizes it.
#[btf_map]
static SNAPSHOTS: RingBuf<SnapshotHead, { 1 << 20 }> = RingBuf::new();

/// Leaves a snapshot of the running process, unless there is one.
#[inline(always)]
pub(crate) fn take_once(process: &ProcessKey) {
    if setting!(snapshots) == 0 || KNOWN.get_ptr(process).is_some() {
        return;
    }
    if take_snapshot(process.start_boottime, process.tgid, process.exec_id) != 0 {
        // If it fails, the process will be recorded once more.
        let _full = KNOWN.insert(process, 1, u64::from(BPF_ANY));
    } else {
        note(Loss::SnapshotMissed);
    }
}

/// Not 0 if it was taken. Global, with numbers for arguments, so that the verifier looks at it once for
/// each program and not at every call. Kernel 5.6 and later.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn take_snapshot(start_boottime: u64, tgid: u32, exec_id: u32) -> u32 {
    let process = ProcessKey {
        start_boottime,
        tgid,
        exec_id,
    };
    u32::from(take(&process))
}

#[inline(always)]
fn take(process: &ProcessKey) -> bool {
    let thread = bpf_get_current_pid_tgid();
    let Some(empty) = EMPTY_DRAFT.get(0) else {
        return false;
    };
    if DRAFTS.insert(thread, empty, u64::from(BPF_ANY)).is_err() {
        return false;
    }
    let is_sent = match DRAFTS.get_ptr_mut(thread) {
        Some(draft) => {
            // SAFETY: the draft is this thread's alone until it is removed.
            unsafe {
                fill(draft, process);
                send(draft)
            }
        }
        None => false,
    };
    // It was inserted above.
    let _missing = DRAFTS.remove(thread);
    is_sent
}

/// # Safety
/// `draft` must be a value of `DRAFTS` that nobody else uses.
#[inline(always)]
unsafe fn fill(draft: *mut Draft, process: &ProcessKey) {
    // SAFETY: by contract; what is read comes from the running task, by a helper that checks.
    unsafe {
        let task = bpf_get_current_task() as *const c_void;
        (*draft).head.process = *process;
        let namespaces: *const c_void = follow(draft, task, identity!(task_nsproxy));
        let network: *const c_void = follow(draft, namespaces, identity!(nsproxy_net_ns));
        (*draft).head.network_namespace = number(draft, network, identity!(net_inum));
        parents(draft, task);

        let memory: *const c_void = follow(draft, task, identity!(task_mm));
        let exe: *const c_void = follow(draft, memory, identity!(mm_exe_file));
        path(
            draft,
            exe,
            identity!(file_path),
            EXE_STEPS,
            EXE_LIMIT,
            EXE_CUT,
        );
        (*draft).head.exe_end = (*draft).head.arguments_end;
        let places: *const c_void = follow(draft, task, identity!(task_fs));
        if !memory.is_null() {
            path(
                draft,
                places,
                identity!(fs_pwd),
                DIRECTORY_STEPS,
                DIRECTORY_LIMIT,
                DIRECTORY_CUT,
            );
        }
        (*draft).head.directory_end = (*draft).head.arguments_end;
        control_group(draft, task);
        (*draft).head.cgroup_end = (*draft).head.arguments_end;
        arguments(draft, memory);
    }
}

/// # Safety
/// As for [`fill`].
#[inline(always)]
unsafe fn send(draft: *mut Draft) -> bool {
    // SAFETY: by contract; the size is bounded by the mask, so it is inside the draft.
    unsafe {
        let size = size_of::<SnapshotHead>() as u64 + end(draft);
        bpf_ringbuf_output(
            (&raw const SNAPSHOTS).cast_mut().cast::<c_void>(),
            draft.cast::<c_void>(),
            size,
            0,
        ) == 0
    }
}

/// Where the texts end, with a bound that the verifier sees.
///
/// # Safety
/// As for [`fill`].
#[inline(always)]
unsafe fn end(draft: *mut Draft) -> u64 {
    // SAFETY: by contract. Volatile, so that the compiler does not know that the mask changes nothing.
    let end = unsafe { core::ptr::read_volatile(&raw const (*draft).head.arguments_end) };
    u64::from(end) & (TEXTS as u64 - 1)
}

/// Parent, its parent, and so on.
///
/// # Safety
/// As for [`fill`]; `task` must be a `task_struct`.
#[inline(always)]
unsafe fn parents(draft: *mut Draft, task: *const c_void) {
    let mut child: *const c_void = task;
    let mut index = 0;
    while index < PARENTS {
        // SAFETY: by contract. The parent's thread that made the child is told; its leader has the name.
        unsafe {
            let parent: *const c_void = follow(draft, child, offset!(task_real_parent));
            let leader: *const c_void = follow(draft, parent, offset!(task_group_leader));
            let tgid = number(draft, leader, offset!(task_tgid));
            if tgid == 0 {
                return;
            }
            let record = &raw mut (*draft).head.parents[index];
            (*record).tgid = tgid;
            // It leaves zeroes where it fails.
            let _failed = bpf_probe_read_kernel(
                (&raw mut (*record).comm).cast::<c_void>(),
                COMM_LENGTH as u32,
                leader.wrapping_byte_add(offset!(task_comm) as usize),
            );
            child = leader;
        }
        index += 1;
    }
}

/// Components of a `struct path` inside `holder`, innermost first, through mounts up to the root of
/// their tree, as `prepend_path` in `fs/d_path.c` goes.
///
/// # Safety
/// As for [`fill`].
#[inline(always)]
unsafe fn path(
    draft: *mut Draft,
    holder: *const c_void,
    at: u32,
    steps: u32,
    limit: usize,
    cut: u32,
) {
    if holder.is_null() {
        return;
    }
    // SAFETY: by contract.
    unsafe {
        let mut mount: *const c_void = follow(draft, holder, at + identity!(path_mount));
        let mut entry: *const c_void = follow(draft, holder, at + identity!(path_entry));
        let mut step = 0;
        while step < steps {
            let root: *const c_void = follow(draft, mount, identity!(vfsmount_root));
            if entry == root {
                let whole = mount.wrapping_byte_sub(identity!(mount_vfsmount) as usize);
                let outer: *const c_void = follow(draft, whole, identity!(mount_parent));
                if outer == whole || outer.is_null() {
                    return;
                }
                entry = follow(draft, whole, identity!(mount_mountpoint));
                mount = outer.wrapping_byte_add(identity!(mount_vfsmount) as usize);
            } else {
                let outer: *const c_void = follow(draft, entry, identity!(dentry_parent));
                if outer.is_null() {
                    return;
                }
                if !append(draft, follow(draft, entry, identity!(dentry_name)), limit) {
                    break;
                }
                // A file that lies in no folder (`memfd_create`), or the top of a tree that was
                // taken away.
                if outer == entry {
                    return;
                }
                entry = outer;
            }
            step += 1;
        }
        (*draft).head.cut |= cut;
    }
}

/// Names of the control group and those around it, innermost first.
///
/// # Safety
/// As for [`fill`]; `task` must be a `task_struct`.
#[inline(always)]
unsafe fn control_group(draft: *mut Draft, task: *const c_void) {
    // SAFETY: by contract.
    unsafe {
        let mut node = group_node(draft, task);
        let mut step = 0;
        while step < MAX_GROUPS {
            let outer = follow(draft, node, identity!(node_parent));
            // The root has no name worth telling.
            if outer.is_null() {
                return;
            }
            let name = follow(draft, node, identity!(node_name));
            if !append(draft, name, CGROUP_LIMIT) {
                break;
            }
            node = outer;
            step += 1;
        }
        (*draft).head.cut |= CGROUP_CUT;
    }
}

/// The control group in version 2, or if that is the root, in the first of the version 1 hierarchies
/// where it is not.
///
/// # Safety
/// As for [`fill`]; `task` must be a `task_struct`.
#[inline(always)]
unsafe fn group_node(draft: *mut Draft, task: *const c_void) -> *const c_void {
    // SAFETY: by contract.
    unsafe {
        let set = follow(draft, task, identity!(task_cgroups));
        let group = follow(draft, set, identity!(css_set_default));
        let mut node = follow(draft, group, identity!(cgroup_node));
        let mut index = 0;
        while index < V1_HIERARCHIES {
            let at = crate::globals::read(&crate::globals::IDENTITY.css_set_v1[index]);
            if at != NO_OFFSET && follow(draft, node, identity!(node_parent)).is_null() {
                let state = follow(draft, set, at);
                let group = follow(draft, state, identity!(css_cgroup));
                node = follow(draft, group, identity!(cgroup_node));
            }
            index += 1;
        }
        node
    }
}

/// # Safety
/// As for [`fill`]; `memory` must be null or the running task's `mm_struct`.
#[inline(always)]
unsafe fn arguments(draft: *mut Draft, memory: *const c_void) {
    if memory.is_null() {
        return;
    }
    // SAFETY: by contract; the masks keep what is written inside the draft.
    unsafe {
        let start = follow(draft, memory, identity!(mm_arg_start)).addr() as u64;
        let stop = follow(draft, memory, identity!(mm_arg_end)).addr() as u64;
        let length = stop.wrapping_sub(start);
        let most = ARGUMENTS as u64 - 1;
        if length > most {
            (*draft).head.cut |= ARGUMENTS_CUT;
        }
        let wanted = if length > most { most } else { length };
        let at = end(draft);
        // The texts before end so that this never holds; the verifier does not know.
        if at > (TEXTS - ARGUMENTS) as u64 {
            return;
        }
        let size = core::hint::black_box(wanted) & most;
        let target = (&raw mut (*draft).texts).cast::<u8>().add(at as usize);
        if bpf_probe_read_user(target.cast::<c_void>(), size as u32, start as *const c_void) == 0 {
            (*draft).head.arguments_end = (at + size) as u32;
        } else {
            (*draft).head.cut |= ARGUMENTS_MISSING;
        }
    }
}

/// Adds a component; false if there is no room for it.
///
/// # Safety
/// As for [`fill`].
#[inline(always)]
unsafe fn append(draft: *mut Draft, name: *const c_void, limit: usize) -> bool {
    // SAFETY: by contract; the mask and the room behind the texts keep what is written inside the draft.
    unsafe {
        let at = end(draft);
        if at > limit as u64 {
            return false;
        }
        let target = (&raw mut (*draft).texts).cast::<u8>().add(at as usize);
        let length =
            bpf_probe_read_kernel_str(target.cast::<c_void>(), COMPONENT as u32, name.cast());
        if length <= 0 {
            return false;
        }
        (*draft).head.arguments_end = (at + length as u64) as u32;
        true
    }
}

/// The pointer at an offset; null if it cannot be read.
///
/// # Safety
/// As for [`fill`]. `base` must be null, or the address of a kernel structure.
#[inline(always)]
unsafe fn follow(draft: *mut Draft, base: *const c_void, offset: u32) -> *const c_void {
    if base.is_null() {
        return base;
    }
    // SAFETY: by contract; the helper checks the address, and leaves zeroes where it fails.
    unsafe {
        let word = &raw mut (*draft).word;
        let from = base.wrapping_byte_add(offset as usize);
        let _failed = bpf_probe_read_kernel(word.cast::<c_void>(), size_of::<u64>() as u32, from);
        core::ptr::read_volatile(word) as *const c_void
    }
}

/// The number at an offset; 0 if it cannot be read.
///
/// # Safety
/// As for [`follow`].
#[inline(always)]
unsafe fn number(draft: *mut Draft, base: *const c_void, offset: u32) -> u32 {
    // SAFETY: by contract. No structure ends with any of these numbers, and the machine is
    // little-endian.
    unsafe { follow(draft, base, offset).addr() as u32 }
}
