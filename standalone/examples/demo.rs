//! The web page with made-up traffic, for working on it without a kernel or root:
//! `cargo run -p nettally --example demo`, then open <http://127.0.0.1:9797/>.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use nettally::http::{ApiState, Doors, serve};
use nettally::live::Live;
use nettally_source::{
    Attribution, Container, Degradation, Event, HealthReport, LossCount, LossReason, Losses,
    Parent, Process, ProcessId, ProgramStats, Protocol, Remote, Runtime, SinkConfig as _,
    SinkContext, Usage, UsageBatch, Window,
};
use nettally_sqlite_sink::SqliteConfig;

/// Name, user, protocol, remote, port, sent and received bytes per second.
type Actor = (
    &'static str,
    &'static str,
    Protocol,
    &'static str,
    u16,
    f64,
    f64,
);

const ACTORS: [Actor; 18] = [
    (
        "firefox",
        "ada",
        Protocol::Tcp,
        "151.101.1.140",
        443,
        40e3,
        2.4e6,
    ),
    (
        "firefox",
        "ada",
        Protocol::Udp,
        "142.250.74.14",
        443,
        60e3,
        1.1e6,
    ),
    (
        "firefox",
        "ada",
        Protocol::Tcp,
        "2606:4700::6810:84e5",
        443,
        9e3,
        180e3,
    ),
    (
        "Isolated Web Co",
        "ada",
        Protocol::Udp,
        "172.217.16.67",
        443,
        12e3,
        310e3,
    ),
    (
        "Socket Process",
        "ada",
        Protocol::Tcp,
        "34.107.221.82",
        80,
        400.0,
        900.0,
    ),
    (
        "rsync",
        "backup",
        Protocol::Tcp,
        "10.0.3.20",
        873,
        5.2e6,
        30e3,
    ),
    (
        "postgres",
        "postgres",
        Protocol::Tcp,
        "10.0.3.7",
        41_522,
        310e3,
        44e3,
    ),
    (
        "python3",
        "ada",
        Protocol::Tcp,
        "127.0.0.1",
        8080,
        220e3,
        640e3,
    ),
    (
        "sshd",
        "root",
        Protocol::Tcp,
        "192.168.1.40",
        52_110,
        4e3,
        1.2e3,
    ),
    (
        "systemd-resolve",
        "systemd-resolve",
        Protocol::Udp,
        "1.1.1.1",
        53,
        300.0,
        900.0,
    ),
    (
        "chronyd",
        "_chrony",
        Protocol::Udp,
        "162.159.200.1",
        123,
        48.0,
        48.0,
    ),
    (
        "node",
        "www-data",
        Protocol::Tcp,
        "10.0.3.9",
        6379,
        90e3,
        21e3,
    ),
    (
        "curl",
        "ada",
        Protocol::Tcp,
        "2a04:4e42::396",
        443,
        2e3,
        3.6e6,
    ),
    (
        "<script>alert(1)",
        "ada",
        Protocol::Udp,
        "192.0.2.66",
        9999,
        700.0,
        0.0,
    ),
    (
        "\u{1b}[31mred\n\"x\"",
        "ada",
        Protocol::Tcp,
        "192.0.2.67",
        80,
        1e3,
        5e3,
    ),
    (
        "wireguard-tool-with-long-name",
        "root",
        Protocol::Udp,
        "203.0.113.9",
        51_820,
        1.4e6,
        900e3,
    ),
    ("ping", "ada", Protocol::Icmp, "192.0.2.1", 0, 64.0, 64.0),
    // Sees what all the others move.
    ("tcpdump", "root", Protocol::Packet, "", 0, 0.0, 9e6),
];

fn batch(start: Timestamp, seconds: i64) -> UsageBatch {
    let end = start + SignedDuration::from_secs(seconds);
    let usage = (0u32..)
        .zip(ACTORS)
        .filter_map(|(index, actor)| flow(index, actor, start, end));
    UsageBatch {
        window: Window { start, end },
        usage: usage.collect(),
        losses: Losses::default(),
    }
}

