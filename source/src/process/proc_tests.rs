use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::process::testing::{FakeProc, FakeProcess};

fn key(start_boottime: u64) -> ProcessKey {
    ProcessKey {
        tgid: 42,
        start_boottime,
        ..ProcessKey::default()
    }
}

const START: u64 = 7_770_123_456;

#[test]
fn a_process_with_a_hostile_name_is_found_with_all_that_is_there() {
    let proc = FakeProc::new();
    proc.add(1, &FakeProcess::default());
    proc.add(
        7,
        &FakeProcess {
            name: "bash",
            parent: 1,
            start_ticks: 500,
            ..FakeProcess::default()
        },
    );
    proc.add(
        42,
        &FakeProcess {
            name: "a) b (c)",
            parent: 7,
            start_ticks: 777,
            arguments: b"a\0--b\0\0",
            ..FakeProcess::default()
        },
    );
    let found = proc.folder().find(key(START)).unwrap();
    let parent = |pid, name: &str| Parent {
        pid,
        name: name.to_owned(),
    };
    let text = |text: &str| Some(text.to_owned());
    let expected = Found {
        name: "a) b (c)".to_owned(),
        owner: Some((1000, 100)),
        snapshot: Snapshot {
            key: key(START),
            exe: text("/usr/bin/fake"),
            is_exe_cut: false,
            arguments: Some(vec!["a".to_owned(), "--b".to_owned()]),
            are_arguments_cut: false,
            directory: text("/srv"),
            cgroup: text("/system.slice/fake.service"),
            parents: vec![parent(7, "bash"), parent(1, "fake")],
            network_namespace: Some(4_026_531_840),
        },
    };
    assert_eq!(found, expected);
}

#[test]
fn this_process_is_found() {
    let proc = ProcFolder::new("/proc");
    let tgid = std::process::id();
    let ticks = Stat::read(&proc.folder(tgid)).unwrap().start_ticks;
    let key = ProcessKey {
        tgid,
        start_boottime: ticks * TICK_NS + 1,
        exec_id: 0,
    };
    let Snapshot {
        exe,
        arguments,
        directory,
        cgroup,
        network_namespace,
        ..
    } = proc.find(key).unwrap().snapshot;
    let own = std::env::current_exe().unwrap();
    assert_eq!(exe.as_deref(), own.to_str());
    let own: Vec<_> = std::env::args().collect();
    assert_eq!(arguments.unwrap().first(), own.first());
    assert_eq!(
        directory.as_deref(),
        std::env::current_dir().unwrap().to_str()
    );
    assert!(cgroup.is_some() && network_namespace.is_some());
}

#[test]
fn another_process_with_the_same_number_is_not_taken_for_it() {
    let proc = FakeProc::new();
    let process = FakeProcess {
        start_ticks: 777,
        ..FakeProcess::default()
    };
    proc.add(42, &process);
    assert!(proc.folder().find(key(START)).is_some());
    assert_eq!(proc.folder().find(key(7_760_000_000)), None);
}

#[test]
fn a_parent_that_started_after_its_child_is_none() {
    let proc = FakeProc::new();
    proc.add(
        7,
        &FakeProcess {
            start_ticks: 900,
            ..FakeProcess::default()
        },
    );
    assert_eq!(proc.folder().parents(7, Some(777)), []);
    assert_eq!(proc.folder().parents(7, Some(900)).len(), 1);
    assert_eq!(proc.folder().parents(8, None), []);
}

#[test]
fn ancestors_are_told_up_to_the_fourth() {
    let proc = FakeProc::new();
    for pid in 1..9 {
        let parent = pid - 1;
        proc.add(
            pid,
            &FakeProcess {
                parent,
                ..FakeProcess::default()
            },
        );
    }
    let parents = proc.folder().parents(8, None);
    let pids: Vec<_> = parents.into_iter().map(|parent| parent.pid).collect();
    assert_eq!(pids, [8, 7, 6, 5]);
}

#[test]
fn arguments_end_where_zeros_begin() {
    for (bytes, expected) in [
        (&b""[..], &[][..]),
        (b"\0\0\0", &[]),
        (b"a\0", &["a"]),
        (b"a", &["a"]),
        (b"a\0\0b\0", &["a", "", "b"]),
        (b"a\0b\0\0", &["a", "b"]),
        (b"nginx: worker\0\0\0\0", &["nginx: worker"]),
        (b"\xff\0b\0", &["\u{fffd}", "b"]),
    ] {
        assert_eq!(split(bytes), expected, "{bytes:?}");
    }
}

#[test]
fn a_control_group_is_taken_from_the_hierarchy_that_has_one() {
    for (text, expected) in [
        ("0::/user.slice\n", Some("/user.slice")),
        ("0::/\n", Some("/")),
        (
            "12:pids:/docker/x\n1:name=systemd:/y\n0::/\n",
            Some("/docker/x"),
        ),
        ("12:pids:/\n1:name=systemd:/y:z\n", Some("/y:z")),
        ("12:pids:/x\n0::/z\n", Some("/z")),
        ("0::/../../x\n", Some("/../../x")),
        ("", None),
        ("nonsense\n", None),
    ] {
        assert_eq!(cgroup(text).as_deref(), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn the_start_is_found_behind_any_name(name in any::<String>(), ticks in any::<u64>()) {
        let between = "0 ".repeat(17);
        let stat = Stat::parse(&format!("42 ({name}) S 7 {between}{ticks} 0 0\n")).unwrap();
        prop_assert_eq!((stat.parent, stat.start_ticks), (7, ticks));
    }

    #[test]
    fn any_files_are_no_panic(
        stat in vec(prop_oneof![Just(b')'), Just(b' '), Just(b'9'), any::<u8>()], 0..400),
        name in vec(any::<u8>(), 0..40),
        other in vec(prop_oneof![Just(b':'), Just(b'\n'), Just(b'/'), any::<u8>()], 0..80),
        start_boottime in any::<u64>(),
        tgid in any::<u32>(),
    ) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(tgid.to_string());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("stat"), &stat).unwrap();
        std::fs::write(folder.join("comm"), &name).unwrap();
        for file in ["cgroup", "status", "cmdline"] {
            std::fs::write(folder.join(file), &other).unwrap();
        }
        let process = ProcessKey { start_boottime, tgid, exec_id: 0 };
        let proc = ProcFolder::new(root.path());
        // Nothing is believed of a process that did not start then.
        prop_assert_eq!(proc.find(process).is_some(), is_same(&folder, process));
        inode(&String::from_utf8_lossy(&other));
    }
}
