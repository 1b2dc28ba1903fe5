//! What the kernel side recorded of a process, from bytes to text: pure.

use nettally_ebpf::snapshot::{
    ARGUMENTS_CUT, ARGUMENTS_MISSING, CGROUP_CUT, DIRECTORY_CUT, EXE_CUT, ParentRecord,
    SnapshotHead,
};

use crate::pipeline::Parent;
use crate::process::Snapshot;

/// Reads one record of the ring; `None` if it is none.
pub(super) fn snapshot(bytes: &[u8]) -> Option<Snapshot> {
    let (head, texts) = bytes.split_at_checked(size_of::<SnapshotHead>())?;
    // SAFETY: `head` is as long as the type, which is made of integers; it may lie anywhere.
    let head: SnapshotHead = unsafe { head.as_ptr().cast::<SnapshotHead>().read_unaligned() };
    let SnapshotHead {
        process,
        network_namespace,
        cut,
        exe_end,
        directory_end,
        cgroup_end,
        arguments_end,
        parents,
    } = head;
    let part = |from: u32, to: u32| texts.get(from as usize..to as usize);
    let exe = part(0, exe_end)?;
    let directory = part(exe_end, directory_end)?;
    let cgroup = part(directory_end, cgroup_end)?;
    let arguments = part(cgroup_end, arguments_end)?;
    let is_cut = |bit: u32| cut & bit != 0;
    Some(Snapshot {
        key: process,
        exe: path(exe),
        is_exe_cut: is_cut(EXE_CUT),
        arguments: (!is_cut(ARGUMENTS_MISSING) && !arguments.is_empty())
            .then(|| split(arguments, is_cut(ARGUMENTS_CUT))),
        are_arguments_cut: is_cut(ARGUMENTS_CUT),
        // A script would be looked for where half a path leads.
        directory: path(directory).filter(|_path| !is_cut(DIRECTORY_CUT)),
        // Half a path would be taken for another unit or container.
        cgroup: if is_cut(CGROUP_CUT) {
            None
        } else {
            path(cgroup).or_else(|| Some("/".to_owned()))
        },
        parents: parents.iter().filter_map(parent).collect(),
        network_namespace: (network_namespace != 0).then_some(network_namespace),
    })
}

/// A path from its components, innermost first, each ended by a zero byte.
fn path(components: &[u8]) -> Option<String> {
    let inner = components.strip_suffix(b"\0")?;
    let mut path = String::with_capacity(components.len());
    // The top of a tree that was taken away is called `/`.
    let components = inner.rsplit(|&byte| byte == 0);
    for component in components.filter(|component| *component != b"/") {
        path.push('/');
        path.push_str(&String::from_utf8_lossy(component));
    }
    Some(path)
}

/// Arguments, each ended by a zero byte, the last one perhaps not.
fn split(arguments: &[u8], is_cut: bool) -> Vec<String> {
    let arguments = if is_cut {
        arguments
    } else {
        arguments.strip_suffix(b"\0").unwrap_or(arguments)
    };
    arguments
        .split(|&byte| byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

fn parent(record: &ParentRecord) -> Option<Parent> {
    let ParentRecord { comm, tgid } = record;
    let end = comm.iter().position(|&byte| byte == 0);
    (*tgid != 0).then(|| Parent {
        pid: *tgid,
        name: String::from_utf8_lossy(&comm[..end.unwrap_or(comm.len())]).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use nettally_ebpf::flow::ProcessKey;
    use nettally_ebpf::snapshot::PARENTS;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const KEY: ProcessKey = ProcessKey {
        start_boottime: 5,
        tgid: 42,
        exec_id: 3,
    };

    fn record(parts: [&[u8]; 4], cut: u32) -> Vec<u8> {
        let ends: Vec<u32> = parts
            .iter()
            .scan(0, |end, part| {
                *end += u32::try_from(part.len()).unwrap();
                Some(*end)
            })
            .collect();
        let mut parents = [ParentRecord::default(); PARENTS];
        parents[0].comm[..4].copy_from_slice(b"bash");
        parents[0].tgid = 41;
        let head = SnapshotHead {
            process: KEY,
            network_namespace: 4_026_531_840,
            cut,
            exe_end: ends[0],
            directory_end: ends[1],
            cgroup_end: ends[2],
            arguments_end: ends[3],
            parents,
        };
        // SAFETY: integers only, without padding.
        let head = unsafe {
            std::slice::from_raw_parts((&raw const head).cast::<u8>(), size_of::<SnapshotHead>())
        };
        let mut bytes = head.to_vec();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let parts: [&[u8]; 4] = [
            b"python3.11\0bin\0usr\0",
            b"srv\0",
            b"bot.service\0system.slice\0",
            b"python3\0bot.py\0\0x y\0",
        ];
        let expected = Snapshot {
            key: KEY,
            exe: Some("/usr/bin/python3.11".to_owned()),
            is_exe_cut: false,
            arguments: Some(["python3", "bot.py", "", "x y"].map(str::to_owned).to_vec()),
            are_arguments_cut: false,
            directory: Some("/srv".to_owned()),
            cgroup: Some("/system.slice/bot.service".to_owned()),
            parents: vec![Parent {
                pid: 41,
                name: "bash".to_owned(),
            }],
            network_namespace: Some(4_026_531_840),
        };
        assert_eq!(snapshot(&record(parts, 0)), Some(expected));
    }

    #[test]
    fn what_is_cut_is_said_and_half_a_place_is_none() {
        let parts: [&[u8]; 4] = [b"x\0y\0", b"srv\0", b"a\0b\0", b"one\0tw"];
        let cut = EXE_CUT | DIRECTORY_CUT | CGROUP_CUT | ARGUMENTS_CUT;
        let read = snapshot(&record(parts, cut)).unwrap();
        assert_eq!((read.exe.as_deref(), read.is_exe_cut), (Some("/y/x"), true));
        assert_eq!((read.cgroup, read.directory), (None, None));
        assert_eq!(read.arguments.unwrap(), ["one", "tw"]);
    }

    #[test]
    fn a_process_in_the_root_group_has_no_unit_and_a_kernel_thread_no_executable() {
        let read = snapshot(&record([b"", b"", b"", b""], 0)).unwrap();
        assert_eq!((read.exe, read.arguments), (None, None));
        assert_eq!(read.cgroup.as_deref(), Some("/"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_panic(bytes in vec(any::<u8>(), 0..400)) {
            let _read = snapshot(&bytes);
        }
    }
}
