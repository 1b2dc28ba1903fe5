//! Processes in control groups of the shapes that runtimes and systemd give them, in namespaces of
//! their own. No runtime is needed for that.

use std::fs;
use std::path::{Path, PathBuf};

use nettally_integration_tests::harness::stream::Stream;

use super::{Specks, own_network_namespace, rows_of, run, text};

const HASH: &str = "3f2a9c1b7d5583f0a1b2c3d4e5f60718293a4b5c6d7e8f901122334455667788";
const POD: &str = "0c8b2a1e-5d6f-4a7b-8c9d-0e1f2a3b4c5d";

/// What is expected of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shape {
    cgroup: &'static str,
    container: Option<(&'static str, &'static str)>,
    pod: bool,
    unit: Option<&'static str>,
    package: Option<&'static str>,
}

const fn container(cgroup: &'static str, runtime: &'static str, id: &'static str) -> Shape {
    Shape {
        cgroup,
        container: Some((runtime, id)),
        pod: false,
        unit: None,
        package: None,
    }
}

const fn unit(cgroup: &'static str, unit: &'static str) -> Shape {
    Shape {
        cgroup,
        container: None,
        pod: false,
        unit: Some(unit),
        package: None,
    }
}

/// `HASH`, `POD` and `POD_` in a path are replaced; the last has `_` for `-`, as in names of slices.
const SHAPES: &[Shape] = &[
    container("/system.slice/docker-HASH.scope", "docker", HASH),
    container("/docker/HASH", "docker", HASH),
    Shape {
        pod: true,
        ..container(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podPOD_.slice/\
             cri-containerd-HASH.scope",
            "containerd",
            HASH,
        )
    },
    Shape {
        pod: true,
        ..container(
            "/kubepods.slice/kubepods-podPOD_.slice/crio-HASH.scope",
            "crio",
            HASH,
        )
    },
    container(
        "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-HASH.scope/container",
        "podman",
        HASH,
    ),
    container("/machine.slice/libpod-HASH.scope", "podman", HASH),
    container(
        "/machine.slice/systemd-nspawn@web.service/payload",
        "nspawn",
        "web",
    ),
    container("/lxc.payload.web/init.scope", "lxc", "web"),
    unit("/system.slice/nginx.service", "nginx.service"),
    unit(
        "/system.slice/system-getty.slice/getty@tty1.service",
        "getty@tty1.service",
    ),
    Shape {
        package: Some("flatpak:org.mozilla.firefox"),
        unit: Some("app-flatpak-org.mozilla.firefox-4242.scope"),
        ..unit(
            "/user.slice/user-1000.slice/user@1000.service/app.slice/\
             app-flatpak-org.mozilla.firefox-4242.scope",
            "",
        )
    },
    Shape {
        package: Some("snap:spotify"),
        ..unit(
            "/user.slice/user-1000.slice/user@1000.service/app.slice/\
             snap.spotify.spotify-0c8b2a1e-5d6f-4a7b-8c9d-0e1f2a3b4c5d.scope",
            "snap.spotify.spotify-0c8b2a1e-5d6f-4a7b-8c9d-0e1f2a3b4c5d.scope",
        )
    },
    Shape {
        cgroup: "/nettally-test/strange shape/deeper",
        container: None,
        pod: false,
        unit: None,
        package: None,
    },
];

fn filled_in(path: &str) -> String {
    let pod = POD.replace('-', "_");
    path.replace("HASH", HASH)
        .replace("POD_", &pod)
        .replace("POD", POD)
}

/// A control group; what had to be made for it is removed with it.
struct Group {
    directory: PathBuf,
    made: Vec<PathBuf>,
}

impl Group {
    fn new(mount: &Path, path: &str) -> Self {
        let mut group = Self {
            directory: mount.to_owned(),
            made: Vec::new(),
        };
        for name in path.split('/').filter(|name| !name.is_empty()) {
            group.directory.push(name);
            if !group.directory.exists() {
                fs::create_dir(&group.directory).expect("root may");
                group.made.push(group.directory.clone());
            }
        }
        group
    }
}

