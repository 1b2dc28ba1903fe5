//! Whether a disk has room for what is about to be written.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::text::human_bytes;

/// Folders that SQLite tries for its temporary files, after those that the environment names.
const TEMPORARY: [&str; 3] = ["/var/tmp", "/usr/tmp", "/tmp"];

/// A folder, its file system, and what that has free.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Room {
    folder: PathBuf,
    device: u64,
    free_bytes: u64,
}

/// Refuses if `bytes` do not fit beside a file and, a second time, where SQLite puts its temporary
/// files.
pub(super) fn require_twice(bytes: u64, file: &Path) -> anyhow::Result<()> {
    // Where a file is that a link leads to.
    let file = fs::canonicalize(file).unwrap_or_else(|_missing| file.to_owned());
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let ask = |folder: &Path| {
        room(folder).with_context(|| format!("cannot see how much {} has free", folder.display()))
    };
    fits(bytes, &ask(folder)?, &ask(&temporary_folder())?)
}

fn fits(bytes: u64, beside: &Room, temporary: &Room) -> anyhow::Result<()> {
    let is_one = beside.device == temporary.device;
    let needed = if is_one {
        bytes.saturating_mul(2)
    } else {
        bytes
    };
    for Room {
        folder, free_bytes, ..
    } in [beside, temporary]
    {
        if *free_bytes < needed {
            bail!(
                "{} has {} free, and {} are needed for a while; free some, or set SQLITE_TMPDIR to a \
                 folder on a disk with more",
                folder.display(),
                human_bytes(*free_bytes),
                human_bytes(needed)
            );
        }
    }
    Ok(())
}

fn room(folder: &Path) -> io::Result<Room> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(Room {
        folder: folder.to_owned(),
        device: fs::metadata(folder)?.dev(),
        free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
    })
}

fn temporary_folder() -> PathBuf {
    ["SQLITE_TMPDIR", "TMPDIR"]
        .iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
        .chain(TEMPORARY.map(PathBuf::from))
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| PathBuf::from("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(device: u64, free_bytes: u64) -> Room {
        Room {
            folder: PathBuf::from(format!("/disk{device}")),
            device,
            free_bytes,
        }
    }

    #[test]
    fn a_disk_without_room_is_named_with_what_it_lacks() {
        assert!(fits(1000, &room(1, 1000), &room(2, 1000)).is_ok());
        assert!(fits(1000, &room(1, 2000), &room(1, 2000)).is_ok());
        for (beside, temporary, expected) in [
            (
                room(1, 999),
                room(2, 1000),
                "/disk1 has 999 B free, and 1.00 KB are needed",
            ),
            (
                room(1, 1000),
                room(2, 999),
                "/disk2 has 999 B free, and 1.00 KB are needed",
            ),
            (
                room(1, 1999),
                room(1, 1999),
                "/disk1 has 2.00 KB free, and 2.00 KB are needed",
            ),
        ] {
            let error = fits(1000, &beside, &temporary).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_folder_of_this_machine_has_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.db");
        assert!(require_twice(0, &file).is_ok());
        let error = require_twice(u64::MAX / 2, &file).unwrap_err().to_string();
        assert!(error.contains("SQLITE_TMPDIR"), "{error}");
    }
}
