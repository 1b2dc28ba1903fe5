//! Keys and values of the maps that hold usage.

/// Flag of [`FlowKey::flags`]: the remote address could not be known, `remote_address` is zero.
pub const FLAG_UNRESOLVED: u8 = 1;

/// Flag of [`FlowKey::flags`]: the flow buffer was full, so the row holds what one process moved to
/// and from any remote; remote address and ports are zero.
pub const FLAG_FOLDED: u8 = 2;

/// Flag of [`FlowKey::flags`]: there is no remote with an IP address.
pub const FLAG_NO_REMOTE: u8 = 4;

/// Length of a task's `comm`, with its terminating zero (`TASK_COMM_LEN` in `include/linux/sched.h`).
pub const COMM_LENGTH: usize = 16;

/// Bit of [`ProcessRecord::flags`]: a thread of the kernel (`include/linux/sched.h`).
pub const PF_KTHREAD: u32 = 0x0020_0000;

/// Number of buffers that `FLOWS`, `PROCESSES` and `TOTALS` have: one is written, one is drained.
pub const BUFFERS: u32 = 2;

/// Rows a flow buffer holds unless the user says otherwise. One row is about 128 bytes of kernel memory.
pub const MAX_FLOWS: u32 = 65_536;

/// Rows a buffer has for processes whose flows found no room in it.
pub const MAX_OVERFLOW: u32 = 4096;

/// Rows a process buffer can hold.
pub const MAX_PROCESSES: u32 = 16_384;

/// Whose bytes, over what, to where: the key of `FLOWS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The process.
    pub process: ProcessKey,
    /// Zero if it is not known.
    pub remote_address: Address,
    /// Host byte order.
    pub remote_port: u16,
    /// Host byte order.
    pub local_port: u16,
    /// A [`protocol`] number.
    pub protocol: u8,
    /// One of [`FLAG_UNRESOLVED`], [`FLAG_FOLDED`], [`FLAG_NO_REMOTE`], or zero.
    pub flags: u8,
    /// Always zero.
    pub padding: [u8; 2],
}

impl FlowKey {
    /// Of nobody.
    pub const ZERO: Self = Self {
        process: ProcessKey {
            start_boottime: 0,
            tgid: 0,
            exec_id: 0,
        },
        remote_address: Address([0; 4]),
        remote_port: 0,
        local_port: 0,
        protocol: 0,
        flags: 0,
        padding: [0; 2],
    };
}

/// An IPv6 address; IPv4 is folded in as `::ffff:a.b.c.d`.
///
/// Words, not bytes, because the kernel side copies it word by word. Each lies in memory as on the
/// wire: its bytes are in network byte order.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address(pub [u32; 4]);

impl Address {
    /// The address whose bytes are `octets`, in network byte order.
    #[must_use]
    pub const fn from_octets(octets: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
        Self([
            u32::from_ne_bytes([a, b, c, d]),
            u32::from_ne_bytes([e, f, g, h]),
            u32::from_ne_bytes([i, j, k, l]),
            u32::from_ne_bytes([m, n, o, p]),
        ])
    }

    /// An IPv4 address, given as it lies in the kernel's memory.
    #[must_use]
    pub const fn folded(ipv4: u32) -> Self {
        Self([0, 0, 0xffff_u32.to_be(), ipv4])
    }

    /// The bytes, in network byte order.
    #[must_use]
    pub const fn octets(self) -> [u8; 16] {
        let Self([a, b, c, d]) = self;
        let (a, b, c, d) = (
            a.to_ne_bytes(),
            b.to_ne_bytes(),
            c.to_ne_bytes(),
            d.to_ne_bytes(),
        );
        [
            a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3], c[0], c[1], c[2], c[3], d[0], d[1],
            d[2], d[3],
        ]
    }

    /// Loopback of the same family for `0.0.0.0` and `::`, else itself.
    #[must_use]
    pub const fn or_loopback(self) -> Self {
        match self {
            Self([0, 0, 0, 0]) => Self([0, 0, 0, 1_u32.to_be()]),
            Self([0, 0, mapped, 0]) if mapped == 0xffff_u32.to_be() => {
                Self::folded(0x7f00_0001_u32.to_be())
            }
            other => other,
        }
    }

    /// Whether it is in 127.0.0.0/8 or `::1`.
    #[must_use]
    pub const fn is_loopback(self) -> bool {
        let Self([a, b, c, d]) = self;
        let is_ipv6 = c == 0 && d == 1_u32.to_be();
        let is_ipv4 =
            c == 0xffff_u32.to_be() && d & 0xff00_0000_u32.to_be() == 0x7f00_0000_u32.to_be();
        a == 0 && b == 0 && (is_ipv6 || is_ipv4)
    }
}

