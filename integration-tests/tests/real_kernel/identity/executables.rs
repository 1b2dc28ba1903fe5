//! Programs in odd places, with odd names.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nettally_integration_tests::harness::stream::{Row, Stream};

use super::{Specks, rows_of, run, text};

/// Rows of a process, all of which must come from the kernel; `sent_bytes` tells it from others.
#[track_caller]
fn rows_of_pid(stream: &Stream, pid: u32, sent_bytes: u64) -> Vec<Row> {
    let rows = rows_of(stream, sent_bytes, |row| {
        row.pid == pid && row.sent_bytes > 0
    });
    for row in &rows {
        assert_eq!(row.attribution, "kernel", "{row:?}");
    }
    rows
}

#[track_caller]
fn assert_exe(rows: &[Row], expected: &str) {
    for row in rows {
        assert_eq!(row.exe.as_deref(), Some(expected), "{row:?}");
    }
}

/// Gone before the first byte, as after an update of the package.
#[test]
fn a_deleted_program_has_its_path() {
    let specks = Specks::new();
    let program = specks.link("deleted/speck-deleted");
    let stream = Stream::start(0.5, &[]);
    let mut child = Command::new(&program)
        .args(["wait", "udp:101"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    fs::remove_file(&program).expect("our own directory");
    let input = child.stdin.as_mut().expect("piped");
    input.write_all(b"\n").expect("it waits for it");
    let pid = child.id();
    assert!(child.wait().expect("our own child").success());
    let rows = rows_of_pid(&stream, pid, 101);
    for row in &rows {
        let exe = row.exe.as_deref().unwrap_or_default();
        println!("{exe}, app {}", row.app);
        assert!(exe.starts_with(text(&program)), "{row:?}");
        assert!(
            !row.app.contains("deleted)"),
            "the app stays the same: {row:?}"
        );
    }
}

/// As long as the kernel lets a path be.
#[test]
fn a_path_of_four_thousand_characters_ends_in_the_program() {
    let specks = Specks::new();
    let mut directory = specks.path().to_owned();
    let mut number = 0;
    while text(&directory).len() < 3700 {
        directory.push(format!("{number:0>250}"));
        number += 1;
    }
    let left = 4000 - text(&directory).len() - "//speck-long".len();
    directory.push("x".repeat(left.min(250)));
    let program = specks.link(directory.join("speck-long"));
    let stream = Stream::start(0.5, &[]);
    let pid = run(&program, &["udp:102"]);
    let rows = rows_of_pid(&stream, pid, 102);
    let path = text(&program);
    for row in &rows {
        let exe = row.exe.as_deref().unwrap_or_default();
        println!("{} characters of {}: {:.40}...", exe.len(), path.len(), exe);
        let end = &path[path.len() - 512..];
        assert!(exe.ends_with(end), "{exe}");
        // A path that lacks its beginning must not look like one that is whole.
        assert!(exe == path || !exe.starts_with('/'), "{exe}");
    }
}

#[test]
fn bytes_that_are_no_text_are_shown_and_do_no_harm() {
    const NAME: &[u8] = b"sp\xff\n\x1b[31m\xe2\x80\xae";
    const ARGUMENT: &[u8] = b"\xfe\n\x1b[2Jrm -rf /\r\x07\xe2\x80\xae";
    let specks = Specks::new();
    let program = specks.link(OsStr::from_bytes(NAME));
    let stream = Stream::start(0.5, &[]);
    let steps: [OsString; 3] = [
        "udp:103".into(),
        "--".into(),
        OsString::from_vec(ARGUMENT.to_vec()),
    ];
    let pid = run(&program, &steps);
    let rows = rows_of_pid(&stream, pid, 103);
    assert_exe(&rows, &program.to_string_lossy());
    for row in &rows {
        let command_line = row.command_line.as_deref().unwrap_or_default();
        println!("{command_line:?}");
        let has_argument = command_line.contains('\u{fffd}') && command_line.contains("rm -rf /");
        assert!(has_argument, "{row:?}");
    }
    let told = stream.finish();
    let odd =
        |character: char| character != '\n' && (character.is_control() || character == '\u{202e}');
    assert_eq!(
        told.text.find(odd),
        None,
        "nothing for a terminal to act on"
    );
}

/// Runs `steps` of a fresh copy; the last of them sends 104 bytes as the program at `expected`.
#[track_caller]
fn check(prepare: impl FnOnce(&Specks) -> (Vec<String>, String)) {
    let specks = Specks::new();
    let (steps, expected) = prepare(&specks);
    let stream = Stream::start(0.5, &[]);
    let pid = run(&specks.path().join("speck"), &steps);
    let rows = rows_of_pid(&stream, pid, 104);
    assert_exe(&rows, &expected);
}

fn strings(steps: &[&str]) -> Vec<String> {
    steps.iter().map(|&step| step.to_owned()).collect()
}

#[test]
fn a_program_in_a_mount_of_its_own_has_the_path_that_it_sees() {
    check(|specks| {
        let mount = specks.directory("mount");
        let program = format!("{}/speck", text(&mount));
        let tmpfs = format!("tmpfs:{}", text(&mount));
        let exec = format!("exec:{program}");
        (strings(&["unshare:mnt", &tmpfs, &exec, "udp:104"]), program)
    });
}

#[test]
fn a_program_in_a_bind_mount_has_the_path_that_it_was_started_by() {
    check(|specks| {
        let directory = specks.directory("bind");
        specks.link("bind/from/deep/speck-bind");
        specks.directory("bind/to");
        let bind = format!("bind:{}", text(&directory));
        let program = format!("{}/to/deep/speck-bind", text(&directory));
        let exec = format!("exec:{program}");
        (strings(&["unshare:mnt", &bind, &exec, "udp:104"]), program)
    });
}

/// As in a container: the file is in the lower directory, the path in the merged one.
#[test]
fn a_program_in_an_overlay_has_its_merged_path() {
    check(|specks| {
        // An overlay on an overlay, as in a container, is refused; on memory it is not.
        let mount = specks.directory("overlay");
        let base = text(&mount).to_owned();
        let [tmpfs, overlay] = [format!("tmpfs:{base}"), format!("overlay:{base}")];
        let program = format!("{base}/merged/bin/speck");
        let exec = format!("exec:{program}");
        // The directories are made by a program within the mount.
        let make = format!("layers:{base}");
        (
            strings(&["unshare:mnt", &tmpfs, &make, &overlay, &exec, "udp:104"]),
            program,
        )
    });
}

#[test]
fn a_program_that_is_in_memory_alone_has_no_path_that_leads_elsewhere() {
    let specks = Specks::new();
    let stream = Stream::start(0.5, &[]);
    let pid = run(&specks.path().join("speck"), &["memory:phantom", "udp:105"]);
    for row in rows_of_pid(&stream, pid, 105) {
        println!("{} {:?} app {}", row.process, row.exe, row.app);
        let is_itself = |exe: &String| exe.contains("memfd:phantom");
        assert!(row.exe.as_ref().is_none_or(is_itself), "{row:?}");
        // Its name is that of the file, or the number of its descriptor before Linux 6.14.
        assert!(!row.process.is_empty() && !row.app.is_empty(), "{row:?}");
        let command_line = row.command_line.as_deref().unwrap_or_default();
        assert!(command_line.starts_with("from-memory"), "{row:?}");
    }
}

/// The path from outside is the one at which the program can be found.
#[test]
fn a_program_below_another_root_has_its_whole_path() {
    check(|specks| {
        let root = specks.directory("root");
        specks.link("root/bin/speck-root");
        copy_libraries(&root);
        let chroot = format!("chroot:{}", text(&root));
        let steps = strings(&[&chroot, "exec:/bin/speck-root", "udp:104"]);
        (steps, format!("{}/bin/speck-root", text(&root)))
    });
}

/// Those of this program, which are those of `speck` as well.
fn copy_libraries(root: &Path) {
    let maps = fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
    let mapped = maps.lines().filter_map(|line| {
        let path = &line[line.find('/')?..];
        path.contains(".so").then(|| PathBuf::from(path))
    });
    // The path that is written into programs is a link to one that is mapped.
    let loader = PathBuf::from("/lib64/ld-linux-x86-64.so.2");
    for library in mapped.chain([loader]) {
        let below = library.strip_prefix("/").expect("found by it");
        let to = root.join(below);
        fs::create_dir_all(to.parent().expect("it has one")).expect("our own directory");
        if !to.exists() {
            fs::copy(&library, to).expect("our own directory");
        }
    }
}
