//! Calls of `bpf(2)` that aya does not offer.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use aya::Pod;
use aya_obj::generated::{
    bpf_attr, bpf_cmd, bpf_insn, bpf_map_type, bpf_prog_info, bpf_prog_type, perf_event_attr,
    perf_type_id,
};

/// `bpf(2)`, which returns a descriptor or 0.
///
/// # Safety
/// Every pointer in `attr` that the kernel uses for `command` must be valid for what it does there.
unsafe fn bpf(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<i32> {
    // SAFETY: `attr` is valid for its size; the pointers in it are by contract.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_int,
            attr,
            size_of::<bpf_attr>(),
        )
    };
    let error = io::Error::last_os_error;
    i32::try_from(result)
        .ok()
        .filter(|&value| value >= 0)
        .ok_or_else(error)
}

fn empty_attr() -> bpf_attr {
    // SAFETY: all zero is valid for a union of integers.
    unsafe { zeroed() }
}

/// Takes elements out of a hash map, `keys.len()` at most.
///
/// `position` says where to go on: `None` at first, then what the last call left there, `None`
/// again at the end. Returns how many elements were taken. Kernel 5.6 and later.
///
/// # Errors
/// `ENOSPC` if one bucket has more elements than fit; nothing was taken, call again with more room.
pub(super) fn take_batch<K: Pod, V: Pod>(
    map: BorrowedFd<'_>,
    position: &mut Option<u32>,
    keys: &mut [K],
    values: &mut [V],
) -> io::Result<usize> {
    assert_eq!(keys.len(), values.len(), "a value for every key");
    let mut next = 0_u32;
    let mut attr = empty_attr();
    attr.batch.in_batch = position
        .as_ref()
        .map_or(0, |position| position as *const u32 as u64);
    attr.batch.out_batch = &raw mut next as u64;
    attr.batch.keys = keys.as_mut_ptr() as u64;
    attr.batch.values = values.as_mut_ptr() as u64;
    attr.batch.count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    attr.batch.map_fd = map.as_raw_fd().cast_unsigned();
    // SAFETY: keys and values have room for `count` elements of the map's sizes, which the caller's
    // types have (`drain` compared them with the map's); a hash map's position is a u32 (`generic` in
    // `kernel/bpf/hashtab.c`); all outlive the call.
    let result = unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_AND_DELETE_BATCH, &mut attr) };
    // SAFETY: the kernel wrote the number of elements there.
    let taken = unsafe { attr.batch.count } as usize;
    match result {
        Ok(_) => {
            *position = Some(next);
            Ok(taken)
        }
        // The end of the map.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
            *position = None;
            Ok(taken)
        }
        Err(error) => Err(error),
    }
}

/// Waits until every program that was running when it was called has left.
///
/// An update of a map of maps returns only then (`maybe_wait_bpf_programs` in
/// `kernel/bpf/syscall.c`, kernel 4.18 and later); the maps are ours and hold nothing.
#[derive(Debug)]
pub(super) struct Barrier {
    outer: OwnedFd,
    inner: OwnedFd,
}

impl Barrier {
    pub(super) fn new() -> io::Result<Self> {
        let inner = create_array(bpf_map_type::BPF_MAP_TYPE_ARRAY, None)?;
        let outer = create_array(bpf_map_type::BPF_MAP_TYPE_ARRAY_OF_MAPS, Some(&inner))?;
        Ok(Self { outer, inner })
    }

    pub(super) fn wait(&self) -> io::Result<()> {
        let Self { outer, inner } = self;
        let key = 0_u32;
        let value = inner.as_raw_fd();
        let mut attr = empty_attr();
        attr.__bindgen_anon_2.map_fd = outer.as_raw_fd().cast_unsigned();
        attr.__bindgen_anon_2.key = &raw const key as u64;
        attr.__bindgen_anon_2.__bindgen_anon_1.value = &raw const value as u64;
        // SAFETY: key and value are 4 bytes, as the map was made, and outlive the call.
        unsafe { bpf(bpf_cmd::BPF_MAP_UPDATE_ELEM, &mut attr) }?;
        Ok(())
    }
}