/// A thread group while it runs one program, told apart from a later one with the same number by its
/// start time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessKey {
    /// `task_struct::start_boottime` of the thread-group leader, nanoseconds since boot.
    pub start_boottime: u64,
    /// Thread group id in the initial PID namespace.
    pub tgid: u32,
    /// Low half of `task_struct::self_exec_id`: changes when the process becomes another program.
    pub exec_id: u32,
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
    /// `CLOCK_MONOTONIC` of the first activity, nanoseconds.
    pub first_activity: u64,
    /// Low half of `jiffies` at the first activity: reading it costs next to nothing, so that it can
    /// be stamped at every call.
    pub first_jiffies: u32,
    /// Low half of `jiffies` at the last activity.
    pub last_jiffies: u32,
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
    /// Real group id of that thread.
    pub gid: u32,
    /// Thread group id of the parent, 0 if it has none.
    pub parent_tgid: u32,
    /// `task_struct::flags` of the leader, such as [`PF_KTHREAD`].
    pub flags: u32,
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

/// Numbers of [`FlowKey::protocol`]: as in the IP header, where it has one.
pub mod protocol {
    /// ICMP, and ICMPv6.
    pub const ICMP: u8 = 1;
    /// TCP, and MPTCP, which is TCP to its user.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// SCTP.
    pub const SCTP: u8 = 132;
    /// UDP-Lite.
    pub const UDPLITE: u8 = 136;
    /// Frames of the link layer: a number that is reserved for experiments (RFC 3692).
    pub const PACKET: u8 = 253;
    /// Raw IP, whatever number the application gave it (`IPPROTO_RAW`).
    pub const RAW: u8 = 255;
}

/// How many [`protocol`] numbers there are, rounded up.
pub const PROTOCOLS: u32 = 8;

/// Each of [`protocol`], at its [`protocol_index`].
pub const PROTOCOL_NUMBERS: [u8; 7] = [
    protocol::TCP,
    protocol::UDP,
    protocol::UDPLITE,
    protocol::ICMP,
    protocol::RAW,
    protocol::SCTP,
    protocol::PACKET,
];

/// The place of a protocol among [`PROTOCOLS`]; of a number that is none of [`protocol`], the last.
#[must_use]
pub const fn protocol_index(number: u8) -> u32 {
    match number {
        protocol::TCP => 0,
        protocol::UDP => 1,
        protocol::UDPLITE => 2,
        protocol::ICMP => 3,
        protocol::RAW => 4,
        protocol::SCTP => 5,
        protocol::PACKET => 6,
        _ => PROTOCOLS - 1,
    }
}

const _: () = {
    assert!(size_of::<ProcessKey>() == 16);
    assert!(size_of::<FlowKey>() == 40);
    assert!(size_of::<FlowCounters>() == 32);
    assert!(size_of::<ProcessRecord>() == 32);
    assert!(size_of::<BufferTotals>() == 16);
};

#[cfg(feature = "user")]
mod pod {
    // SAFETY: each is `repr(C)`, made of integers only, without implicit padding (asserted above).
    unsafe impl aya::Pod for super::Address {}
    // SAFETY: as above.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(ipv4: [u8; 4]) -> Address {
        Address::folded(u32::from_ne_bytes(ipv4))
    }

    #[test]
    fn an_address_is_its_octets() {
        let octets = core::array::from_fn(|index| index as u8);
        assert_eq!(Address::from_octets(octets).octets(), octets);
        assert_eq!(
            mapped([10, 1, 2, 3]).octets()[10..],
            [0xff, 0xff, 10, 1, 2, 3]
        );
    }

    #[test]
    fn every_protocol_has_its_place() {
        for (place, number) in PROTOCOL_NUMBERS.into_iter().enumerate() {
            assert_eq!(protocol_index(number) as usize, place);
        }
        assert_eq!(protocol_index(0), PROTOCOLS - 1);
    }

    #[test]
    fn loopback_is_told_in_both_families() {
        let ipv6_loopback = Address::from_octets([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!(ipv6_loopback.is_loopback() && mapped([127, 0, 0, 1]).is_loopback());
        assert!(mapped([127, 255, 1, 2]).is_loopback());
        assert!(!mapped([128, 0, 0, 1]).is_loopback() && !Address::default().is_loopback());
        assert!(!mapped([0, 0, 0, 1]).is_loopback());
        assert_eq!(Address::default().or_loopback(), ipv6_loopback);
        assert_eq!(mapped([0, 0, 0, 0]).or_loopback(), mapped([127, 0, 0, 1]));
        assert_eq!(mapped([0, 0, 0, 1]).or_loopback(), mapped([0, 0, 0, 1]));
    }
}
