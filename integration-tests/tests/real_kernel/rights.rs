//! With less than root's rights, and in a container.
//!
//! | right | what for |
//! |---|---|
//! | `CAP_BPF` | maps, programs and links, on every backend |
//! | `CAP_PERFMON` | programs that read kernel memory, and breakpoints: every backend |
//! | `CAP_NET_ADMIN` | the cgroup hooks of the tracepoint backend: remotes of unconnected UDP sockets |
//! | `CAP_SYS_ADMIN`, `CAP_SYS_PTRACE` | looking for older sockets in other network namespaces |
//! | `CAP_SYS_ADMIN` | the kprobe backend where `kernel.perf_event_paranoid` is above 2 (Debian, Ubuntu) |
//! | `CAP_SYS_RESOURCE`, or no `RLIMIT_MEMLOCK` | Linux before 5.11, which charges maps to that limit |

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup, find};
use nettally_integration_tests::harness::{generator, require_root, wait};
use nettally_integration_tests::traffic::{Moved, Protocol};
use serde_json::Value;

/// Rows whose remotes every backend sees without more.
const ROWS: [&str; 5] = ["cases", "tcp-v4", "tcp-v6", "tcp-spl-in", "lite-con-v4"];

/// Rows whose remotes only cgroup hooks show to the tracepoint backend, but for the client of the
/// last, whose socket is connected.
const DATAGRAMS: [&str; 4] = ["cases", "udp-v4", "udp-v6", "udp-con-v4"];

/// The backends that this kernel allows to root.
fn backends() -> Vec<&'static str> {
    let is_allowed = |backend: &&str| Daemon::try_start(&on(backend, Vec::new())).is_ok();
    let backends: Vec<&str> = ["fexit", "tracepoint", "kprobe"]
        .into_iter()
        .filter(is_allowed)
        .collect();
    assert!(!backends.is_empty(), "this kernel allows no backend at all");
    backends
}

fn on(backend: &str, through: Vec<String>) -> Setup {
    Setup {
        through,
        source: vec![format!("backend: {backend}")],
        ..Setup::default()
    }
}

/// A command that leaves what it runs nothing but these capabilities; the user is still root, so that
/// files can be reached.
fn with_only(capabilities: &[&str]) -> Vec<String> {
    let bounding: String = capabilities
        .iter()
        .map(|capability| format!(",+{capability}"))
        .collect();
    let limit = charges_maps_to_a_limit().then_some(["prlimit", "--memlock=unlimited"]);
    let setpriv = [
        "setpriv".to_owned(),
        format!("--bounding-set=-all{bounding}"),
        "--inh-caps=-all".to_owned(),
    ];
    let limit = limit.into_iter().flatten().map(str::to_owned);
    limit.chain(setpriv).collect()
}

/// Before 5.11, where lifting the limit needs `CAP_SYS_RESOURCE`; systemd does it by `LimitMEMLOCK=`.
fn charges_maps_to_a_limit() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    let mut numbers = release
        .split('.')
        .map_while(|word| word.parse::<u32>().ok());
    (numbers.next(), numbers.next()) < (Some(5), Some(11))
}

/// What the backend needs beyond the three: Debian's and Ubuntu's kernels know values above 2, with which
/// `perf_event_open` is for `CAP_SYS_ADMIN` alone.
fn more_for(backend: &str) -> &'static [&'static str] {
    let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    let is_closed = paranoid.trim().parse::<i32>().is_ok_and(|level| level > 2);
    if backend == "kprobe" && is_closed {
        &["sys_admin"]
    } else {
        &[]
    }
}

/// The set of these, as the kernel numbers them in `include/uapi/linux/capability.h`.
fn mask(capabilities: &[&str]) -> u64 {
    let number = |&capability: &&str| match capability {
        "net_admin" => 12,
        "sys_admin" => 21,
        "perfmon" => 38,
        "bpf" => 39,
        other => panic!("no number for {other}"),
    };
    capabilities.iter().map(|name| 1_u64 << number(name)).sum()
}

/// What is less, by code.
fn degradations(daemon: &Daemon) -> BTreeSet<String> {
    let health = daemon.get("/api/v1/health").expect("it measures");
    let found = find(&health, "degradations").and_then(Value::as_array);
    let code = |found: &Value| Some(found["code"].as_str()?.to_owned());
    found
        .expect("health has them")
        .iter()
        .filter_map(code)
        .collect()
}

/// The capabilities that the daemon has, as the kernel prints them.
fn effective(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    u64::from_str_radix(line.expect("every process has some").trim(), 16).expect("hexadecimal")
}

#[test]
fn few_capabilities_are_enough_on_every_backend() {
    for backend in backends() {
        let capabilities = [&["bpf", "perfmon", "net_admin"], more_for(backend)].concat();
        let mut daemon = Daemon::start(&on(backend, with_only(&capabilities)));
        assert_eq!(effective(&daemon), mask(&capabilities), "{backend}");
        let refused = degradations(&daemon).contains("cgroup_hook_refused");
        assert!(!refused, "{backend}");
        let mut truth = generator::run(&ROWS);
        truth.extend(generator::run(&DATAGRAMS));
        expect_exactly(&mut daemon, &truth);
    }
}

/// Only the tracepoint backend has hooks that need it.
#[test]
fn without_net_admin_only_remotes_of_unconnected_udp_are_missing_and_only_on_tracepoint() {
    for backend in backends() {
        let capabilities = [&["bpf", "perfmon"], more_for(backend)].concat();
        let mut daemon = Daemon::start(&on(backend, with_only(&capabilities)));
        assert_eq!(effective(&daemon), mask(&capabilities), "{backend}");
        let refused = degradations(&daemon).contains("cgroup_hook_refused");
        assert_eq!(refused, backend == "tracepoint");
        let mut truth = generator::run(&ROWS);
        truth.extend(seen_by(backend, generator::run(&DATAGRAMS)));
        expect_exactly(&mut daemon, &truth);
    }
}

