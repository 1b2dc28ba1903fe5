//! Where the programs find the fields they read, in the running kernel.

use nettally_ebpf::settings::Offsets;

use super::btf::Btf;
use super::error::KernelError;

/// Finds every offset, or names the field that this kernel does not have.
pub(super) fn offsets(btf: &Btf) -> Result<Offsets, KernelError> {
    let member = |structure: &str, path: &[&str]| {
        btf.member_offset(structure, path)
            .ok_or_else(|| KernelError::MissingField {
                field: format!("{structure}.{}", path.join(".")),
            })
    };
    let common = |name: &str| member("sock", &["__sk_common", name]);
    let task = |name: &str| member("task_struct", &[name]);
    let flag = |name: &str| {
        btf.enumerator(name)
            .and_then(|bit| 1_u32.checked_shl(bit))
            .ok_or_else(|| KernelError::MissingField {
                field: format!("enum sock_flags.{name}"),
            })
    };
    Ok(Offsets {
        sock_family: common("skc_family")?,
        sock_remote_port: common("skc_dport")?,
        sock_local_port: common("skc_num")?,
        sock_remote_ipv4: common("skc_daddr")?,
        sock_local_ipv4: common("skc_rcv_saddr")?,
        sock_remote_ipv6: common("skc_v6_daddr")?,
        sock_local_ipv6: common("skc_v6_rcv_saddr")?,
        sock_flags: common("skc_flags")?,
        sock_done_mask: flag("SOCK_DONE")?,
        sock_protocol: member("sock", &["sk_protocol"])?,
        sock_type: member("sock", &["sk_type"])?,
        sock_user_data: member("sock", &["sk_user_data"])?,
        sock_lock_owned: member("sock", &["sk_lock", "owned"])?,
        inet_source_port: member("inet_sock", &["inet_sport"])?,
        icsk_ulp_ops: member("inet_connection_sock", &["icsk_ulp_ops"])?,
        tcp_bytes_received: member("tcp_sock", &["bytes_received"])?,
        tcp_rcv_nxt: member("tcp_sock", &["rcv_nxt"])?,
        tcp_copied_seq: member("tcp_sock", &["copied_seq"])?,
        tcp_urgent_seq: member("tcp_sock", &["urg_seq"])?,
        sock_urgent_inline_mask: flag("SOCK_URGINLINE")?,
        udp_pending: member("udp_sock", &["pending"])?,
        socket_sk: member("socket", &["sk"])?,
        message_name: member("msghdr", &["msg_name"])?,
        message_name_length: member("msghdr", &["msg_namelen"])?,
        skb_head: member("sk_buff", &["head"])?,
        skb_protocol: member("sk_buff", &["protocol"])?,
        skb_network_header: member("sk_buff", &["network_header"])?,
        skb_transport_header: member("sk_buff", &["transport_header"])?,
        task_group_leader: task("group_leader")?,
        task_real_parent: task("real_parent")?,
        task_tgid: task("tgid")?,
        task_start_boottime: task("start_boottime")?,
        task_self_exec_id: task("self_exec_id")?,
        task_flags: task("flags")?,
        task_comm: task("comm")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_every_field() {
        let offsets = offsets(&Btf::of_kernel().unwrap()).unwrap();
        // `struct sock_common` begins with the addresses on every kernel since 3.x.
        assert_eq!((offsets.sock_remote_ipv4, offsets.sock_local_ipv4), (0, 4));
    }
}
