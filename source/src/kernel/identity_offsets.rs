//! Where the programs find who a process is, in the running kernel.

use nettally_ebpf::settings::{IdentityOffsets, NO_OFFSET, V1_HIERARCHIES};

use super::btf::Btf;
use super::error::KernelError;

/// Controllers that container engines and systemd put every process under, where they are mounted in
/// version 1 (`enum cgroup_subsys_id`).
const CONTROLLERS: [&str; V1_HIERARCHIES] = [
    "pids_cgrp_id",
    "memory_cgrp_id",
    "devices_cgrp_id",
    "cpu_cgrp_id",
];

/// Size of a pointer in `css_set.subsys`.
const POINTER: u32 = 8;

/// Finds every offset, or names the field that this kernel does not have.
pub(super) fn identity_offsets(btf: &Btf) -> Result<IdentityOffsets, KernelError> {
    let missing = |structure: &str, path: &[&str]| KernelError::MissingField {
        field: format!("{structure}.{}", path.join(".")),
    };
    let member = |structure: &str, path: &[&str]| {
        btf.member_offset(structure, path)
            .ok_or_else(|| missing(structure, path))
    };
    let states = member("css_set", &["subsys"])?;
    Ok(IdentityOffsets {
        task_mm: member("task_struct", &["mm"])?,
        task_fs: member("task_struct", &["fs"])?,
        task_nsproxy: member("task_struct", &["nsproxy"])?,
        task_cgroups: member("task_struct", &["cgroups"])?,
        mm_exe_file: member("mm_struct", &["exe_file"])?,
        mm_arg_start: member("mm_struct", &["arg_start"])?,
        mm_arg_end: member("mm_struct", &["arg_end"])?,
        file_path: member("file", &["f_path"])?,
        fs_pwd: member("fs_struct", &["pwd"])?,
        path_mount: member("path", &["mnt"])?,
        path_entry: member("path", &["dentry"])?,
        vfsmount_root: member("vfsmount", &["mnt_root"])?,
        mount_vfsmount: member("mount", &["mnt"])?,
        mount_parent: member("mount", &["mnt_parent"])?,
        mount_mountpoint: member("mount", &["mnt_mountpoint"])?,
        dentry_parent: member("dentry", &["d_parent"])?,
        dentry_name: member("dentry", &["d_name", "name"])?,
        nsproxy_net_ns: member("nsproxy", &["net_ns"])?,
        net_inum: member("net", &["ns", "inum"])?,
        css_set_default: member("css_set", &["dfl_cgrp"])?,
        css_cgroup: member("cgroup_subsys_state", &["cgroup"])?,
        cgroup_node: member("cgroup", &["kn"])?,
        node_name: member("kernfs_node", &["name"])?,
        node_parent: member("kernfs_node", &["__parent"])
            .or_else(|_older| member("kernfs_node", &["parent"]))?,
        css_set_v1: CONTROLLERS.map(|controller| {
            btf.enumerator(controller)
                .map_or(NO_OFFSET, |index| states + index * POINTER)
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_every_field() {
        let offsets = identity_offsets(&Btf::of_kernel().unwrap()).unwrap();
        // The first member of `struct kernfs_node` is its counter, of `struct path` its mount.
        assert_eq!((offsets.path_mount, offsets.path_entry), (0, 8));
        assert_ne!(offsets.node_parent, offsets.node_name);
    }
}