impl Drop for Group {
    #[expect(
        clippy::print_stdout,
        reason = "a panic here would hide the one before"
    )]
    fn drop(&mut self) {
        for directory in self.made.iter().rev() {
            if let Err(error) = fs::remove_dir(directory) {
                println!("{} is left: {error}", directory.display());
            }
        }
    }
}

/// Where control groups are mounted: version 2, and `memory` of version 1.
fn mounts() -> (PathBuf, Option<PathBuf>) {
    let mounts = fs::read_to_string("/proc/mounts").expect("/proc is mounted");
    let find = |wanted: &dyn Fn(&str, &str) -> bool| {
        mounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            wanted(fields.get(2)?, fields.get(3)?).then(|| PathBuf::from(fields[1]))
        })
    };
    let second =
        find(&|kind, _| kind == "cgroup2").expect("control groups of version 2 are mounted");
    let first = find(&|kind, options| {
        kind == "cgroup" && options.split(',').any(|option| option == "memory")
    });
    (second, first)
}

#[test]
fn the_shape_of_a_control_group_says_what_runs_there() {
    let (mount, _) = mounts();
    let complaints = check(&mount, SHAPES);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Docker on a machine that has version 1 for its controllers: version 2 says `/` alone.
#[test]
fn a_group_of_version_1_is_told_where_version_2_says_nothing() {
    let (_, Some(mount)) = mounts() else {
        println!("left out: control groups of version 1 are not mounted");
        return;
    };
    let shapes = [
        container("/docker/HASH", "docker", HASH),
        unit("/system.slice/nginx.service", "nginx.service"),
    ];
    let complaints = check(&mount, &shapes);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Runs a process in each, and says what is not told as it is.
fn check(mount: &Path, shapes: &[Shape]) -> Vec<String> {
    let specks = Specks::new();
    let starter = specks.path().join("speck");
    let stream = Stream::start(0.5, &[]);
    let own_namespace = own_network_namespace();
    let mut complaints = Vec::new();
    for (number, shape) in shapes.iter().enumerate() {
        let program = specks.link(format!("{number}/speck-{number}"));
        let path = filled_in(shape.cgroup);
        let group = Group::new(mount, &path);
        let cgroup = format!("cgroup:{}", text(&group.directory));
        let exec = format!("exec:{}", text(&program));
        run(
            &starter,
            &[
                &*cgroup,
                "unshare:net",
                "unshare:mnt",
                "unshare:pid",
                "child",
                &exec,
                "udp:104",
            ],
        );
        let rows = rows_of(&stream, 104, |row| {
            row.exe.as_deref() == Some(text(&program))
        });
        let row = &rows[0];
        let (runtime, id) = shape.container.unzip();
        let expected = (
            Some(&*path),
            runtime,
            id,
            shape.pod.then_some(POD),
            shape.package,
        );
        let told = (
            row.cgroup.as_deref(),
            row.container_runtime.as_deref(),
            row.container_id.as_deref(),
            row.pod.as_deref(),
            row.package.as_deref(),
        );
        if told != expected {
            complaints.push(format!("{path}: told {told:?}, expected {expected:?}"));
        }
        // Of a container, it is the unit that runs it, or none: that is for the runtime to decide.
        if shape.container.is_none() && row.unit.as_deref() != shape.unit {
            complaints.push(format!(
                "{path}: unit {:?}, expected {:?}",
                row.unit, shape.unit
            ));
        }
        if row
            .network_namespace
            .is_none_or(|told| told == own_namespace)
        {
            complaints.push(format!("{path}: namespace {:?}", row.network_namespace));
        }
        if row.parents.first().map(|parent| &*parent.name) != Some("speck") {
            complaints.push(format!("{path}: parents {:?}", row.parents));
        }
    }
    complaints
}
