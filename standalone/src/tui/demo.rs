//! The screen with a made-up source, for the tests in a real terminal and for a person to look at:
//! `cargo test -p nettally --lib tui::demo -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use nettally_source::{
    Event, LossCount, LossReason, Problem, Process, Result, Source, SourceConfig, SourceContext,
    UsageBatch,
};

use super::testing::{Dice, batch, health, process, tcp, udp};

#[derive(Debug)]
struct MadeUp;

#[async_trait]
impl SourceConfig for MadeUp {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn build(&self, cx: SourceContext) -> Result<Source> {
        Ok(run(cx).map(Ok).boxed())
    }
}

async fn run(cx: SourceContext) {
    let SourceContext {
        key: _,
        shutdown,
        mut out,
    } = cx;
    let mut shutdown = shutdown.fuse();
    let mut ticks = tokio::time::interval(Duration::from_secs(window_secs()));
    let mut dice = Dice(1);
    for second in 0.. {
        if std::env::var_os("DEMO_PANIC").is_some() && second == 2 {
            panic!("the made-up source fails as it was asked to");
        }
        let mut report = health();
        if second > 20 {
            report.losses.add(
                LossReason::RemoteUnresolved,
                LossCount {
                    events: 3,
                    sent_bytes: 0,
                    received_bytes: 1200,
                },
            );
        }
        let events = vec![
            Event::Usage(Arc::new(made_up(second, &mut dice))),
            Event::Health(Arc::new(report)),
        ];
        if out.send_batch(events).await.is_err() {
            return;
        }
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut shutdown => return,
        }
    }
}

/// Seconds between two windows.
fn window_secs() -> u64 {
    let asked = std::env::var("DEMO_WINDOW_SECS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn made_up(second: i64, dice: &mut Dice) -> UsageBatch {
    let mut usage = Vec::new();
    let us = std::process::id();
    let names = [
        "firefox",
        "Web Content",
        "rsync",
        "sshd",
        "dnsmasq",
        "postgres",
        "nginx",
        "nginx",
        "python3",
        "漢字プロセス",
        "chronyd",
        "containerd",
        "\u{1b}[31mevil",
        "kube-apiserver",
        "a\u{202e}b",
        "systemd-resolve",
        "node",
        "java",
        "redis-server",
        "prometheus",
    ];
    for (pid, name) in (1..).zip(names) {
        // Real numbers, so that most of them live.
        let process = Arc::new(Process {
            id: nettally_source::ProcessId {
                pid: us + pid * 37,
                start_boottime_ns: 0,
                ..nettally_source::ProcessId::default()
            },
            ..(*process(pid, name)).clone()
        });
        let scale = 1_u64 << (2 * (pid % 12));
        if dice.roll(4) > 0 {
            let remote = format!("203.0.113.{}:443", dice.roll(20) + 1);
            usage.push(tcp(
                &process,
                &remote,
                dice.roll(40 * scale),
                dice.roll(90 * scale),
            ));
        }
        if pid % 3 == 0 {
            let remote = "[2001:db8:85a3::8a2e:370:7334]:53";
            usage.push(udp(
                &process,
                remote,
                dice.roll(scale),
                dice.roll(9 * scale),
            ));
        }
    }
    batch(second, usage)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a terminal; run by the tests in `in_terminal`"]
async fn top() {
    let asked = |name| std::env::var_os(name).is_some();
    let options = super::TopOptions {
        once: asked("DEMO_ONCE"),
        json: asked("DEMO_JSON"),
        filter: None,
        filter_text: String::new(),
        interval: Duration::from_secs(1),
    };
    super::run(&MadeUp, options).await.unwrap();
}
