//! `GET /metrics`: counters since start, for Prometheus and whatever reads its text format.

mod components;
mod exposition;
mod sinks;

use std::sync::Arc;

use nettally_source::{LossCount, Losses};
use nettally_sqlite_sink::StoreStats;
use warp::http::Method;
use warp::http::header::CONTENT_TYPE;
use warp::reply::{Reply as _, Response};

use super::api::Api;
use super::counts::Counted;
use super::endpoint::{Access, Content, Endpoint, Request, no_parameters};
use super::error::ApiError;
use crate::cardinality::{Row, Total, Totals};
use crate::live::Moved;
use exposition::{Exposition, Kind};

const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/metrics",
    summary: "Counters since start, in Prometheus' text format",
    parameters: no_parameters,
    example: "",
    content: Content::Text(&["text/plain"]),
    is_past: false,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    request.params()?;
    // A file that cannot be read just now has no samples; health says why.
    let stored = api.database.ask(|reader| reader.stats()).await.ok();
    Ok(warp::reply::with_header(text(&api, stored.as_ref()), CONTENT_TYPE, FORMAT).into_response())
}

fn text(api: &Api, stored: Option<&StoreStats>) -> String {
    let mut text = Exposition::default();
    api.live.read_totals(|totals| moved(&mut text, totals));
    program(&mut text, api);
    sources(&mut text, api);
    sinks::write(&mut text, &api.roster.sinks());
    components::write(&mut text, api);
    losses(&mut text, api);
    if let Some(stored) = stored {
        database(&mut text, stored);
    }
    requests(&mut text, api);
    text.finish()
}

/// What was moved. A protocol over which a series moved nothing has no counters.
fn moved(text: &mut Exposition, totals: &Totals) {
    let told = totals.told();
    directions(
        text,
        "host_process_network_transmit_bytes_total",
        "Payload bytes that these processes sent. Sum without packet, which holds what others do.",
        totals,
        &told,
        |moved| moved.sent_bytes,
    );
    directions(
        text,
        "host_process_network_receive_bytes_total",
        "Payload bytes that these processes received. Sum without packet, which holds what others do.",
        totals,
        &told,
        |moved| moved.received_bytes,
    );
    let mut set_aside = text.family(
        "nettally_metrics_set_aside_bytes",
        Kind::Gauge,
        "Bytes of series that are not shown now, as larger ones are or they were silent: with those shown, all that was moved.",
    );
    let aside: Moved = totals.set_aside().into_iter().sum();
    for (direction, bytes) in [
        ("transmit", aside.sent_bytes),
        ("receive", aside.received_bytes),
    ] {
        set_aside.sample(&[("direction", direction)], bytes);
    }
}

fn directions(
    text: &mut Exposition,
    name: &str,
    help: &str,
    totals: &Totals,
    told: &[Total],
    bytes: impl Fn(&Moved) -> u64,
) {
    let mut family = text.family(name, Kind::Counter, help);
    for total in told {
        for Row { protocol, moved } in totals.labels().rows(&total.protocols) {
            let group = total.labels(totals.labels());
            let labels: Vec<_> = group
                .map(|(label, value)| (label.name(), value))
                .chain(protocol.map(|protocol| ("protocol", protocol.name())))
                .collect();
            family.sample(&labels, bytes(&moved));
        }
    }
}

fn program(text: &mut Exposition, api: &Api) {
    text.family("nettally_build_info", Kind::Gauge, "Which build this is.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.family(
        "nettally_start_time_seconds",
        Kind::Gauge,
        "When counting began, in Unix time.",
    )
    .sample(&[], api.started.as_second());
}

