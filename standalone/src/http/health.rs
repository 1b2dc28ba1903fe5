//! `GET health`: what is measured, what is missed, what was lost.

use std::sync::Arc;

use nettally_source::pipeline::schema::Instant;
use nettally_source::{
    ComponentCounters, Degradation, HealthReport, LossReason, Losses, ProgramStats,
};
use nettally_sqlite_sink::StoreStats;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};
use warp::http::Method;
use warp::reply::{Reply as _, Response};

use super::api::Api;
use super::counts::Counted;
use super::endpoint::{Access, Content, Endpoint, Request, no_parameters};
use super::error::ApiError;
use super::losses::ToldLosses;
use super::now;
use crate::config::ReloadStatus;
use crate::live::Kept;
use crate::topology::status::SinkStatus;
use crate::topology::{Gaps, SourceStatus};

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/health",
    summary: "What is measured, what is missed, what was lost",
    parameters: no_parameters,
    example: "",
    content: Content::Json(SchemaGenerator::subschema_for::<Health<'_>>),
    is_past: false,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    request.params()?;
    let reports = api.live.reports();
    let (sources, sinks) = (api.roster.sources(), api.roster.sinks());
    let health = Health {
        summary: Summary::of(&api),
        version: env!("CARGO_PKG_VERSION"),
        started: api.started,
        uptime_secs: now().duration_since(api.started).as_secs().max(0),
        programs: reports.iter().flat_map(|r| &r.programs).collect(),
        sources: reports
            .iter()
            .map(|report| SourceHealth::of(report, &sources))
            .collect(),
        sinks: sinks.iter().map(|sink| sink_health(&**sink)).collect(),
        reload: api.reloads.status(),
        live: api.live.kept(),
        api: api.counts.told(),
        database: database(&api).await,
    };
    Ok(warp::reply::json(&health).into_response())
}

/// The state of the file, or why it is not known; null without one.
async fn database(api: &Api) -> Value {
    match api.database.ask(|reader| reader.stats()).await {
        Ok(stats) => json!(stats),
        Err(ApiError::NoDatabase) => Value::Null,
        Err(error) => json!({ "error": error.with_causes() }),
    }
}

/// What a sink says of itself, with its name and losses.
fn sink_health(sink: &dyn SinkStatus) -> Value {
    let mut figures = Map::new();
    let status = sink.status();
    if let Some(said) = status.as_object() {
        figures.extend(said.clone());
    } else {
        figures.insert("status".to_owned(), status);
    }
    figures.insert("name".to_owned(), json!(sink.name()));
    figures.insert("losses".to_owned(), json!(ToldLosses::from(&sink.losses())));
    Value::Object(figures)
}

/// How complete the numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Nothing has been heard from a source yet.
    Starting,
    Ok,
    /// Something is not seen, bytes were lost, or detail is reduced where it need not be.
    Degraded,
}

/// The part of health that also goes with every live event.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Summary {
    status: Status,
    /// Null before the source has reported.
    backend: Option<String>,
    kernel: Option<String>,
    degradations: Vec<Degradation>,
    /// Since start, on the way from the kernel into every sink.
    losses: ToldLosses,
}

impl Summary {
    pub(super) fn of(api: &Api) -> Self {
        let reports = api.live.reports();
        let mut losses = Losses::default();
        for report in &reports {
            losses.merge(&report.losses);
        }
        for source in api.roster.sources() {
            losses.merge(&source.routes.losses());
        }
        for sink in api.roster.sinks() {
            losses.merge(&sink.losses());
        }
        let degradations: Vec<_> = reports
            .iter()
            .flat_map(|report| report.degradations.iter().cloned())
            .collect();
        let status = if reports.is_empty() {
            Status::Starting
        } else if degradations.is_empty() && !losses.0.keys().any(|reason| reason.is_trouble()) {
            Status::Ok
        } else {
            Status::Degraded
        };
        Self {
            status,
            backend: reports.first().map(|report| report.backend.clone()),
            kernel: reports.first().map(|report| report.kernel.clone()),
            degradations,
            losses: ToldLosses::from(&losses),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Health")]
struct Health<'a> {
    #[serde(flatten)]
    summary: Summary,
    version: &'static str,
    #[schemars(with = "Instant")]
    started: jiff::Timestamp,
    uptime_secs: i64,
    programs: Vec<&'a ProgramStats>,
    sources: Vec<SourceHealth<'a>>,
    /// What each sink says of itself.
    #[schemars(with = "Vec<Map<String, Value>>")]
    sinks: Vec<Value>,
    reload: ReloadStatus,
    live: Kept,
    /// How requests are answered.
    api: Counted,
    /// The state of the file, or why it is not known; null without one.
    #[schemars(with = "Option<DatabaseHealth>")]
    database: Value,
}

/// What `database` can be, for the document of the API.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "its schema is all that is used")]
enum DatabaseHealth {
    Known(StoreStats),
    Failed { error: String },
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SourceHealth")]
struct SourceHealth<'a> {
    name: &'a str,
    #[schemars(with = "Instant")]
    time: jiff::Timestamp,
    backend: &'a str,
    windows: u64,
    flows: u64,
    flows_capacity: u64,
    drain_ms: f64,
    load_ms: f64,
    /// Spans in which nothing was counted, as it was being restarted.
    gaps: Gaps,
    component: ComponentCounters,
}

impl<'a> SourceHealth<'a> {
    fn of(report: &'a HealthReport, running: &[SourceStatus]) -> Self {
        let HealthReport {
            time,
            source,
            backend,
            kernel: _,
            programs: _,
            degradations: _,
            losses,
            windows,
            flows,
            flows_capacity,
            drain_ms,
            load_ms,
        } = report;
        let routes = running.iter().find(|running| running.name == *source);
        let routes = routes.map(|running| &running.routes);
        let mut component = routes.map(|routes| routes.counters()).unwrap_or_default();
        component.discarded = losses.get(LossReason::NotDelivered);
        Self {
            gaps: routes.map(|routes| routes.gaps()).unwrap_or_default(),
            component,
            name: source,
            time: *time,
            backend,
            windows: *windows,
            flows: *flows,
            flows_capacity: *flows_capacity,
            drain_ms: *drain_ms,
            load_ms: *load_ms,
        }
    }
}
