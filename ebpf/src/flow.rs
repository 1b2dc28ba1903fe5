//! Keys and values of the maps that hold usage.

/// Flag of [`FlowKey::flags`]: the remote address could not be known, `remote_address` is zero.
pub const FLAG_UNRESOLVED: u8 = 1;

/// Length of a task's `comm`, with its terminating zero (`TASK_COMM_LEN` in `include/linux/sched.h`).
pub const COMM_LENGTH: usize = 16;

/// Number of buffers that `FLOWS`, `PROCESSES` and `TOTALS` have: one is written, one is drained.
pub const BUFFERS: u32 = 2;

/// Rows a flow buffer can hold. One row is about 128 bytes of kernel memory.
pub const MAX_FLOWS: u32 = 65_536;

/// Rows a process buffer can hold.
pub const MAX_PROCESSES: u32 = 16_384;

/// Whose bytes, over what, to where: the key of `FLOWS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The process.
    pub process: ProcessKey,
    /// IPv6 address in network byte order; IPv4 is folded in as `::ffff:a.b.c.d`.
    pub remote_address: [u8; 16],
    /// Host byte order.
    pub remote_port: u16,
    /// Host byte order.
    pub local_port: u16,
    /// A [`protocol`] number.
    pub protocol: u8,
    /// [`FLAG_UNRESOLVED`] or zero.
    pub flags: u8,
    /// Always zero.
    pub padding: [u8; 2],
}

/// A thread group, told apart from a later one with the same number by its start time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessKey {
    /// `task_struct::start_boottime` of the thread-group leader, nanoseconds since boot.
    pub start_boottime: u64,
    /// Thread group id in the initial PID namespace.
    pub tgid: u32,
    /// Always zero.
    pub padding: u32,
}

/// What one flow moved since the last drain: the value of `FLOWS`.
///
/// Bytes are signed because a late correction of a TCP receive may be negative.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCounters {
    /// Bytes the kernel accepted from the application.
    pub sent_bytes: i64,
    /// Bytes the kernel handed to the application.
    pub received_bytes: i64,
    /// `CLOCK_MONOTONIC` (tick resolution) of the first activity, nanoseconds.
    pub first_activity: u64,
    /// `CLOCK_MONOTONIC` (tick resolution) of the last activity, nanoseconds.
    pub last_activity: u64,
}

/// Who a [`ProcessKey`] is, as seen in the kernel at its first byte after a drain: the value of
/// `PROCESSES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessRecord {
    /// Name of the thread-group leader, up to the first zero byte.
    pub comm: [u8; COMM_LENGTH],
    /// Real user id of the thread that moved the byte.
    pub uid: u32,
    /// Thread group id of the parent, 0 if it has none.
    pub parent_tgid: u32,
}

/// Sum over every row written into one buffer, to check that a drain lost nothing: the value of
/// `TOTALS`, per CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferTotals {
    /// Sum of [`FlowCounters::sent_bytes`].
    pub sent_bytes: i64,
    /// Sum of [`FlowCounters::received_bytes`].
    pub received_bytes: i64,
}

/// Numbers of [`FlowKey::protocol`], as in the IP header.
pub mod protocol {
    /// TCP, and MPTCP, which is TCP to its user.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
}

const _: () = {
    assert!(size_of::<ProcessKey>() == 16);
    assert!(size_of::<FlowKey>() == 40);
    assert!(size_of::<FlowCounters>() == 32);
    assert!(size_of::<ProcessRecord>() == 24);
    assert!(size_of::<BufferTotals>() == 16);
};

#[cfg(feature = "user")]
mod pod {
    // SAFETY: each is `repr(C)`, made of integers only, without implicit padding (asserted above).
    unsafe impl aya::Pod for super::ProcessKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::FlowKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::FlowCounters {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::ProcessRecord {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::BufferTotals {}
}