fn create_array(kind: bpf_map_type, inner: Option<&OwnedFd>) -> io::Result<OwnedFd> {
    let mut attr = empty_attr();
    attr.__bindgen_anon_1.map_type = kind as u32;
    attr.__bindgen_anon_1.key_size = 4;
    attr.__bindgen_anon_1.value_size = 4;
    attr.__bindgen_anon_1.max_entries = 1;
    attr.__bindgen_anon_1.inner_map_fd = inner.map_or(0, |fd| fd.as_raw_fd().cast_unsigned());
    // SAFETY: no pointers are used.
    let fd = unsafe { bpf(bpf_cmd::BPF_MAP_CREATE, &mut attr) }?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What the kernel tells of a program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProgramCounts {
    /// 0 unless `bpf_stats_enabled` is on.
    pub(super) runs: u64,
    /// Nanoseconds; 0 unless `bpf_stats_enabled` is on.
    pub(super) run_time_ns: u64,
    /// Skipped runs. Kernel 5.12 and later, else 0.
    pub(super) recursion_misses: u64,
    /// Instructions that the verifier went through. Kernel 5.16 and later, else 0.
    pub(super) verified_instructions: u64,
}

/// Asks the kernel about a program.
pub(super) fn program_counts(program: BorrowedFd<'_>) -> io::Result<ProgramCounts> {
    // SAFETY: all zero is valid for a structure of integers.
    let mut info: bpf_prog_info = unsafe { zeroed() };
    let mut attr = empty_attr();
    attr.info.bpf_fd = program.as_raw_fd().cast_unsigned();
    attr.info.info_len = u32::try_from(size_of::<bpf_prog_info>()).unwrap_or(0);
    attr.info.info = &raw mut info as u64;
    // SAFETY: `info` has room for `info_len` bytes and outlives the call; its own pointers are null.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok(ProgramCounts {
        runs: info.run_cnt,
        run_time_ns: info.run_time_ns,
        recursion_misses: info.recursion_misses,
        verified_instructions: info.verified_insns.into(),
    })
}

/// Memory that the kernel charges for a program or a map, bytes; `None` if it does not tell.
pub(super) fn memory(object: BorrowedFd<'_>) -> Option<u64> {
    let file = format!("/proc/self/fdinfo/{}", object.as_raw_fd());
    let text = std::fs::read_to_string(file).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("memlock:"))?;
    line.trim().parse().ok()
}

/// Lifts the limit that kernels before 5.11 charge maps and programs to. False if we may not.
pub(super) fn lift_memory_limit() -> bool {
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the pointer is valid.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) == 0 }
}

/// Keeps other processes from taking the CPU away from this thread. Dropping it lets them again.
#[derive(Debug)]
pub(super) struct Undisturbed {
    before: Option<(i32, libc::sched_param)>,
}

impl Undisturbed {
    /// From now on, if we may.
    pub(super) fn begin() -> Self {
        // SAFETY: all zero is valid for a structure of integers; the pointers are valid; 0 is this
        // thread.
        let before = unsafe {
            let mut before: libc::sched_param = zeroed();
            let policy = libc::sched_getscheduler(0);
            let mut lowest = before;
            lowest.sched_priority = 1;
            let is_known = policy >= 0 && libc::sched_getparam(0, &raw mut before) == 0;
            (is_known && libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const lowest) == 0)
                .then_some((policy, before))
        };
        Self { before }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        if let Some((policy, before)) = &self.before {
            // It cannot fail: what we had we may have.
            // SAFETY: the pointer is valid.
            let _back = unsafe { libc::sched_setscheduler(0, *policy, before) };
        }
    }
}

/// `BPF_FUNC_get_current_task_btf` in `include/uapi/linux/bpf.h`, kernel 5.11 and later.
const GET_CURRENT_TASK_BTF: i32 = 158;

/// `BPF_TRACE_FEXIT` in `include/uapi/linux/bpf.h`.
const TRACE_FEXIT: u32 = 25;

/// Loads the smallest program of a kind that tracing needs, to see whether we may.
pub(super) fn may_load_programs() -> io::Result<()> {
    load_small(
        bpf_prog_type::BPF_PROG_TYPE_RAW_TRACEPOINT,
        &[RETURN_ZERO, EXIT],
        None,
    )
}

