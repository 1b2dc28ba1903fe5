//! Which processes hold a tun or tap device.

use std::path::Path;

use super::ProcFolder;

/// Open files of one process that are looked at, those with the lowest numbers first. A tunnel is
/// opened before its clients come.
const MAX_FILES: usize = 1024;

/// Open files that are looked at in one tick; each takes about 2 µs.
pub(super) const FILES_PER_TICK: usize = 8192;

/// Whether there can be such a device at all: only then are files looked at.
pub(super) fn has_driver(proc: &ProcFolder) -> bool {
    let lists = |file: &str, drivers: &[&str]| {
        let text = std::fs::read_to_string(proc.path().join(file)).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.split_ascii_whitespace().nth(1))
            .any(|name| drivers.contains(&name))
    };
    lists("misc", &["tun"]) || lists("devices", &["macvtap", "ipvtap"])
}

/// Whether a process holds a tunnel, and how many files had to be looked at to know. One that is
/// gone, or is not ours to look at, holds none.
pub(super) fn holds_tunnel(folder: &Path) -> (bool, usize) {
    let Ok(files) = std::fs::read_dir(folder.join("fd")) else {
        return (false, 1);
    };
    let mut looked_at = 1;
    for file in files.take(MAX_FILES) {
        looked_at += 1;
        let link = file.and_then(|file| std::fs::read_link(file.path()));
        if link.is_ok_and(|target| is_tunnel(&target)) {
            return (true, looked_at);
        }
    }
    (false, looked_at)
}

/// `/dev/net/tun`, and `/dev/tapN` of a macvtap or ipvtap device.
fn is_tunnel(target: &Path) -> bool {
    let Some(device) = target
        .to_str()
        .and_then(|target| target.strip_prefix("/dev/"))
    else {
        return false;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    device == "net/tun" || device.strip_prefix("tap").is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_tunnel_is_known_by_its_device() {
        for (target, expected) in [
            ("/dev/net/tun", true),
            ("/dev/tap7", true),
            ("/dev/tap", false),
            ("/dev/tape0", false),
            ("/dev/null", false),
            ("/home/me/dev/net/tun", false),
            ("socket:[4711]", false),
        ] {
            assert_eq!(is_tunnel(Path::new(target)), expected, "{target}");
        }
    }

    #[test]
    fn open_files_are_looked_at_up_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holds_tunnel(folder.path()), (false, 1));
        let files = folder.path().join("fd");
        std::fs::create_dir(&files).unwrap();
        for number in 0..MAX_FILES + 10 {
            symlink("socket:[1]", files.join(number.to_string())).unwrap();
        }
        assert_eq!(holds_tunnel(folder.path()), (false, MAX_FILES + 1));
        std::fs::remove_dir_all(&files).unwrap();
        std::fs::create_dir(&files).unwrap();
        symlink("/dev/net/tun", files.join("5")).unwrap();
        assert_eq!(holds_tunnel(folder.path()), (true, 2));
    }

    #[test]
    fn nothing_is_looked_at_without_a_driver() {
        for (misc, devices, expected) in [
            ("200 tun\n227 mcelog\n", "", true),
            ("227 mcelog\n", "Character devices:\n  1 mem\n", false),
            ("", "Character devices:\n241 macvtap\n", true),
            ("", "", false),
        ] {
            let root = tempfile::tempdir().unwrap();
            std::fs::write(root.path().join("misc"), misc).unwrap();
            std::fs::write(root.path().join("devices"), devices).unwrap();
            assert_eq!(has_driver(&ProcFolder::new(root.path())), expected);
        }
        assert!(!has_driver(&ProcFolder::new("/nonexistent")));
    }
}
