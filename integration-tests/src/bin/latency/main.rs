//! How soon the HTTP API answers from a long history while the daemon measures and writes, and
//! whether a thousand requests a second hold up its readings. Prints figures and judges none. Run by
//! `cargo xtask latency`; the requests are made by `hey`.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

mod load;
mod windows;

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::require_root;

use load::Load;

/// How soon the HTTP API answers from a long history.
#[derive(Parser)]
struct Arguments {
    /// A database; a copy of it is used.
    #[arg(long)]
    history: PathBuf,
    /// How long each kind of request is made.
    #[arg(long, default_value_t = 20)]
    secs: u64,
    /// Requests a second where a thousand are asked for.
    #[arg(long, default_value_t = 1000)]
    many: u32,
}

/// Flows that are active in every second, so that there is something to write.
const FLOWS_A_SECOND: u16 = 200;

/// Requests a second where the answer's time is what is asked for.
const FEW: u32 = 10;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1440 * MINUTE_MS;

/// What is asked, over which time, by how many a second.
const QUESTIONS: [(&str, &str, i64); 6] = [
    (
        "last hour by process",
        "usage?group_by=process",
        60 * MINUTE_MS,
    ),
    ("last day by process", "usage?group_by=process", DAY_MS),
    (
        "last 30 days by process",
        "usage?group_by=process",
        30 * DAY_MS,
    ),
    (
        "last year by process",
        "usage?group_by=process",
        365 * DAY_MS,
    ),
    (
        "last day by remote address",
        "usage?group_by=remote_ip",
        DAY_MS,
    ),
    (
        "last year by day, lines by process",
        "series?group_by=process&step=1d",
        365 * DAY_MS,
    ),
];

fn main() -> Result<()> {
    let Arguments {
        history,
        secs,
        many,
    } = Arguments::parse();
    require_root();
    let length = Duration::from_secs(secs);
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("history.db");
    std::fs::copy(&history, &copy)
        .with_context(|| format!("cannot copy the history {}", history.display()))?;
    let until_ms = windows::newest_ms(&copy)?;

    let mut daemon = Daemon::start(&Setup {
        api: vec![
            "requests_per_second: null".to_owned(),
            "request_burst: 100000".to_owned(),
        ],
        // Nothing of what is asked is to grow old meanwhile.
        history: vec![
            format!("path: {}", copy.display()),
            "retention: { raw_hours: null, minute_days: null, hour_days: null }".to_owned(),
        ],
        scrape_interval_secs: 1.0,
        flush_interval_secs: 5.0,
        ..Setup::default()
    });
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| traffic(&stop));
        let asked = ask(&daemon, &copy, until_ms, length, many);
        stop.store(true, Ordering::Relaxed);
        traffic
            .join()
            .map_err(|_panic| anyhow::anyhow!("the traffic ended before its time"))??;
        asked
    })?;
    daemon.stop();
    Ok(())
}

fn ask(daemon: &Daemon, database: &Path, until_ms: i64, length: Duration, many: u32) -> Result<()> {
    let url = |path: &str, span_ms: i64| {
        format!(
            "http://{}/api/v1/{path}&since={}&until={}",
            daemon.api,
            windows::instant(until_ms - span_ms),
            windows::instant(until_ms),
        )
    };
    println!(
        "{FLOWS_A_SECOND} active flows a second are written; each kind of request for {length:?}"
    );
    println!("requests, {FEW} a second");
    for (name, path, span_ms) in QUESTIONS {
        let load = Load::run(&url(path, span_ms), FEW, 1, length)?;
        println!("    {name:36} {load}");
    }
    println!("readings of the kernel's counters, each due a second after the last");
    let quiet = windows::watched(database, length, || {
        std::thread::sleep(length);
        Ok(())
    })?;
    println!("    {:36} {}", "no requests", quiet.1);
    for (name, path, span_ms) in [QUESTIONS[0], QUESTIONS[1]] {
        let (load, ticks) = windows::watched(database, length, || {
            Load::run(&url(path, span_ms), many, 20, length)
        })?;
        println!("    {name:36} {ticks}");
        println!("        meanwhile {many} requests a second were wanted: {load}");
    }
    Ok(())
}

/// Flows that are active in every second.
fn traffic(stop: &AtomicBool) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    while !stop.load(Ordering::Relaxed) {
        let second = Instant::now();
        for flow in 0..FLOWS_A_SECOND {
            // Nobody listens there; another flow is all it has to be.
            let _refused_by_icmp = socket.send_to(b"x", ("127.0.0.1", 20_000 + flow));
        }
        std::thread::sleep(Duration::from_secs(1).saturating_sub(second.elapsed()));
    }
    Ok(())
}
