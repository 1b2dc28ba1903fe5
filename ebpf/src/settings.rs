//! What user space tells the programs before they are loaded: read-only globals, which the verifier
//! sees as constants.

use crate::flow::{PROTOCOLS, protocol_index};

/// Networks that a list of remotes can hold.
pub const MAX_NETWORKS: u32 = 4096;

/// A value that user space has not filled in. Not zero: the compiler may put a constant of zeros that
/// a program uses where such a static lies, as both are read-only and alike to it, and the program
/// would then find there what user space wrote. And no offset is that large, so that a field which
/// is forgotten is refused by the verifier.
const UNSET: u32 = u32::MAX;

/// Byte offsets of the fields that the programs read, from the running kernel's BTF.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// `sock.__sk_common.skc_family` (u16)
    pub sock_family: u32,
    /// `sock.__sk_common.skc_dport` (be16)
    pub sock_remote_port: u32,
    /// `sock.__sk_common.skc_num` (u16)
    pub sock_local_port: u32,
    /// `sock.__sk_common.skc_daddr` (be32)
    pub sock_remote_ipv4: u32,
    /// `sock.__sk_common.skc_rcv_saddr` (be32)
    pub sock_local_ipv4: u32,
    /// `sock.__sk_common.skc_v6_daddr` (16 bytes)
    pub sock_remote_ipv6: u32,
    /// `sock.__sk_common.skc_v6_rcv_saddr` (16 bytes)
    pub sock_local_ipv6: u32,
    /// `sock.__sk_common.skc_flags` (unsigned long)
    pub sock_flags: u32,
    /// Bit of `SOCK_DONE` in `skc_flags` (`enum sock_flags`), as a mask.
    pub sock_done_mask: u32,
    /// `sock.sk_protocol` (u16)
    pub sock_protocol: u32,
    /// `sock.sk_type` (u16)
    pub sock_type: u32,
    /// `sock.sk_user_data` (pointer with flags)
    pub sock_user_data: u32,
    /// `sock.sk_lock.owned` (i32)
    pub sock_lock_owned: u32,
    /// `inet_sock.inet_sport` (be16); unlike `skc_num` it outlives `TCP_CLOSE`.
    pub inet_source_port: u32,
    /// `inet_connection_sock.icsk_ulp_ops` (pointer)
    pub icsk_ulp_ops: u32,
    /// `tcp_sock.bytes_received` (u64)
    pub tcp_bytes_received: u32,
    /// `tcp_sock.rcv_nxt` (u32)
    pub tcp_rcv_nxt: u32,
    /// `tcp_sock.copied_seq` (u32)
    pub tcp_copied_seq: u32,
    /// `tcp_sock.urg_seq` (u32)
    pub tcp_urgent_seq: u32,
    /// Bit of `SOCK_URGINLINE` in `skc_flags`, as a mask.
    pub sock_urgent_inline_mask: u32,
    /// `udp_sock.pending` (i32): not 0 while a datagram is put together
    pub udp_pending: u32,
    /// `socket.sk` (pointer)
    pub socket_sk: u32,
    /// `msghdr.msg_name` (pointer)
    pub message_name: u32,
    /// `msghdr.msg_namelen` (i32)
    pub message_name_length: u32,
    /// `sk_buff.head` (pointer)
    pub skb_head: u32,
    /// `sk_buff.protocol` (be16)
    pub skb_protocol: u32,
    /// `sk_buff.network_header` (u16)
    pub skb_network_header: u32,
    /// `sk_buff.transport_header` (u16)
    pub skb_transport_header: u32,
    /// `task_struct.group_leader` (pointer)
    pub task_group_leader: u32,
    /// `task_struct.real_parent` (pointer)
    pub task_real_parent: u32,
    /// `task_struct.tgid` (i32)
    pub task_tgid: u32,
    /// `task_struct.start_boottime` (u64)
    pub task_start_boottime: u32,
    /// `task_struct.self_exec_id` (u64)
    pub task_self_exec_id: u32,
    /// `task_struct.flags` (u32)
    pub task_flags: u32,
    /// `task_struct.comm` (16 bytes)
    pub task_comm: u32,
}

impl Offsets {
    /// Before user space has filled them in.
    pub const UNSET: Self = Self {
        sock_family: UNSET,
        sock_remote_port: UNSET,
        sock_local_port: UNSET,
        sock_remote_ipv4: UNSET,
        sock_local_ipv4: UNSET,
        sock_remote_ipv6: UNSET,
        sock_local_ipv6: UNSET,
        sock_flags: UNSET,
        sock_done_mask: UNSET,
        sock_protocol: UNSET,
        sock_type: UNSET,
        sock_user_data: UNSET,
        sock_lock_owned: UNSET,
        inet_source_port: UNSET,
        icsk_ulp_ops: UNSET,
        tcp_bytes_received: UNSET,
        tcp_rcv_nxt: UNSET,
        tcp_copied_seq: UNSET,
        tcp_urgent_seq: UNSET,
        sock_urgent_inline_mask: UNSET,
        udp_pending: UNSET,
        socket_sk: UNSET,
        message_name: UNSET,
        message_name_length: UNSET,
        skb_head: UNSET,
        skb_protocol: UNSET,
        skb_network_header: UNSET,
        skb_transport_header: UNSET,
        task_group_leader: UNSET,
        task_real_parent: UNSET,
        task_tgid: UNSET,
        task_start_boottime: UNSET,
        task_self_exec_id: UNSET,
        task_flags: UNSET,
        task_comm: UNSET,
    };
}

