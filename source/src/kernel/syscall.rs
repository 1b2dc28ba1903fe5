//! Calls of `bpf(2)` that aya does not offer.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use aya::Pod;
use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_insn, bpf_map_type, bpf_prog_info, bpf_prog_type};

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

/// Runs, run time in nanoseconds and skipped runs of a program. The last from kernel 5.12, else 0.
pub(super) fn program_counts(program: BorrowedFd<'_>) -> io::Result<(u64, u64, u64)> {
    // SAFETY: all zero is valid for a structure of integers.
    let mut info: bpf_prog_info = unsafe { zeroed() };
    let mut attr = empty_attr();
    attr.info.bpf_fd = program.as_raw_fd().cast_unsigned();
    attr.info.info_len = u32::try_from(size_of::<bpf_prog_info>()).unwrap_or(0);
    attr.info.info = &raw mut info as u64;
    // SAFETY: `info` has room for `info_len` bytes and outlives the call; its own pointers are null.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok((info.run_cnt, info.run_time_ns, info.recursion_misses))
}

/// Loads the smallest program of a kind that tracing needs, to see whether we may.
pub(super) fn may_load_programs() -> io::Result<()> {
    let instruction = |code| {
        // SAFETY: all zero is valid for an instruction.
        let mut instruction: bpf_insn = unsafe { zeroed() };
        instruction.code = code;
        instruction
    };
    // `r0 = 0`, then `exit`.
    let instructions = [instruction(0xb7), instruction(0x95)];
    let license = c"GPL";
    let mut attr = empty_attr();
    attr.__bindgen_anon_3.prog_type = bpf_prog_type::BPF_PROG_TYPE_RAW_TRACEPOINT as u32;
    attr.__bindgen_anon_3.insns = instructions.as_ptr() as u64;
    attr.__bindgen_anon_3.insn_cnt = 2;
    attr.__bindgen_anon_3.license = license.as_ptr() as u64;
    // SAFETY: instructions and licence outlive the call.
    let fd = unsafe { bpf(bpf_cmd::BPF_PROG_LOAD, &mut attr) }?;
    // SAFETY: the kernel has just given us this descriptor.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
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
