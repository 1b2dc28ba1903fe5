//! Windows of usage as requests. Pure.

use jiff::{SignedDuration, Timestamp};
use nettally_source::{LossCount, UsageBatch};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::attributes::{attributes, text, transport};
use super::config::Temporality;
use crate::cardinality::{ByProtocol, Labels, Row, SeriesConfig, Totals, groups};
use crate::live::Moved;

/// The metric, of which the direction is an attribute.
const NAME: &str = "process.network.io";

/// Points of one request at most.
const POINTS: usize = 1_000;

/// Sums are told again this often if they do not change, so that no server takes them for gone.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// A request, and what is lost if it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Requests one after the other are one request with all that is in them.
    pub request: Vec<u8>,
    /// Its points, and the bytes that they add. Sums add none: the next ones have all again.
    pub content: LossCount,
}

/// Turns windows into requests.
#[derive(Debug)]
pub struct Encoder {
    resource: Resource,
    series: SeriesConfig,
    labels: Labels,
    told: Told,
}

#[derive(Debug)]
enum Told {
    Increments,
    Sums { totals: Box<Totals>, all: Timestamp },
}

/// A point with what it adds.
type Point = (NumberDataPoint, LossCount);

impl Encoder {
    /// Nothing told yet; `resource` is what is said of this machine, beside the name of this
    /// program.
    #[must_use]
    pub fn new<'a>(
        temporality: Temporality,
        series: SeriesConfig,
        resource: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let ours = [
            ("service.name", env!("CARGO_PKG_NAME")),
            ("service.version", env!("CARGO_PKG_VERSION")),
        ];
        let all = ours.into_iter().chain(resource);
        let attributes = all
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| text(key, value));
        Self {
            resource: Resource {
                attributes: attributes.collect(),
                ..Resource::default()
            },
            labels: series.labels(),
            told: match temporality {
                Temporality::Delta => Told::Increments,
                Temporality::Cumulative => Told::Sums {
                    totals: Box::new(Totals::new(&series)),
                    all: Timestamp::MIN,
                },
            },
            series,
        }
    }

    /// What is told of one window.
    pub fn exported(&mut self, batch: &UsageBatch) -> Vec<Exported> {
        let Self {
            resource,
            series,
            labels,
            told,
        } = self;
        let (temporality, points) = match told {
            Told::Increments => (
                AggregationTemporality::Delta,
                increments(batch, series, labels),
            ),
            Told::Sums { totals, all } => {
                totals.add(batch);
                let is_due = batch.window.end.duration_since(*all) >= AGAIN;
                if is_due {
                    *all = batch.window.end;
                }
                let points = sums(batch.window.end, totals, is_due);
                (AggregationTemporality::Cumulative, points)
            }
        };
        points
            .chunks(POINTS)
            .map(|points| exported(resource, temporality, points))
            .collect()
    }
}

fn increments(batch: &UsageBatch, series: &SeriesConfig, labels: &Labels) -> Vec<Point> {
    let mut points = Vec::new();
    for group in groups(&batch.usage, series, labels) {
        let attributes = group
            .labels(labels)
            .flat_map(|(label, value)| attributes(label, value))
            .collect();
        let span = Span {
            start: batch.window.start,
            end: batch.window.end,
        };
        let all = span.points(attributes, &group.protocols, labels);
        points.extend(
            all.into_iter()
                .filter(|(_, content)| content.sent_bytes | content.received_bytes > 0),
        );
    }
    points
}

/// Those that grew in the window that ends now, or all.
fn sums(now: Timestamp, totals: &Totals, all: bool) -> Vec<Point> {
    let labels = totals.labels();
    let mut points = Vec::new();
    for total in totals.told() {
        if !all && total.changed != now {
            continue;
        }
        let attributes = total
            .labels(labels)
            .flat_map(|(label, value)| attributes(label, value))
            .collect();
        let span = Span {
            start: total.since,
            end: now,
        };
        let told = span.points(attributes, &total.protocols, labels);
        points.extend(told.into_iter().map(|(point, content)| {
            let content = LossCount {
                events: content.events,
                ..LossCount::default()
            };
            (point, content)
        }));
    }
    points
}

/// What points are about.
struct Span {
    start: Timestamp,
    end: Timestamp,
}

impl Span {
    fn points(&self, group: Vec<KeyValue>, moved: &ByProtocol, labels: &Labels) -> Vec<Point> {
        let mut points = Vec::new();
        for Row { protocol, moved } in labels.rows(moved) {
            let Moved {
                sent_bytes,
                received_bytes,
            } = moved;
            for (direction, bytes, sent_bytes, received_bytes) in [
                ("transmit", sent_bytes, sent_bytes, 0),
                ("receive", received_bytes, 0, received_bytes),
            ] {
                let mut attributes = group.clone();
                attributes.extend(protocol.map(transport));
                attributes.push(text("network.io.direction", direction));
                let content = LossCount {
                    events: 1,
                    sent_bytes,
                    received_bytes,
                };
                points.push((self.point(attributes, bytes), content));
            }
        }
        points
    }

    fn point(&self, attributes: Vec<KeyValue>, bytes: u64) -> NumberDataPoint {
        let Self { start, end } = *self;
        NumberDataPoint {
            attributes,
            start_time_unix_nano: nanoseconds(start),
            time_unix_nano: nanoseconds(end),
            // The protocol has no larger numbers; this is eight exabytes.
            value: Some(number_data_point::Value::AsInt(
                i64::try_from(bytes).unwrap_or(i64::MAX),
            )),
            ..NumberDataPoint::default()
        }
    }
}

fn exported(
    resource: &Resource,
    temporality: AggregationTemporality,
    points: &[Point],
) -> Exported {
    let mut content = LossCount::default();
    for (_, more) in points {
        let LossCount {
            events,
            sent_bytes,
            received_bytes,
        } = more;
        content.events += events;
        content.sent_bytes = content.sent_bytes.saturating_add(*sent_bytes);
        content.received_bytes = content.received_bytes.saturating_add(*received_bytes);
    }
    let sum = Sum {
        data_points: points.iter().map(|(point, _)| point.clone()).collect(),
        aggregation_temporality: temporality.into(),
        is_monotonic: true,
    };
    let metric = Metric {
        name: NAME.to_owned(),
        description: "Payload bytes that processes sent and received.".to_owned(),
        unit: "By".to_owned(),
        data: Some(metric::Data::Sum(sum)),
        ..Metric::default()
    };
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource.clone()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    Exported {
        request: request.encode_to_vec(),
        content,
    }
}

/// Since 1970; before, and after the year 2554, there is nothing to tell.
fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or_default()
}