/// What an actor moves in a window: waves of different lengths, with pauses.
fn flow(index: u32, actor: Actor, start: Timestamp, end: Timestamp) -> Option<Usage> {
    let (name, user, protocol, ip, port, sent, received) = actor;
    let time = start.as_second() as f64;
    let seconds = end.duration_since(start).as_secs_f64();
    let place = f64::from(index);
    let slow = (TAU * time / (500.0 + 130.0 * place) + place).sin();
    let fast = (TAU * time / (7.0 + place) + 2.0 * place).sin();
    let level = (0.55 + 0.75 * slow + 0.3 * fast).max(0.0);
    let bytes = |rate: f64| (rate * level * seconds) as u64;
    let same_process = ACTORS.iter().position(|(other, ..)| *other == name)? as u32;
    (bytes(sent) + bytes(received) > 0).then(|| Usage {
        process: Arc::new(process(name, user, same_process)),
        protocol,
        local_port: 40_000,
        remote: match ip.parse() {
            Ok(ip) => Remote::Address { ip, port },
            Err(_empty) => Remote::None,
        },
        sent_bytes: bytes(sent),
        received_bytes: bytes(received),
        first_activity: start,
        last_activity: start,
    })
}

/// Who an actor is, as far as such a process would be known.
fn process(name: &str, user: &str, number: u32) -> Process {
    let text = str::to_owned;
    let parent = |pid, name: &str| Parent {
        pid,
        name: name.to_owned(),
    };
    let plain = Process {
        id: ProcessId {
            pid: 1_200 + 37 * number,
            start_boottime_ns: u64::from(number) * 1_000_000_007,
            ..ProcessId::default()
        },
        name: text(name),
        app: text(name),
        exe: Some(format!("/usr/bin/{name}")),
        uid: Some(1_000),
        user: Some(text(user)),
        gid: Some(1_000),
        parents: vec![parent(1, "systemd")],
        network_namespace: Some(4_026_531_840),
        attribution: Attribution::Kernel,
        ..Process::default()
    };
    let container = |id: &str| {
        let (runtime, id) = (Runtime::Docker, id.repeat(4) + "00000000");
        Some(Container { runtime, id })
    };
    match name {
        "firefox" | "Isolated Web Co" | "Socket Process" => Process {
            app: text("firefox"),
            exe: Some(text("/usr/lib/firefox/firefox-bin")),
            command_line: Some(match name {
                "firefox" => text("/usr/lib/firefox/firefox-bin --new-window https://example.org/"),
                _ => format!(
                    "/usr/lib/firefox/firefox-bin -contentproc -childID {number} -isForBrowser \
                     -prefsLen 36481 -prefMapSize 258374 -jsInitLen 234780 -parentBuildID \
                     20261105143211 -sandboxReporter 0 -appDir /usr/lib/firefox/browser tab"
                ),
            }),
            parents: vec![
                parent(2_210, "gnome-shell"),
                parent(1_043, "systemd"),
                parent(1, "systemd"),
            ],
            unit: Some(text("app-gnome-firefox-1200.scope")),
            cgroup: Some(text(
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-1200.scope",
            )),
            ..plain
        },
        "postgres" | "node" => Process {
            command_line: Some(match name {
                "node" => text("node --enable-source-maps server.js --token=***"),
                _ => text("postgres: walsender replicator 10.0.3.7"),
            }),
            container: container("3f2a9c1b7d5561"),
            cgroup: Some(format!(
                "/system.slice/docker-{}.scope",
                "3f2a9c1b7d5561".repeat(4)
            )),
            network_namespace: Some(4_026_532_517),
            parents: vec![parent(830, "containerd-shim"), parent(1, "systemd")],
            ..plain
        },
        "python3" => Process {
            command_line: Some(text("python3 -m http.server 8080")),
            parents: vec![parent(3_301, "bash"), parent(3_298, "tmux: server")],
            attribution: Attribution::Proc,
            ..plain
        },
        "curl" => Process {
            exe: None,
            parents: Vec::new(),
            attribution: Attribution::Name,
            ..plain
        },
        "wireguard-tool-with-long-name" => Process {
            tunnel: true,
            unit: Some(text("wg-quick@wg0.service")),
            ..plain
        },
        "<script>alert(1)" => Process {
            command_line: Some(text(
                "<script>alert(1)</script> <img src=x onerror=alert(2)>",
            )),
            ..plain
        },
        _ => Process {
            command_line: Some(format!("/usr/bin/{name}")),
            unit: Some(format!("{name}.service")),
            cgroup: Some(format!("/system.slice/{name}.service")),
            ..plain
        },
    }
}

