//! What is asked of this machine.

use std::fs;

/// Name of this machine; empty if it is not known.
pub(crate) fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
