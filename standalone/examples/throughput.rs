//! How many events each encoder writes in a second, and how many go through each sink behind its
//! queue, to servers of this machine that take everything:
//! `cargo run --release -p nettally --example throughput`.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use jiff::{SignedDuration, Timestamp};
use nettally::app::{BuiltSink, Plan};
use nettally::config::{Overrides, parse};
use nettally::encode::{Encoder, Format, Origin, Telemetry, protobuf};
use nettally::topology::{Inlet, Queue, WhenFull};
use nettally_source::{
    Event, Losses, Process, ProcessId, Protocol, Remote, ShutdownSignal, Usage, UsageBatch, Window,
};
use tokio::net::TcpListener;

/// Processes, each with one flow, so that there are as many records as pairs of counters.
const PROCESSES: u32 = 1_000;

/// Windows that are encoded.
const WINDOWS: u32 = 200;

fn main() -> anyhow::Result<()> {
    encoders()?;
    tokio::runtime::Runtime::new()?.block_on(sinks())
}

/// Each sink, as a configuration has it, from its queue to its server or file.
async fn sinks() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = serve().await?;
    // Nobody reads; what the socket does not hold is dropped by the kernel.
    let statsd = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let file = folder.path().join("n.db");
    for options in [
        format!("type: sqlite, path: '{}'", file.display()),
        format!("type: statsd, address: '{}'", statsd.local_addr()?),
        format!("type: vector, address: '{server}', as: metrics"),
        format!("type: vector, address: '{server}', as: logs"),
        format!("type: vector, address: '{server}', as: logs, compression: none"),
        format!("type: http, uri: 'http://{server}/', encoding: ndjson"),
        format!("type: http, uri: 'http://{server}/', encoding: ndjson, compression: gzip"),
        format!("type: http, uri: 'http://{server}/', encoding: native_json, as: metrics"),
    ] {
        through(&options).await?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
#[expect(clippy::cast_precision_loss, reason = "shown without fraction")]
async fn through(options: &str) -> anyhow::Result<()> {
    let yaml = format!("sinks:\n  it: {{ {options} }}\n");
    let plan = Plan::from(parse(&yaml, "benchmark", &Overrides::default())?);
    let planned = plan.sinks.first().context("one sink")?;
    let built = planned
        .kind
        .build("it".into(), ShutdownSignal::never())
        .await;
    let BuiltSink { sink, delivery } = built.map_err(anyhow::Error::from_boxed)?;
    let delivery = delivery.context("every sink counts")?;
    let queue = Queue::new(
        NonZeroUsize::new(WINDOWS as usize).context("some")?,
        WhenFull::Block,
    );
    let inlet = Inlet::into(&queue);
    for second in 0..WINDOWS {
        inlet.put(Event::Usage(Arc::new(window(second)?)));
    }
    drop(inlet);
    let begun = Instant::now();
    sink.run(queue.outlet())
        .await
        .map_err(|()| anyhow::anyhow!("{options} failed"))?;
    let seconds = begun.elapsed().as_secs_f64();
    let counters = delivery.counters();
    println!(
        "{options}: {:.0} rows a second in, {:.0} events and {:.0} bytes a second out",
        queue.stats().taken.events as f64 / seconds,
        counters.sent.events as f64 / seconds,
        counters.sent_bytes as f64 / seconds,
    );
    Ok(())
}

/// Takes every request by HTTP/1, HTTP/2 and gRPC.
async fn serve() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _peer)) = listener.accept().await {
            let service = service_fn(take);
            tokio::spawn(async move {
                let connection = auto::Builder::new(TokioExecutor::new());
                connection
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    Ok(address)
}

async fn take(
    request: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    let (head, body) = request.into_parts();
    body.collect().await?;
    let kind = head.headers.get("content-type").cloned();
    let kind = kind.unwrap_or(HeaderValue::from_static("text/plain"));
    let (body, mut trailers) = (Full::from(vec![0; 5]), HeaderMap::new());
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let mut response = Response::new(body.with_trailers(async move { Some(Ok(trailers)) }));
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}

#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
fn encoders() -> anyhow::Result<()> {
    let origin = Origin {
        host: "host.example".to_owned(),
        pid: 1,
    };
    let event = Event::Usage(Arc::new(window(0)?));
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

/// The window of this second.
fn window(second: u32) -> anyhow::Result<UsageBatch> {
    let start =
        Timestamp::from_second(1_700_000_000 + i64::from(second)).context("an instant of 2023")?;
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