/// How each source is doing.
fn sources(text: &mut Exposition, api: &Api) {
    let reports = api.live.reports();
    let mut info = text.family(
        "nettally_source_info",
        Kind::Gauge,
        "How a source counts, and on which kernel.",
    );
    for report in &reports {
        let labels = [
            ("source", &*report.source),
            ("backend", &*report.backend),
            ("kernel", &*report.kernel),
        ];
        info.sample(&labels, 1);
    }
    let mut degraded = text.family(
        "nettally_source_degraded",
        Kind::Gauge,
        "1 for everything that a source does not see.",
    );
    for report in &reports {
        for degradation in &report.degradations {
            let labels = [("source", &*report.source), ("code", &*degradation.code)];
            degraded.sample(&labels, 1);
        }
    }
    let mut windows = text.family(
        "nettally_source_windows_total",
        Kind::Counter,
        "Windows that a source has delivered.",
    );
    for report in &reports {
        windows.sample(&[("source", &report.source)], report.windows);
    }
    let mut flows = text.family(
        "nettally_source_flows",
        Kind::Gauge,
        "Flows in the last window.",
    );
    for report in &reports {
        flows.sample(&[("source", &report.source)], report.flows);
    }
    let mut capacity = text.family(
        "nettally_source_flows_capacity",
        Kind::Gauge,
        "Flows that fit into the kernel's table in one window.",
    );
    for report in &reports {
        capacity.sample(&[("source", &report.source)], report.flows_capacity);
    }
    let mut drain = text.family(
        "nettally_source_drain_seconds",
        Kind::Gauge,
        "How long the last reading of the kernel's table took.",
    );
    for report in &reports {
        drain.sample(&[("source", &report.source)], report.drain_ms / 1000.0);
    }
}

/// The state of the file.
fn database(text: &mut Exposition, stored: &StoreStats) {
    let StoreStats {
        path: _,
        size_bytes,
        rows,
        oldest: _,
        flushed_until,
    } = stored;
    text.family(
        "nettally_database_size_bytes",
        Kind::Gauge,
        "Bytes of the database on disk, with its write-ahead log.",
    )
    .sample(&[], size_bytes);
    text.family(
        "nettally_database_rows",
        Kind::Gauge,
        "Rows of single windows in the database; those of longer spans come on top.",
    )
    .sample(&[], rows);
    let mut until = text.family(
        "nettally_database_stored_until_timestamp_seconds",
        Kind::Gauge,
        "End of the newest window in the database, in Unix time.",
    );
    if let Some(end) = flushed_until {
        until.sample(&[], end.as_second());
    }
}

/// What was lost in each source and sink, since start.
fn losses(text: &mut Exposition, api: &Api) {
    let sources = api.live.reports();
    let sources = sources
        .iter()
        .map(|report| ("source", report.source.clone(), report.losses.clone()));
    let gaps = api.roster.sources().into_iter();
    let gaps = gaps.map(|source| ("source", source.name, source.routes.losses()));
    let sinks = api.roster.sinks();
    let sinks = sinks
        .iter()
        .map(|sink| ("sink", sink.name().to_owned(), sink.losses()));
    let all: Vec<(&str, String, Losses)> = sources.chain(gaps).chain(sinks).collect();
    let rows = || {
        all.iter().flat_map(|(kind, name, losses)| {
            losses.0.iter().map(move |(reason, count)| {
                let labels = [
                    ("kind", *kind),
                    ("component", name.as_str()),
                    ("reason", reason.name()),
                ];
                (labels, *count)
            })
        })
    };
    let mut events = text.family(
        "nettally_losses_total",
        Kind::Counter,
        "How often something was lost, or not attributed in full.",
    );
    for (labels, count) in rows() {
        events.sample(&labels, count.events);
    }
    let mut bytes = text.family(
        "nettally_loss_bytes_total",
        Kind::Counter,
        "Bytes that were lost, or not attributed in full, where their number is known.",
    );
    for ([kind, component, reason], count) in rows() {
        let LossCount {
            events: _,
            sent_bytes,
            received_bytes,
        } = count;
        for (direction, count) in [("transmit", sent_bytes), ("receive", received_bytes)] {
            bytes.sample(&[kind, component, reason, ("direction", direction)], count);
        }
    }
}

/// How requests are answered.
fn requests(text: &mut Exposition, api: &Api) {
    let Counted {
        requests,
        limited_requests,
        connections,
        closed_idle_connections,
        failed_exports,
    } = api.counts.told();
    for (name, help, value) in [
        (
            "nettally_api_requests_total",
            "Requests, those that were refused included.",
            requests,
        ),
        (
            "nettally_api_limited_requests_total",
            "Requests that were refused, as their address had sent too many.",
            limited_requests,
        ),
        (
            "nettally_api_closed_idle_connections_total",
            "Connections that were closed while nothing was asked on them, to make room for another.",
            closed_idle_connections,
        ),
        (
            "nettally_api_failed_exports_total",
            "Exports that ended early, by an error or because their reader was gone or too slow.",
            failed_exports,
        ),
    ] {
        text.family(name, Kind::Counter, help).sample(&[], value);
    }
    text.family(
        "nettally_api_connections",
        Kind::Gauge,
        "Connections that are open.",
    )
    .sample(&[], connections);
}

#[cfg(test)]
mod tests;
