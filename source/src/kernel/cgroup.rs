//! Where the root of cgroup v2 is.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no root to attach to.
#[derive(Debug, thiserror::Error)]
pub(super) enum CgroupError {
    /// There is no cgroup v2.
    #[error("no cgroup v2 is mounted")]
    NotMounted,
    /// What is mounted is a part of the tree, as in a container.
    #[error("{} is only a part of the cgroup v2 tree (a container?)", folder.display())]
    NotTheRoot {
        /// Where it is mounted.
        folder: PathBuf,
    },
    /// It could not be opened.
    #[error("{} cannot be opened: {source}", path.display())]
    Unreadable {
        /// What was opened.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Opens the root, if it is there to be seen.
pub(super) fn open() -> Result<(PathBuf, File), CgroupError> {
    let table = Path::new("/proc/self/mounts");
    let mounts = std::fs::read_to_string(table).map_err(|source| unreadable(table, source))?;
    let folders: Vec<PathBuf> = mounted(&mounts).collect();
    let Some(first) = folders.first() else {
        return Err(CgroupError::NotMounted);
    };
    // Every cgroup has this file but the root of them all.
    let is_root = |folder: &&PathBuf| !folder.join("cgroup.events").exists();
    let folder = folders
        .iter()
        .find(is_root)
        .ok_or_else(|| CgroupError::NotTheRoot {
            folder: first.clone(),
        })?;
    let file = File::open(folder).map_err(|source| unreadable(folder, source))?;
    Ok((folder.clone(), file))
}

/// The mounts of cgroup v2 in a mount table.
fn mounted(mounts: &str) -> impl Iterator<Item = PathBuf> + '_ {
    mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (_device, folder, kind) = (words.next()?, words.next()?, words.next()?);
        // The kernel writes a space in a path as an octal escape.
        (kind == "cgroup2").then(|| PathBuf::from(folder.replace("\\040", " ")))
    })
}

fn unreadable(path: &Path, source: io::Error) -> CgroupError {
    CgroupError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_v2_mount_is_found_beside_v1_mounts() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs ro 0 0\n\
                      cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/my\\040unified cgroup2 rw 0 0\n";
        let found: Vec<PathBuf> = mounted(mounts).collect();
        assert_eq!(found, [PathBuf::from("/sys/fs/cgroup/my unified")]);
        assert_eq!(mounted("proc /proc proc rw 0 0\n").next(), None);
    }
}
