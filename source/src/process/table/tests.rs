use proptest::prelude::*;

use super::*;
use crate::pipeline::Parent;
use crate::process::testing::{FakeProc, FakeProcess};

fn table_of(proc: ProcFolder) -> ProcessTable {
    let users = UserNames::of_file("root:x:0:0\nme:x:1000:100\n");
    ProcessTable::with_users(proc, Naming::default(), 65_536, users)
}

fn table() -> ProcessTable {
    table_of(ProcFolder::new("/nonexistent"))
}

fn record(name: &str) -> ProcessRecord {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name.as_bytes());
    ProcessRecord {
        comm,
        uid: 1000,
        gid: 100,
        parent_tgid: 1,
        ..ProcessRecord::default()
    }
}

fn snapshot(key: ProcessKey, exe: &str) -> Snapshot {
    Snapshot {
        key,
        exe: Some(exe.to_owned()),
        arguments: Some(vec![exe.to_owned()]),
        directory: Some("/srv".to_owned()),
        cgroup: Some("/user.slice".to_owned()),
        parents: vec![Parent {
            pid: 2,
            name: "bash".to_owned(),
        }],
        ..Snapshot::default()
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn key(tgid: u32, start_boottime: u64) -> ProcessKey {
    ProcessKey {
        start_boottime,
        tgid,
        exec_id: 0,
    }
}

fn next(key: ProcessKey) -> ProcessKey {
    let exec_id = key.exec_id + 1;
    ProcessKey { exec_id, ..key }
}

/// Takes in records of names; whoever is forgotten is not looked at.
fn learn(table: &mut ProcessTable, records: &[(ProcessKey, &str)], seconds: u64) {
    learn_with(table, records, Vec::new(), seconds);
}

fn learn_with(
    table: &mut ProcessTable,
    records: &[(ProcessKey, &str)],
    snapshots: Vec<Snapshot>,
    seconds: u64,
) -> Vec<ProcessKey> {
    let records: Vec<_> = records
        .iter()
        .map(|(key, name)| (*key, record(name)))
        .collect();
    table.learn(&records, snapshots, at(seconds))
}

/// Name, application, executable and attribution of a process.
fn said(table: &mut ProcessTable, key: ProcessKey) -> (String, String, String, Attribution) {
    let (process, _) = table.process(key);
    let Process {
        name,
        app,
        exe,
        attribution,
        ..
    } = (*process).clone();
    (name, app, exe.unwrap_or_default(), attribution)
}

fn says(
    name: &str,
    app: &str,
    exe: &str,
    attribution: Attribution,
) -> (String, String, String, Attribution) {
    (name.to_owned(), app.to_owned(), exe.to_owned(), attribution)
}

#[test]
fn a_process_that_is_gone_has_the_name_the_kernel_recorded() {
    let mut table = table();
    learn(&mut table, &[(key(7, 1), "short")], 1);
    let (process, is_known) = table.process(key(7, 1));
    assert!(is_known);
    let expected = Process {
        uid: Some(1000),
        user: Some("me".to_owned()),
        gid: Some(100),
        parents: vec![Parent {
            pid: 1,
            name: UNKNOWN_NAME.to_owned(),
        }],
        attribution: Attribution::Name,
        ..Process::named(id(key(7, 1)), "short")
    };
    assert_eq!(*process, expected);
}

#[test]
fn a_process_that_is_gone_is_all_there_in_its_snapshot() {
    let mut table = table();
    let snapshots = vec![snapshot(key(7, 1), "/usr/bin/short")];
    learn_with(&mut table, &[(key(7, 1), "short")], snapshots, 1);
    let (process, is_known) = table.process(key(7, 1));
    assert!(is_known);
    assert_eq!(
        said(&mut table, key(7, 1)),
        says(
            "short",
            "/usr/bin/short",
            "/usr/bin/short",
            Attribution::Kernel
        )
    );
    assert_eq!(process.parents[0].name, "bash");
    assert_eq!(process.command_line.as_deref(), Some("/usr/bin/short"));
    assert_eq!(process.user.as_deref(), Some("me"));
}

#[test]
fn a_process_without_snapshot_is_completed_while_it_lives() {
    let proc = FakeProc::new();
    proc.add(7, &FakeProcess::default());
    let mut table = table_of(proc.folder());
    learn(&mut table, &[(key(7, 1), "fake")], 1);
    proc.remove(7);
    assert_eq!(
        said(&mut table, key(7, 1)),
        says("fake", "fake.service", "/usr/bin/fake", Attribution::Proc)
    );
    // Nobody recorded this one.
    proc.add(8, &FakeProcess::default());
    let (process, is_known) = table.process(key(8, 1));
    assert!(is_known);
    assert_eq!((&*process.name, process.uid), ("fake", Some(1000)));
}

#[test]
fn what_the_kernel_could_not_record_is_completed_while_it_lives() {
    let proc = FakeProc::new();
    let process = FakeProcess {
        name: "x",
        exe: "/very/long/x",
        arguments: b"x\0long\0",
        ..FakeProcess::default()
    };
    proc.add(7, &process);
    let mut table = table_of(proc.folder());
    let cut = Snapshot {
        is_exe_cut: true,
        are_arguments_cut: true,
        ..snapshot(key(7, 1), "long/x")
    };
    learn_with(&mut table, &[(key(7, 1), "x")], vec![cut.clone()], 1);
    let (process, _) = table.process(key(7, 1));
    assert_eq!(process.exe.as_deref(), Some("/very/long/x"));
    assert_eq!(process.command_line.as_deref(), Some("x long"));
    assert_eq!(process.cgroup.as_deref(), Some("/user.slice"));
    assert_eq!(process.attribution, Attribution::Kernel);
    // It has another name: that may be another program.
    let mut table = table_of(proc.folder());
    learn_with(&mut table, &[(key(7, 1), "y")], vec![cut], 1);
    let (process, _) = table.process(key(7, 1));
    assert_eq!(process.exe.as_deref(), Some("…long/x"));
}

#[test]
fn a_snapshot_that_comes_later_or_alone_is_taken_up() {
    let mut table = table();
    learn(&mut table, &[(key(7, 1), "short")], 1);
    table.process(key(8, 1));
    let snapshots = [7, 8, 9].map(|tgid| snapshot(key(tgid, 1), "/opt/a-rather-long-name"));
    learn_with(&mut table, &[], snapshots.to_vec(), 2);
    let exe = "/opt/a-rather-long-name";
    for (tgid, name) in [(7, "short"), (8, "a-rather-long-n"), (9, "a-rather-long-n")] {
        let expected = says(name, exe, exe, Attribution::Kernel);
        assert_eq!(said(&mut table, key(tgid, 1)), expected);
    }
    let uid = |table: &mut ProcessTable, tgid| table.process(key(tgid, 1)).0.uid;
    assert_eq!((uid(&mut table, 7), uid(&mut table, 9)), (Some(1000), None));
    // Its record, later still.
    learn(&mut table, &[(key(9, 1), "named")], 3);
    assert_eq!(
        said(&mut table, key(9, 1)),
        says("named", exe, exe, Attribution::Kernel)
    );
    assert_eq!(uid(&mut table, 9), Some(1000));
}

#[test]
fn a_reused_number_is_another_process() {
    let mut table = table();
    learn(&mut table, &[(key(7, 1), "one"), (key(7, 2), "two")], 1);
    assert_eq!(table.process(key(7, 1)).0.name, "one");
    assert_eq!(table.process(key(7, 2)).0.name, "two");
}

#[test]
fn a_changed_name_or_owner_is_taken_up_and_the_rest_stays() {
    let mut table = table();
    let snapshots = vec![snapshot(key(7, 1), "/usr/bin/tool")];
    learn_with(
        &mut table,
        &[(key(7, 1), "tool"), (key(8, 1), "sh")],
        snapshots,
        1,
    );
    let (before, _) = table.process(key(7, 1));
    let root = ProcessRecord {
        uid: 0,
        gid: 0,
        ..record("renamed")
    };
    let forgotten = table.learn(&[(key(7, 1), root), (key(8, 1), root)], Vec::new(), at(2));
    assert!(forgotten.is_empty());
    let (after, _) = table.process(key(7, 1));
    let expected = Process {
        name: "renamed".to_owned(),
        uid: Some(0),
        user: Some("root".to_owned()),
        gid: Some(0),
        ..(*before).clone()
    };
    assert_eq!((&*before.name, &*after), ("tool", &expected));
    // What was called by its name is called by the new one.
    assert_eq!(
        said(&mut table, key(8, 1)),
        says("renamed", "renamed", "", Attribution::Name)
    );
}

#[test]
fn another_program_of_the_same_name_is_looked_up_anew() {
    let proc = FakeProc::new();
    let program = |exe| FakeProcess {
        name: "python3",
        exe,
        cgroup: "0::/\n",
        ..FakeProcess::default()
    };
    proc.add(7, &program("/opt/one/tool"));
    let mut table = table_of(proc.folder());
    let (one, two) = (key(7, 1), next(key(7, 1)));
    learn(&mut table, &[(one, "python3")], 1);
    proc.add(7, &program("/opt/two/tool"));
    learn(&mut table, &[(two, "python3")], 2);
    assert_eq!(said(&mut table, one).2, "/opt/one/tool");
    assert_eq!(said(&mut table, two).2, "/opt/two/tool");
}

#[test]
fn what_a_process_became_is_not_taken_for_what_it_was() {
    let proc = FakeProc::new();
    let program = FakeProcess {
        name: "python3",
        ..FakeProcess::default()
    };
    proc.add(7, &program);
    let mut table = table_of(proc.folder());
    let (one, two) = (key(7, 1), next(key(7, 1)));
    learn(&mut table, &[(one, "python3"), (two, "python3")], 1);
    assert_eq!(said(&mut table, one).3, Attribution::Name);
    assert_eq!(said(&mut table, two).3, Attribution::Proc);
    // Nor if nobody recorded what it was.
    let mut table = table_of(proc.folder());
    learn(&mut table, &[(two, "python3")], 1);
    assert_eq!(said(&mut table, one).3, Attribution::Unknown);
}

#[test]
fn a_thread_of_the_kernel_is_a_name() {
    let proc = FakeProc::new();
    proc.add(
        7,
        &FakeProcess {
            name: "kworker/u8:1-ev",
            ..FakeProcess::default()
        },
    );
    let mut table = table_of(proc.folder());
    let thread = |name| ProcessRecord {
        flags: PF_KTHREAD,
        uid: 0,
        gid: 0,
        ..record(name)
    };
    for name in ["kworker/u8:1-ev", "kworker/u8:2-nf"] {
        let snapshots = vec![snapshot(key(7, 1), "/nonsense")];
        let forgotten = table.learn(&[(key(7, 1), thread(name))], snapshots.clone(), at(1));
        assert!(forgotten.is_empty());
        learn_with(&mut table, &[], snapshots, 1);
        let (process, _) = table.process(key(7, 1));
        let expected = Process {
            uid: Some(0),
            user: Some("root".to_owned()),
            gid: Some(0),
            attribution: Attribution::Kernel,
            ..Process::named(id(key(7, 1)), "[kernel: kworker]")
        };
        assert_eq!(*process, expected);
    }
}

#[test]
fn the_name_of_a_user_is_added_when_it_is_known() {
    let users = UserNames::asking(|uid| Some(format!("user{uid}")));
    let proc = ProcFolder::new("/nonexistent");
    let mut table = ProcessTable::with_users(proc, Naming::default(), 1024, users);
    learn(&mut table, &[(key(7, 1), "x")], 1);
    let (process, _) = table.process(key(7, 1));
    assert_eq!((process.uid, &process.user), (Some(1000), &None));
    table.users.wait();
    learn(&mut table, &[(key(7, 1), "x")], 2);
    assert_eq!(table.process(key(7, 1)).0.user.as_deref(), Some("user1000"));
}

#[test]
fn a_tunnel_is_found_at_once_and_forgotten_within_a_minute() {
    let proc = FakeProc::new();
    proc.write("misc", "200 tun\n");
    let process = |files| FakeProcess {
        files,
        ..FakeProcess::default()
    };
    proc.add(7, &process(&["socket:[1]", "/dev/net/tun"]));
    let mut table = table_of(proc.folder());
    let mut is_tunnel = |name, seconds| {
        learn(&mut table, &[(key(7, 1), name)], seconds);
        table.process(key(7, 1)).0.tunnel
    };
    assert!(is_tunnel("fake", 100));
    proc.add(7, &process(&["socket:[1]"]));
    assert!(is_tunnel("fake", 159));
    assert!(is_tunnel("renamed", 159));
    assert!(!is_tunnel("renamed", 160));
    proc.add(7, &process(&["/dev/tap0"]));
    assert!(!is_tunnel("renamed", 219));
    assert!(is_tunnel("renamed", 220));
}

#[test]
fn looking_for_tunnels_takes_no_more_than_its_share_of_a_tick() {
    let proc = FakeProc::new();
    proc.write("misc", "200 tun\n");
    let files = ["socket:[1]"; 9];
    let process = FakeProcess {
        files: &files,
        ..FakeProcess::default()
    };
    let records: Vec<_> = (1..=12).map(|tgid| (key(tgid, 1), "fake")).collect();
    for tgid in 1..=12 {
        proc.add(tgid, &process);
    }
    let mut table = table_of(proc.folder());
    // Listing the files of a process counts as one.
    table.files_per_tick = 90;
    let mut asked = |seconds| {
        learn(&mut table, &records, seconds);
        let entries = table.known.values();
        entries.filter(|entry| entry.tunnel_asked.is_some()).count()
    };
    assert_eq!((asked(1), asked(2)), (9, 12));
}

#[test]
fn a_process_that_wakes_up_at_the_last_moment_keeps_its_name() {
    let mut table = table();
    learn(&mut table, &[(key(7, 1), "sleeper")], 0);
    learn(&mut table, &[(key(7, 1), "sleeper")], KEPT.as_secs() + 1);
    assert_eq!(table.process(key(7, 1)).0.name, "sleeper");
}

#[test]
fn nobody_knows_a_process_that_left_nothing() {
    let (process, is_known) = table().process(key(7, 1));
    assert_eq!((process.name.as_str(), is_known), (UNKNOWN_NAME, false));
    assert_eq!(process.attribution, Attribution::Unknown);
}

#[test]
fn unused_processes_are_forgotten_and_used_ones_are_not() {
    let mut table = table();
    let (idle, busy) = ((key(1, 1), "idle"), (key(2, 1), "busy"));
    let forgotten = [(0, vec![idle, busy]), (600, vec![busy]), (601, vec![])]
        .map(|(seconds, records)| learn_with(&mut table, &records, Vec::new(), seconds));
    assert_eq!(forgotten, [vec![], vec![], vec![key(1, 1)]]);
    assert!(!table.process(key(1, 1)).1);
    assert!(table.process(key(2, 1)).1);
}

#[test]
fn what_is_too_much_is_forgotten_the_longest_idle_first() {
    let mut table = table();
    table.max_known = 4;
    let many = |tgids: std::ops::Range<u32>| -> Vec<_> {
        tgids.map(|tgid| (key(tgid, 1), "many")).collect()
    };
    assert_eq!(learn_with(&mut table, &many(0..2), Vec::new(), 1), []);
    assert_eq!(learn_with(&mut table, &many(2..4), Vec::new(), 2), []);
    assert_eq!(learn_with(&mut table, &many(4..5), Vec::new(), 3).len(), 1);
    let mut forgotten = learn_with(&mut table, &many(5..7), Vec::new(), 4);
    forgotten.sort();
    assert!(
        forgotten.len() == 2 && forgotten[1].tgid >= 2,
        "{forgotten:?}"
    );
    // Those of a window are kept, however many: they are named after this.
    assert_eq!(
        learn_with(&mut table, &many(10..20), Vec::new(), 5).len(),
        4
    );
    assert_eq!((table.known.len(), table.programs.len()), (10, 10));
    assert_eq!(learn_with(&mut table, &[], Vec::new(), 6).len(), 6);
}

#[test]
fn one_that_was_forgotten_is_found_again() {
    let mut table = table();
    let tool = || vec![snapshot(key(7, 1), "/usr/bin/tool")];
    learn_with(&mut table, &[(key(7, 1), "tool")], tool(), 0);
    assert_eq!(learn_with(&mut table, &[], Vec::new(), 601), [key(7, 1)]);
    learn(&mut table, &[(key(7, 1), "tool")], 602);
    assert_eq!(said(&mut table, key(7, 1)).3, Attribution::Name);
    learn_with(&mut table, &[(key(7, 1), "tool")], tool(), 603);
    assert_eq!(said(&mut table, key(7, 1)).3, Attribution::Kernel);
}

#[test]
fn bytes_that_are_no_text_are_still_a_name() {
    assert_eq!(text(b"a\xff\0rest"), "a\u{fffd}");
    assert_eq!(text(b"sixteen bytes ok"), "sixteen bytes ok");
}

proptest! {
    #[test]
    fn any_record_is_a_process_with_a_name(
        comm in any::<[u8; 16]>(),
        uid in any::<u32>(),
        flags in any::<u32>(),
        tgid in any::<u32>(),
        start in any::<u64>(),
        now in any::<u64>(),
    ) {
        let record = ProcessRecord { comm, uid, flags, ..ProcessRecord::default() };
        let mut table = table();
        let forgotten = table.learn(&[(key(tgid, start), record)], Vec::new(), Duration::from_nanos(now));
        prop_assert!(forgotten.is_empty());
        let (process, is_known) = table.process(key(tgid, start));
        let is_thread = flags & PF_KTHREAD != 0;
        let expected = if is_thread { naming::kernel_thread(&text(&comm)) } else { text(&comm) };
        prop_assert!(is_known && process.name == expected);
        prop_assert_eq!(process.id.pid, tgid);
    }
}
