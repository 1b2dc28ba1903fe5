//! Where the root of cgroup v2 is.

use std::fs::File;
use std::path::PathBuf;

/// The first mount of cgroup v2 in a mount table such as `/proc/self/mounts`.
pub(super) fn root(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_device, folder, kind) = (words.next()?, words.next()?, words.next()?);
        // The kernel writes a space in a path as an octal escape.
        (kind == "cgroup2").then(|| PathBuf::from(folder.replace("\\040", " ")))
    })
}

/// Opens the root, if there is one.
pub(super) fn open() -> std::io::Result<(PathBuf, File)> {
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let folder = root(&mounts).ok_or(std::io::ErrorKind::NotFound)?;
    let file = File::open(&folder)?;
    Ok((folder, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_v2_mount_is_found_beside_v1_mounts() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs ro 0 0\n\
                      cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/my\\040unified cgroup2 rw 0 0\n";
        assert_eq!(
            root(mounts),
            Some(PathBuf::from("/sys/fs/cgroup/my unified"))
        );
        assert_eq!(root("proc /proc proc rw 0 0\n"), None);
    }
}
