//! Writes made-up traffic as fast as it can be stored, then asks the questions people ask most.
//!
//! `cargo run --release -p nettally-sqlite-sink --example history -- FILE [WINDOWS [FLOWS [STEP]]]`
//! stores `FLOWS` flows (default 1000) in each of `WINDOWS` windows (default 5000) of `STEP` seconds
//! (default 1), and keeps all of them.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use nettally_source::pipeline::{
    ComponentKey, Event, Losses, Process, ProcessId, Protocol, Remote, StreamSink as _, Usage,
    UsageBatch, Window,
};
use nettally_sqlite_sink::{
    Field, Order, Reader, RetentionConfig, SeriesQuery, SqliteConfig, TimeRange, UsageQuery,
    WriterCounters,
};

/// When the made-up history begins, in Unix seconds.
const BEGIN: i64 = 1_790_000_000;

#[expect(clippy::print_stdout, reason = "an example shows its results")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(
        arguments
            .next()
            .ok_or("usage: history FILE [WINDOWS [FLOWS [STEP]]]")?,
    );
    let windows: i64 = arguments.next().map_or(Ok(5000), |text| text.parse())?;
    let flows: u32 = arguments.next().map_or(Ok(1000), |text| text.parse())?;
    let step: i64 = arguments.next().map_or(Ok(1), |text| text.parse())?;

    let begin = Instant::now();
    let written = write(&path, windows, flows, step)?;
    let elapsed = begin.elapsed().as_secs_f64();
    let stats = Reader::open(&path)?.stats()?;
    println!(
        "{} rows in {elapsed:.1} s, {} bytes on disk",
        stats.rows, stats.size_bytes
    );
    println!(
        "{} rollups to {} rows, the last in {:.0} ms",
        written.rollups, written.rollup_rows, written.last_rollup_ms
    );

    let range = TimeRange {
        since: Timestamp::from_second(BEGIN)?,
        until: Timestamp::from_second(BEGIN + windows * step)?,
    };
    for (group_by, filter) in [
        (&[][..], ""),
        (&[Field::Process], ""),
        (&[Field::Process, Field::Pid, Field::Protocol], ""),
        (&[Field::RemoteIp], ""),
        (&[Field::RemoteIp, Field::RemotePort], "process=process-7"),
        (
            &[Field::Process],
            "remote_ip in 10.0.0.0/16 and protocol=udp",
        ),
        (&[Field::Process], "process~ess-1 or exe~bin/process-2"),
    ] {
        let query = UsageQuery {
            range,
            group_by: group_by.to_vec(),
            filter: (!filter.is_empty()).then(|| filter.parse()).transpose()?,
            order: Order::default(),
            limit: Some(20),
            offset: 0,
        };
        let begin = Instant::now();
        let answer = Reader::open(&path)?.usage(&query)?;
        let names = group_by
            .iter()
            .map(|field| field.name())
            .collect::<Vec<_>>()
            .join(", ");
        println!(
            "by ({names}) where ({filter}): {:?}, {} bytes sent",
            begin.elapsed(),
            answer.total.sent_bytes
        );
    }
    let step_secs = if windows * step > 172_800 { 3600 } else { 60 };
    let query = SeriesQuery {
        range,
        step_secs,
        group_by: Some(Field::Process),
        filter: None,
        limit: Some(8),
    };
    let begin = Instant::now();
    let answer = Reader::open(&path)?.series(&query)?;
    println!(
        "{} series in steps of {step_secs} s: {:?}",
        answer.series.len(),
        begin.elapsed()
    );
    Ok(())
}

/// Opens the sink as a pipeline would, and lets it run until its input ends.
fn write(
    path: &Path,
    windows: i64,
    flows: u32,
    step: i64,
) -> Result<WriterCounters, Box<dyn Error>> {
    let config = SqliteConfig {
        path: Some(path.to_owned()),
        retention: RetentionConfig {
            raw_hours: None,
            minute_days: None,
            hour_days: None,
            day_days: None,
            month_days: None,
        },
        ..SqliteConfig::default()
    };
    let (sink, stats) = config.open(&ComponentKey::from("history"))?;
    let processes: Vec<Arc<Process>> = (0..150).map(|pid| Arc::new(process(pid))).collect();
    let events = stream::iter(0..windows)
        .map(move |window| Event::Usage(Arc::new(batch(window * step, step, flows, &processes))));
    tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()?
        .block_on(Box::new(sink.of_simulated_time()).run(events.boxed()))
        .map_err(|()| "the sink ended by a bug")?;
    Ok(stats.snapshot())
}

fn process(pid: u32) -> Process {
    Process {
        id: ProcessId {
            pid: pid + 1000,
            start_boottime_ns: u64::from(pid),
            ..ProcessId::default()
        },
        name: format!("process-{pid}"),
        exe: Some(format!("/usr/bin/process-{pid}")),
        uid: Some(1000),
        user: Some("ada".to_owned()),
        ..Process::default()
    }
}

/// Flows that change slowly from one second to the next, spread over some 20 000 remotes.
fn batch(second: i64, length: i64, flows: u32, processes: &[Arc<Process>]) -> UsageBatch {
    let at = |second: i64| Timestamp::from_second(BEGIN + second).unwrap_or(Timestamp::MAX);
    let usage = (0..flows).map(|flow| {
        let turn = u32::try_from(second / 30).unwrap_or(u32::MAX);
        let chance = flow
            .wrapping_add(turn.wrapping_mul(17))
            .wrapping_mul(2_654_435_761);
        let sent_bytes = u64::from(chance >> 12);
        Usage {
            process: Arc::clone(&processes[chance as usize % processes.len()]),
            protocol: if chance % 5 == 0 {
                Protocol::Udp
            } else {
                Protocol::Tcp
            },
            local_port: 32_768 + (flow % 28_000) as u16,
            remote: Remote::Address {
                ip: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + chance % 20_000 * 13)),
                port: if chance % 3 == 0 { 80 } else { 443 },
            },
            sent_bytes,
            received_bytes: sent_bytes * 7,
            first_activity: at(second),
            last_activity: at(second),
        }
    });
    UsageBatch {
        window: Window {
            start: at(second),
            end: at(second + length),
        },
        usage: usage.collect(),
        losses: Losses::default(),
    }
}
