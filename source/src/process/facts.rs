//! What is known of a process, before anybody draws conclusions.

use nettally_ebpf::flow::ProcessKey;

use crate::pipeline::Parent;

/// What the kernel recorded of a process when it moved its first bytes as this program. Texts are as
/// they were found; what is no UTF-8 in them is replaced by U+FFFD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Which process, as which program.
    pub(crate) key: ProcessKey,
    /// Absolute path of the executable in its mount namespace.
    pub(crate) exe: Option<String>,
    /// Whether `exe` lacks its beginning, which was too long to be recorded.
    pub(crate) is_exe_cut: bool,
    /// Arguments, the first one included. The process may have changed them since it began.
    pub(crate) arguments: Option<Vec<String>>,
    /// Whether there are more arguments than were recorded, or the last one is longer.
    pub(crate) are_arguments_cut: bool,
    /// Absolute path of the working directory.
    pub(crate) directory: Option<String>,
    /// Path of the control group: in version 2, or if that is the root, in the first of the version 1
    /// hierarchies that has one.
    pub(crate) cgroup: Option<String>,
    /// Parent, its parent, and so on, at most 4.
    pub(crate) parents: Vec<Parent>,
    /// Inode number of the network namespace.
    pub(crate) network_namespace: Option<u32>,
}
