//! Who a process is: what the kernel side records of it once, at its first bytes as this program.
//!
//! A record in the ring `SNAPSHOTS` is a [`SnapshotHead`] followed by its texts: components of paths,
//! each ended by a zero byte, innermost first, of the executable, then the working directory, then the
//! control group; then the arguments as they lie in the process's memory.

use crate::flow::{COMM_LENGTH, ProcessKey};

/// Bytes that the name of a file can have, with its terminating zero (`NAME_MAX` in
/// `include/uapi/linux/limits.h`).
pub const COMPONENT: usize = 256;

/// Bytes from the beginning of the texts until which components of the executable's path may begin.
pub const EXE_LIMIT: usize = 4352;

/// The same for the working directory.
pub const DIRECTORY_LIMIT: usize = 5632;

/// The same for the control group.
pub const CGROUP_LIMIT: usize = 6656;

/// Bytes of arguments at most.
pub const ARGUMENTS: usize = 1024;

/// Bytes of all texts at most: a power of two.
pub const TEXTS: usize = 8192;

/// Ancestors that are recorded at most.
pub const PARENTS: usize = 4;

/// Bit of [`SnapshotHead::cut`]: the outer end of the executable's path is missing.
pub const EXE_CUT: u32 = 1;

/// Bit of [`SnapshotHead::cut`]: the outer end of the working directory's path is missing.
pub const DIRECTORY_CUT: u32 = 2;

/// Bit of [`SnapshotHead::cut`]: the outer end of the control group's path is missing.
pub const CGROUP_CUT: u32 = 4;

/// Bit of [`SnapshotHead::cut`]: there are more arguments.
pub const ARGUMENTS_CUT: u32 = 8;

/// Bit of [`SnapshotHead::cut`]: the arguments could not be read, as they were not in memory.
pub const ARGUMENTS_MISSING: u32 = 16;

/// What comes before the texts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotHead {
    /// Whose.
    pub process: ProcessKey,
    /// Inode number of the network namespace, 0 if it could not be read.
    pub network_namespace: u32,
    /// Bits such as [`EXE_CUT`].
    pub cut: u32,
    /// Where the path of the executable ends, in bytes from the beginning of the texts.
    pub exe_end: u32,
    /// Where the path of the working directory ends, likewise.
    pub directory_end: u32,
    /// Where the path of the control group ends, likewise.
    pub cgroup_end: u32,
    /// Where the arguments end, and with them the texts, likewise.
    pub arguments_end: u32,
    /// The nearest first; those with `tgid` 0 do not exist.
    pub parents: [ParentRecord; PARENTS],
}

/// An ancestor.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParentRecord {
    /// Name of the thread-group leader, up to the first zero byte.
    pub comm: [u8; COMM_LENGTH],
    /// Thread group id in the initial PID namespace.
    pub tgid: u32,
}

const _: () = {
    assert!(size_of::<SnapshotHead>() == 120);
    assert!(size_of::<ParentRecord>() == 20);
    assert!(TEXTS.is_power_of_two());
    assert!(EXE_LIMIT < DIRECTORY_LIMIT && DIRECTORY_LIMIT < CGROUP_LIMIT);
    assert!(CGROUP_LIMIT + COMPONENT + ARGUMENTS <= TEXTS);
};

// SAFETY: `repr(C)`, integers only, no implicit padding (asserted above).
#[cfg(feature = "user")]
unsafe impl aya::Pod for SnapshotHead {}