/// The truth of [`DATAGRAMS`] as it is seen without cgroup hooks.
fn seen_by(backend: &str, truth: Vec<Moved>) -> Vec<Moved> {
    let unnamed = |row: Moved| {
        assert_eq!(row.protocol, Protocol::Udp);
        let is_seen = backend != "tracepoint" || row.process == "c-udp-con-v4";
        let remote = row.remote.filter(|_remote| is_seen);
        Moved { remote, ..row }
    };
    truth.into_iter().map(unnamed).collect()
}

#[test]
fn too_few_capabilities_are_said_at_start() {
    for missing in ["bpf", "perfmon"] {
        let mut capabilities = vec!["bpf", "perfmon", "net_admin"];
        capabilities.retain(|&capability| capability != missing);
        let Err(printed) = Daemon::try_start(&on("auto", with_only(&capabilities))) else {
            panic!("it measures without {missing}");
        };
        let said = format!("it lacks CAP_{};", missing.to_uppercase());
        assert!(printed.contains(&said), "{printed}");
    }
}

/// A process that waits in a network namespace of its own. Dropping it ends it.
struct Elsewhere(Child);

impl Elsewhere {
    fn start() -> Self {
        let child = Command::new("unshare")
            .args(["--net", "sleep", "1000"])
            .stdin(Stdio::null())
            .spawn()
            .expect("`unshare` is part of util-linux");
        let elsewhere = Self(child);
        let name = format!("/proc/{}/comm", elsewhere.0.id());
        wait::until(wait::PATIENCE, || {
            let name = fs::read_to_string(&name).map_err(|error| error.to_string())?;
            (name == "sleep\n").then_some(()).ok_or(name)
        });
        elsewhere
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Older sockets in namespaces that could not be entered were passed over in silence.
#[test]
fn network_namespaces_that_may_not_be_entered_are_said() {
    require_root();
    let _elsewhere = Elsewhere::start();
    let backend = backends()[0];
    for more in [
        &[][..],
        &["sys_admin"],
        &["sys_ptrace"],
        &["sys_admin", "sys_ptrace"],
    ] {
        let three = ["bpf", "perfmon", "net_admin"];
        let capabilities = [&three, more_for(backend), more].concat();
        // It takes both: the one to see the namespace, the other to enter it.
        let needed = ["sys_admin", "sys_ptrace"];
        let is_open = needed.iter().all(|needed| capabilities.contains(needed));
        let daemon = Daemon::start(&on(backend, with_only(&capabilities)));
        let found = degradations(&daemon);
        let is_told = found.contains("existing_sockets");
        assert_eq!(is_told, !is_open, "{capabilities:?}: {found:?}");
    }
}

/// A child of the root of cgroup v2. Dropping it removes it, once its processes have ended.
struct Cgroup {
    /// Where cgroup v2 is mounted.
    mount: PathBuf,
    path: PathBuf,
}

impl Cgroup {
    fn new() -> Self {
        require_root();
        let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc is mounted");
        let mount = mounts.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (folder, kind) = (words.next()?, words.next()?);
            (kind == "cgroup2").then(|| PathBuf::from(folder))
        });
        let mount = mount.expect("cgroup v2 is mounted");
        let path = mount.join(format!("nettally-test-{}", std::process::id()));
        fs::create_dir(&path).expect("root may make cgroups");
        Self { mount, path }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let is_left = |path: &Path| fs::remove_dir(path).is_err() && path.exists();
        for _try in 0..100 {
            if !is_left(&self.path) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The full path because the shell of the virtual machines prefers an `unshare` of its own. Arguments: the
/// cgroup, where cgroup v2 is mounted, and what to run.
const CONTAINER: &str = r#"
echo $$ >"$0/cgroup.procs" &&
exec /usr/bin/unshare --cgroup --mount --pid --fork --kill-child --mount-proc \
    sh -c 'umount -l "$0" && mount -t cgroup2 none "$0" && exec "$@"' "$@"
"#;

/// Namespaces of its own, as a container has them: process numbers, mounts, cgroups.
#[test]
fn in_a_container_bytes_and_process_numbers_are_exact_and_what_is_less_is_said() {
    let cgroup = Cgroup::new();
    let text = |path: &Path| path.to_str().expect("plain text").to_owned();
    let through = || {
        let shell = ["sh", "-c", CONTAINER].map(str::to_owned);
        [&shell[..], &[text(&cgroup.path), text(&cgroup.mount)]].concat()
    };
    for backend in backends() {
        let mut daemon = Daemon::start(&on(backend, through()));
        // What it leaves must not be in the way of the next, which has its process number again.
        daemon.signal(libc::SIGKILL);
        daemon.wait();
        daemon.restart().expect("it measures again");
        let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/pid")).ok();
        assert_ne!(namespace(&daemon.pid().to_string()), namespace("self"));
        let found = degradations(&daemon);
        assert!(found.contains("pid_namespace"), "{backend}: {found:?}");
        let is_told = found.contains("cgroup_v2_missing");
        assert_eq!(is_told, backend == "tracepoint", "{found:?}");
        let mut truth = generator::run(&ROWS);
        truth.extend(seen_by(backend, generator::run(&DATAGRAMS)));
        expect_exactly(&mut daemon, &truth);
    }
}
