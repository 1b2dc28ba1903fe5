//! What the daemon itself costs.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nettally_integration_tests::harness::daemon::{Daemon, Setup};

const FLOWS_A_SECOND: u16 = 1000;

/// Runs the daemon with the default intervals under 1 000 flows that are active in every second,
/// and prints its processor time and memory.
pub(crate) fn print(watch: Duration) -> Result<()> {
    let mut daemon = Daemon::start(&Setup {
        scrape_interval_secs: 1.0,
        flush_interval_secs: 5.0,
        ..Setup::default()
    });
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let start = Instant::now();
    let before = processor_seconds(daemon.pid())?;
    let mut flows = 0u64;
    while start.elapsed() < watch {
        let second = Instant::now();
        for flow in 0..FLOWS_A_SECOND {
            // Nobody listens there; another flow is all it has to be.
            let _refused_by_icmp = socket.send_to(b"x", ("127.0.0.1", 20_000 + flow));
            flows += 1;
        }
        thread::sleep(Duration::from_secs(1).saturating_sub(second.elapsed()));
    }
    let used = processor_seconds(daemon.pid())? - before;
    let percent = used * 100.0 / start.elapsed().as_secs_f64();
    println!("\nthe daemon at {FLOWS_A_SECOND} active flows a second ({flows} sends)");
    println!("    processor {percent:.2} % of one, {used:.2} s");
    for line in ["VmRSS", "VmHWM", "RssAnon"] {
        println!("    {line} {}", status(daemon.pid(), line)?);
    }
    daemon.stop();
    Ok(())
}

/// User and system time of a process.
fn processor_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; two numbers after the eleventh field behind it.
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().unwrap_or_default())
        .sum();
    // USER_HZ is 100 on every architecture that we build for.
    Ok(ticks / 100.0)
}

fn status(pid: u32, line: &str) -> Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))
        .with_context(|| format!("no {line} in status"))?;
    Ok(value.trim().to_owned())
}
