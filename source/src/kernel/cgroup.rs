//! Where the root of cgroup v2 is.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
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
    let mounts = std::fs::read(table).map_err(|source| unreadable(table, source))?;
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

/// The mounts of cgroup v2 in a mount table. A path is bytes, of any kind.
fn mounted(mounts: &[u8]) -> impl Iterator<Item = PathBuf> + '_ {
    mounts.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut words = line.split(|&byte| byte == b' ');
        let (_device, folder, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == b"cgroup2").then(|| PathBuf::from(OsString::from_vec(unescaped(folder))))
    })
}

/// The kernel writes what would end a word as a backslash and three octal digits (`mangle_path` in
/// `fs/seq_file.c`).
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        plain.push(match (first, after) {
            (
                b'\\',
                &[
                    a @ b'0'..=b'3',
                    b @ b'0'..=b'7',
                    c @ b'0'..=b'7',
                    ref after @ ..,
                ],
            ) => {
                rest = after;
                (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')
            }
            _ => first,
        });
    }
    plain
}

fn unreadable(path: &Path, source: io::Error) -> CgroupError {
    CgroupError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_v2_mount_is_found_beside_v1_mounts() {
        let mounts = b"tmpfs /sys/fs/cgroup tmpfs ro 0 0\n\
                       cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                       cgroup2 /sys/fs/cgroup/my\\040unified cgroup2 rw 0 0\n";
        let found: Vec<PathBuf> = mounted(mounts).collect();
        assert_eq!(found, [PathBuf::from("/sys/fs/cgroup/my unified")]);
        assert_eq!(mounted(b"proc /proc proc rw 0 0\n").next(), None);
    }

    /// As the kernel does it.
    fn escaped(path: &[u8]) -> Vec<u8> {
        let escape = |&byte: &u8| match byte {
            b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
            _ => vec![byte],
        };
        path.iter().flat_map(escape).collect()
    }

    proptest! {
        #[test]
        fn a_mount_is_found_wherever_it_is(path in vec(1..=255_u8, 0..40), other in vec(1..=255_u8, 0..40)) {
            let line = |path: &[u8], kind: &[u8]| {
                [b"none ", escaped(path).as_slice(), b" ", kind, b" rw 0 0\n"].concat()
            };
            let table = [line(&other, b"tmpfs"), line(&path, b"cgroup2")].concat();
            let found: Vec<PathBuf> = mounted(&table).collect();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].as_os_str().as_bytes(), path);
        }

        #[test]
        fn any_table_is_no_panic(table in vec(prop_oneof![Just(b' '), Just(b'\\'), Just(b'7'), any::<u8>()], 0..200)) {
            let table = [b"none \\0", table.as_slice(), b"\\07 cgroup2"].concat();
            mounted(&table).for_each(drop);
            prop_assert!(unescaped(&table).len() <= table.len());
        }
    }
}
