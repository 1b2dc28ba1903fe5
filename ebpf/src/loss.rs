//! Why bytes could not be counted or attributed, and how many.

/// A reason, and its index in the map `LOSSES`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loss {
    /// The flow buffer was full: these bytes are in a row of their process, without remote and ports.
    FlowsFull = 0,
    /// The process buffer was full: the bytes are in a row, its process has to be named from `/proc`.
    ProcessesFull = 1,
    /// The remote of an unconnected socket was not known: the bytes are in a row marked unresolved.
    RemoteUnresolved = 2,
    /// A socket could not be given state, for want of memory or because it would not hold still: its
    /// calls are counted by what they return, bytes spliced or mapped from it are not.
    SocketStorage = 3,
    /// A TCP socket went away with bytes that no process had received: the kernel had, for itself.
    OwnerUnknown = 4,
    /// The rows for processes whose flows found no room were full too: these bytes are in a row of
    /// nobody.
    OverflowFull = 5,
    /// The kernel's memory could not be read: some row has a zero where a fact should be.
    ReadFailed = 6,
    /// More calls were under way than could be followed: the bytes of this one are in no row.
    CallsFull = 7,
    /// The kernel did not run the probe on the way out of a call: its bytes are in no row. Found when
    /// the thread makes its next call.
    ProbeMissed = 8,
    /// Who a process is could not be recorded at its first bytes, for want of room: it is looked up in
    /// `/proc` if it lives long enough.
    SnapshotMissed = 9,
}

impl Loss {
    /// All reasons, in the order of their index.
    pub const ALL: [Self; 10] = [
        Self::FlowsFull,
        Self::ProcessesFull,
        Self::RemoteUnresolved,
        Self::SocketStorage,
        Self::OwnerUnknown,
        Self::OverflowFull,
        Self::ReadFailed,
        Self::CallsFull,
        Self::ProbeMissed,
        Self::SnapshotMissed,
    ];
}

/// How much one reason has cost since start: the value of `LOSSES`, per CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossCount {
    /// How often.
    pub events: u64,
    /// Bytes sent.
    pub sent_bytes: i64,
    /// Bytes received; signed, like those that are counted.
    pub received_bytes: i64,
}

const _: () = assert!(size_of::<LossCount>() == 24);

// SAFETY: `repr(C)`, integers only, no implicit padding (asserted above).
#[cfg(feature = "user")]
unsafe impl aya::Pod for LossCount {}