fn health(time: Timestamp, degraded: bool) -> HealthReport {
    let mut losses = Losses::default();
    let degradation = Degradation {
        code: "cgroup_hooks_missing".to_owned(),
        summary: "UDP remotes are unresolved for receives without an address.".to_owned(),
        remedy: "grant CAP_NET_ADMIN".to_owned(),
    };
    if degraded {
        let count = LossCount {
            events: 12,
            sent_bytes: 0,
            received_bytes: 48_213,
        };
        losses.add(LossReason::FlowsFull, count);
        losses.add(LossReason::RemoteUnresolved, count);
    }
    HealthReport {
        time,
        source: "network".to_owned(),
        backend: "tracepoint".to_owned(),
        kernel: "6.18.0".to_owned(),
        programs: vec![ProgramStats {
            hook: "sock_send_length".to_owned(),
            runs: 0,
            run_time_ns: 0,
            recursion_misses: 0,
            instructions: 1_234,
            memory_bytes: 20_480,
        }],
        degradations: if degraded {
            vec![degradation]
        } else {
            Vec::new()
        },
        losses,
        windows: 1,
        flows: ACTORS.len() as u64,
        flows_capacity: 65_536,
        drain_ms: 0.4,
        load_ms: 38.5,
    }
}

#[expect(clippy::disallowed_methods, reason = "the demo plays now")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "9797".to_owned());
    let degraded = std::env::args().any(|argument| argument == "degraded");
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("demo.db");
    let live = Live::new();

    let config = SqliteConfig {
        path: Some(path.clone()),
        flush_interval_secs: 1.0,
        ..SqliteConfig::default()
    };
    let context = SinkContext {
        key: "history".into(),
    };
    let (history, _healthcheck) = config
        .build(context)
        .await
        .map_err(|error| anyhow::anyhow!(error))?;
    let (mut to_history, history_input) = futures::channel::mpsc::channel(16);
    let (mut to_live, live_input) = futures::channel::mpsc::channel(16);
    let sinks = [
        tokio::spawn(history.run(history_input.boxed())),
        tokio::spawn(live.sink().run(live_input.boxed())),
    ];

    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let state = ApiState {
        live,
        database: Some(path),
        roster: Arc::default(),
        reloads: Arc::default(),
        started: now(),
        token: None,
        limit: None,
    };
    let doors = Doors {
        network: listener,
        socket: None,
    };
    let stop = async {
        // Without a handler for it, ctrl-c ends the demo all the same.
        drop(tokio::signal::ctrl_c().await);
    };
    let serving = tokio::spawn(serve(doors, state, stop));

    let begun = now();
    for ago in (1..3_600 / 5).rev() {
        let start = begun - SignedDuration::from_secs(5 * ago);
        to_history
            .send(Event::Usage(Arc::new(batch(start, 5))))
            .await?;
    }
    for ago in (1..=90).rev() {
        let start = begun - SignedDuration::from_secs(ago);
        to_live
            .send(Event::Usage(Arc::new(batch(start, 1))))
            .await?;
    }
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    while !serving.is_finished() {
        tick.tick().await;
        let start = now() - SignedDuration::from_secs(1);
        let usage = Event::Usage(Arc::new(batch(start, 1)));
        to_history.send(usage.clone()).await?;
        let report = Event::Health(Arc::new(health(start, degraded)));
        to_live
            .send_all(&mut stream::iter([Ok(usage), Ok(report)]))
            .await?;
    }
    drop((to_history, to_live));
    for sink in sinks {
        sink.await?
            .map_err(|()| anyhow::anyhow!("a sink ended by a bug"))?;
    }
    Ok(())
}
