//! How many events each encoder writes in a second, on one core:
//! `cargo run --release -p nettally --example series`. An event of metrics is a counter of one
//! direction; what `top` folds away was looked at too, but is not an event.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use nettally::cardinality::{Label, SeriesConfig, Totals};
use nettally::encode::{Encoder, Format, Origin, Telemetry, protobuf};
use nettally::otlp::{self, Temporality};
use nettally::statsd::{self, StatsdConfig, Tags};
use nettally_source::{
    Event, Losses, Process, ProcessId, Protocol, Remote, Usage, UsageBatch, Window,
};

/// Processes, each with one flow, so that there are as many records as pairs of counters.
const PROCESSES: u32 = 1_000;

/// Windows that are encoded.
const WINDOWS: u32 = 200;

#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
fn main() -> anyhow::Result<()> {
    let origin = Origin {
        host: "host.example".to_owned(),
        pid: 1,
    };
    let batch = Arc::new(window()?);
    let event = Event::Usage(Arc::clone(&batch));
    for (name, series) in all_series() {
        metrics(&name, &series, &batch)?;
    }
    for telemetry in [Telemetry::Metrics, Telemetry::Logs] {
        let mut encoder = protobuf::Encoder::new(telemetry, origin.clone());
        let figures = measured(|| {
            let sizes = encoder.pushed(&event).map(|pushed| pushed.request.len());
            sizes.fold((0, 0), |(events, bytes), size| (events + 1, bytes + size))
        });
        println!("protobuf, {telemetry:?}: {figures}");
    }
    for (format, telemetry) in [
        (Format::NativeJson, Telemetry::Metrics),
        (Format::NativeJson, Telemetry::Logs),
        (Format::Json, Telemetry::Logs),
    ] {
        let mut encoder = Encoder::of(format, telemetry, origin.clone());
        let figures = measured(|| {
            let sizes = encoder.lines(&event).map(|line| line.len());
            sizes.fold((0, 0), |(events, bytes), size| (events + 1, bytes + size))
        });
        println!("{format:?}, {telemetry:?}: {figures}");
    }
    Ok(())
}

/// From the usual series to the costliest.
fn all_series() -> Vec<(String, SeriesConfig)> {
    let labels = vec![Label::Process, Label::User, Label::Remote, Label::Protocol];
    let by_remote = SeriesConfig {
        labels,
        ..SeriesConfig::default()
    };
    let top = |top, series: &SeriesConfig| SeriesConfig {
        top: Some(top),
        ..series.clone()
    };
    vec![
        ("process".to_owned(), SeriesConfig::default()),
        ("process, top 100".to_owned(), SeriesConfig::of_metrics()),
        ("process, user, remote".to_owned(), by_remote.clone()),
        (
            "process, user, remote, top 100".to_owned(),
            top(100, &by_remote),
        ),
    ]
}

/// The encoders of metrics.
#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
fn metrics(name: &str, series: &SeriesConfig, batch: &UsageBatch) -> anyhow::Result<()> {
    for tags in [Tags::None, Tags::DogStatsd] {
        let config = StatsdConfig {
            tags,
            series: series.clone(),
            ..StatsdConfig::default()
        };
        let encoder = statsd::Encoder::new(&config)?;
        let figures = measured(|| {
            let datagrams = encoder.encode(batch).into_iter();
            datagrams.fold((0, 0), |(events, bytes), datagram| {
                let more = usize::try_from(datagram.content.events).unwrap_or_default();
                (events + more, bytes + datagram.payload.len())
            })
        });
        println!("statsd, tags {tags:?}, {name}: {figures}");
    }
    for temporality in [Temporality::Delta, Temporality::Cumulative] {
        let mut encoder = otlp::Encoder::new(temporality, series.clone(), []);
        let figures = measured(|| {
            let parts = encoder.exported(batch).into_iter();
            parts.fold((0, 0), |(events, bytes), part| {
                let more = usize::try_from(part.content.events).unwrap_or_default();
                (events + more, bytes + part.request.len())
            })
        });
        println!("otlp, {temporality:?}, {name}: {figures}");
    }
    let mut totals = Totals::new(series);
    let figures = measured(|| {
        totals.add(batch);
        let told = totals.told().len();
        (2 * told, 0)
    });
    println!("sums for /metrics, {name}: {figures}");
    Ok(())
}

/// Encodes a window again and again; each time it tells of how many events and bytes.
#[expect(clippy::cast_precision_loss, reason = "shown without fraction")]
fn measured(mut encode: impl FnMut() -> (usize, usize)) -> String {
    let begun = Instant::now();
    let (mut events, mut bytes) = (0, 0);
    for _window in 0..WINDOWS {
        let (more_events, more_bytes) = encode();
        events += more_events;
        bytes += more_bytes;
    }
    let per_second = events as f64 / begun.elapsed().as_secs_f64();
    let size = bytes as f64 / events as f64;
    format!("{per_second:.0} events a second, {size:.0} bytes each")
}

fn window() -> anyhow::Result<UsageBatch> {
    let start = Timestamp::from_second(1_700_000_000).context("an instant of 2023")?;
    let end = start + SignedDuration::from_secs(1);
    let usage = (0..PROCESSES).map(|pid| {
        let id = ProcessId {
            pid,
            ..ProcessId::default()
        };
        Usage {
            process: Arc::new(Process {
                exe: Some(format!("/usr/bin/process-{pid}")),
                user: Some("ada".to_owned()),
                ..Process::named(id, format!("process-{pid}"))
            }),
            protocol: Protocol::Tcp,
            local_port: 40_000,
            remote: Remote::Address {
                ip: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + pid)),
                port: 443,
            },
            sent_bytes: 1_500,
            received_bytes: 20_000,
            first_activity: start,
            last_activity: start,
        }
    });
    Ok(UsageBatch {
        window: Window { start, end },
        usage: usage.collect(),
        losses: Losses::default(),
    })
}