/// Loads the smallest program for a breakpoint.
pub(super) fn may_load_probe() -> io::Result<()> {
    load_small(
        bpf_prog_type::BPF_PROG_TYPE_KPROBE,
        &[RETURN_ZERO, EXIT],
        None,
    )
}

/// Loads a small program for the way out of the function with this number, which calls what all of
/// ours call.
pub(super) fn may_load_exit_program(function: u32) -> io::Result<()> {
    let call = (0x85, GET_CURRENT_TASK_BTF);
    load_small(
        bpf_prog_type::BPF_PROG_TYPE_TRACING,
        &[call, RETURN_ZERO, EXIT],
        Some((TRACE_FEXIT, function)),
    )
}

/// `r0 = 0`: code and immediate operand.
const RETURN_ZERO: (u8, i32) = (0xb7, 0);
const EXIT: (u8, i32) = (0x95, 0);

fn load_small(
    kind: bpf_prog_type,
    program: &[(u8, i32)],
    target: Option<(u32, u32)>,
) -> io::Result<()> {
    let instructions: Vec<bpf_insn> = program
        .iter()
        .map(|&(code, operand)| {
            // SAFETY: all zero is valid for an instruction.
            let mut instruction: bpf_insn = unsafe { zeroed() };
            instruction.code = code;
            instruction.imm = operand;
            instruction
        })
        .collect();
    let license = c"GPL";
    let mut attr = empty_attr();
    attr.__bindgen_anon_3.prog_type = kind as u32;
    attr.__bindgen_anon_3.insns = instructions.as_ptr() as u64;
    attr.__bindgen_anon_3.insn_cnt = u32::try_from(instructions.len()).unwrap_or(0);
    attr.__bindgen_anon_3.license = license.as_ptr() as u64;
    if let Some((attach_type, function)) = target {
        attr.__bindgen_anon_3.expected_attach_type = attach_type;
        attr.__bindgen_anon_3.attach_btf_id = function;
    }
    // SAFETY: instructions and licence outlive the call.
    let fd = unsafe { bpf(bpf_cmd::BPF_PROG_LOAD, &mut attr) }?;
    // SAFETY: the kernel has just given us this descriptor.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

/// In `include/uapi/linux/perf_event.h`.
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;

/// Opens an event of the tracing file system, by its number, for all processes.
pub(super) fn open_tracing_event(id: u64) -> io::Result<OwnedFd> {
    // SAFETY: all zero is valid for a structure of integers.
    let mut attr: perf_event_attr = unsafe { zeroed() };
    attr.type_ = perf_type_id::PERF_TYPE_TRACEPOINT as u32;
    attr.size = u32::try_from(size_of::<perf_event_attr>()).unwrap_or(0);
    attr.config = id;
    let (every_process, first_cpu, no_group) = (-1, 0, -1);
    // SAFETY: `attr` is valid for its size.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attr,
            every_process,
            first_cpu,
            no_group,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    let fd = i32::try_from(fd)
        .ok()
        .filter(|&fd| fd >= 0)
        .ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `PERF_EVENT_IOC_SET_BPF` and `PERF_EVENT_IOC_ENABLE` in `include/uapi/linux/perf_event.h`.
const SET_PROGRAM: libc::Ioctl = 0x4004_2408;
const ENABLE: libc::Ioctl = 0x2400;

/// Runs a program whenever the event happens, on whichever CPU.
pub(super) fn run_program_at(event: &OwnedFd, program: i32) -> io::Result<()> {
    for (request, argument) in [(SET_PROGRAM, program), (ENABLE, 0)] {
        // SAFETY: both take an integer.
        if unsafe { libc::ioctl(event.as_raw_fd(), request, argument) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// `CLOCK_MONOTONIC`, nanoseconds: the clock that the programs stamp rows with.
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is valid; the call cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    nanoseconds(time)
}

/// Length of the kernel's tick (`jiffies`), which is the resolution of the coarse clocks.
pub(crate) fn tick_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is valid; the call cannot fail for this clock.
    unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
    nanoseconds(time)
}

fn nanoseconds(time: libc::timespec) -> u64 {
    let unsigned = |part: i64| u64::try_from(part).unwrap_or(0);
    unsigned(time.tv_sec) * 1_000_000_000 + unsigned(time.tv_nsec)
}