/// Hierarchies of control groups version 1 that are asked for a path, in this order, where version 2
/// has none.
pub const V1_HIERARCHIES: usize = 4;

/// An offset of something that the kernel does not have.
pub const NO_OFFSET: u32 = UNSET;

/// Byte offsets of the fields that tell who a process is, from the running kernel's BTF.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdentityOffsets {
    /// `task_struct.mm` (pointer)
    pub task_mm: u32,
    /// `task_struct.fs` (pointer)
    pub task_fs: u32,
    /// `task_struct.nsproxy` (pointer)
    pub task_nsproxy: u32,
    /// `task_struct.cgroups` (pointer)
    pub task_cgroups: u32,
    /// `mm_struct.exe_file` (pointer)
    pub mm_exe_file: u32,
    /// `mm_struct.arg_start` (unsigned long)
    pub mm_arg_start: u32,
    /// `mm_struct.arg_end` (unsigned long)
    pub mm_arg_end: u32,
    /// `file.f_path` (`struct path`)
    pub file_path: u32,
    /// `fs_struct.pwd` (`struct path`)
    pub fs_pwd: u32,
    /// `path.mnt` (pointer)
    pub path_mount: u32,
    /// `path.dentry` (pointer)
    pub path_entry: u32,
    /// `vfsmount.mnt_root` (pointer)
    pub vfsmount_root: u32,
    /// `mount.mnt` (`struct vfsmount`)
    pub mount_vfsmount: u32,
    /// `mount.mnt_parent` (pointer)
    pub mount_parent: u32,
    /// `mount.mnt_mountpoint` (pointer)
    pub mount_mountpoint: u32,
    /// `dentry.d_parent` (pointer)
    pub dentry_parent: u32,
    /// `dentry.d_name.name` (pointer)
    pub dentry_name: u32,
    /// `nsproxy.net_ns` (pointer)
    pub nsproxy_net_ns: u32,
    /// `net.ns.inum` (u32)
    pub net_inum: u32,
    /// `css_set.dfl_cgrp` (pointer)
    pub css_set_default: u32,
    /// `cgroup_subsys_state.cgroup` (pointer)
    pub css_cgroup: u32,
    /// `cgroup.kn` (pointer)
    pub cgroup_node: u32,
    /// `kernfs_node.name` (pointer)
    pub node_name: u32,
    /// `kernfs_node.parent`, `__parent` from Linux 6.15 (pointer)
    pub node_parent: u32,
    /// Places in `css_set.subsys` of controllers that version 1 may have, [`NO_OFFSET`] for none.
    pub css_set_v1: [u32; V1_HIERARCHIES],
}

impl IdentityOffsets {
    /// Before user space has filled them in.
    pub const UNSET: Self = Self {
        task_mm: UNSET,
        task_fs: UNSET,
        task_nsproxy: UNSET,
        task_cgroups: UNSET,
        mm_exe_file: UNSET,
        mm_arg_start: UNSET,
        mm_arg_end: UNSET,
        file_path: UNSET,
        fs_pwd: UNSET,
        path_mount: UNSET,
        path_entry: UNSET,
        vfsmount_root: UNSET,
        mount_vfsmount: UNSET,
        mount_parent: UNSET,
        mount_mountpoint: UNSET,
        dentry_parent: UNSET,
        dentry_name: UNSET,
        nsproxy_net_ns: UNSET,
        net_inum: UNSET,
        css_set_default: UNSET,
        css_cgroup: UNSET,
        cgroup_node: UNSET,
        node_name: UNSET,
        node_parent: UNSET,
        css_set_v1: [UNSET; V1_HIERARCHIES],
    };
}

/// What to count.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Set of [`protocol_bit`].
    pub protocols: u32,
    /// 1: count traffic over loopback. 0: leave it out.
    pub loopback: u32,
    /// 1: only remotes in `REMOTES_INCLUDED`. 0: all.
    pub remotes_included: u32,
    /// 1: no remote in `REMOTES_EXCLUDED`. 0: that map is empty.
    pub remotes_excluded: u32,
    /// 1: hooks that count calls have a second program. 0: they do not.
    pub twice: u32,
    /// 1: who a process is, is recorded at its first bytes. 0: not, for want of a field.
    pub snapshots: u32,
}

impl Settings {
    /// Before user space has filled them in.
    pub const UNSET: Self = Self {
        protocols: UNSET,
        loopback: UNSET,
        remotes_included: UNSET,
        remotes_excluded: UNSET,
        twice: UNSET,
        snapshots: UNSET,
    };
}

/// The bit of `protocol` (a number of [`crate::flow::protocol`]) in [`Settings::protocols`], 0 for
/// one that is not counted.
#[must_use]
pub const fn protocol_bit(protocol: u8) -> u32 {
    let index = protocol_index(protocol);
    if index < PROTOCOLS - 1 { 1 << index } else { 0 }
}

const _: () = {
    assert!(size_of::<Offsets>() == 35 * 4);
    assert!(size_of::<IdentityOffsets>() == 28 * 4);
    assert!(size_of::<Settings>() == 6 * 4);
};

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)`, integers only, no implicit padding (asserted above).
    unsafe impl aya::Pod for super::Offsets {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::IdentityOffsets {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Settings {}
}
