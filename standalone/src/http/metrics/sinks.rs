//! How each sink and the queue before it are doing.

use std::sync::Arc;

use serde_json::Value;

use super::exposition::{Exposition, Kind};
use crate::topology::status::SinkStatus;

/// A figure of a sink's status, and what it is called here.
struct Figure {
    /// Where it is in the status; a sink that has none there has no sample.
    pointer: &'static str,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    /// How many of its units make one of ours.
    per_unit: f64,
}

const fn figure(
    pointer: &'static str,
    name: &'static str,
    kind: Kind,
    help: &'static str,
) -> Figure {
    Figure {
        pointer,
        name,
        kind,
        help,
        per_unit: 1.0,
    }
}

const FIGURES: [Figure; 21] = [
    figure(
        "/queue/waiting_windows",
        "nettally_sink_waiting_windows",
        Kind::Gauge,
        "Windows that wait for a sink.",
    ),
    figure(
        "/queue/capacity_windows",
        "nettally_sink_waiting_windows_limit",
        Kind::Gauge,
        "Windows that may wait for a sink.",
    ),
    figure(
        "/queue/delivered_windows",
        "nettally_sink_windows_total",
        Kind::Counter,
        "Windows that a sink has taken.",
    ),
    figure(
        "/queue/merged_windows",
        "nettally_sink_merged_windows_total",
        Kind::Counter,
        "Windows that became part of an earlier one, as the sink was late.",
    ),
    figure(
        "/queue/dropped_windows",
        "nettally_sink_dropped_windows_total",
        Kind::Counter,
        "Windows that were dropped, as the sink was late.",
    ),
    figure(
        "/delivery/rows_written",
        "nettally_sink_written_rows_total",
        Kind::Counter,
        "Rows that were stored.",
    ),
    figure(
        "/delivery/rows_held",
        "nettally_sink_held_rows",
        Kind::Gauge,
        "Rows that wait to be stored.",
    ),
    figure(
        "/delivery/flushes",
        "nettally_sink_flushes_total",
        Kind::Counter,
        "Transactions that were committed.",
    ),
    figure(
        "/delivery/failed_flushes",
        "nettally_sink_failed_flushes_total",
        Kind::Counter,
        "Transactions that failed; what was in them is tried again.",
    ),
    Figure {
        per_unit: 1000.0,
        ..figure(
            "/delivery/last_flush_ms",
            "nettally_sink_last_flush_seconds",
            Kind::Gauge,
            "How long the last transaction took.",
        )
    },
    figure(
        "/delivery/used_bytes",
        "nettally_sink_used_bytes",
        Kind::Gauge,
        "Bytes of the history's file, without its log and its free pages.",
    ),
    figure(
        "/delivery/over_size",
        "nettally_sink_over_size",
        Kind::Gauge,
        "1 if that is more than is allowed, as there is not enough yet that may go.",
    ),
    figure(
        "/delivery/clock_ahead",
        "nettally_sink_clock_ahead",
        Kind::Gauge,
        "1 if windows are so far ahead of the time that nothing is deleted for them yet.",
    ),
    figure(
        "/delivery/begun_anew",
        "nettally_sink_begun_anew_total",
        Kind::Counter,
        "Times that the history's file was moved or deleted, and another begun.",
    ),
    figure(
        "/delivery/datagrams",
        "nettally_sink_datagrams_total",
        Kind::Counter,
        "Datagrams that were sent.",
    ),
    figure(
        "/delivery/failed_datagrams",
        "nettally_sink_failed_datagrams_total",
        Kind::Counter,
        "Datagrams that could not be sent.",
    ),
    figure(
        "/delivery/requests",
        "nettally_sink_requests_total",
        Kind::Counter,
        "Requests that were delivered.",
    ),
    figure(
        "/delivery/failed_requests",
        "nettally_sink_failed_requests_total",
        Kind::Counter,
        "Requests that came to nothing, whether or not they were made again.",
    ),
    figure(
        "/delivery/dropped_requests",
        "nettally_sink_dropped_requests_total",
        Kind::Counter,
        "Requests that were given up.",
    ),
    figure(
        "/delivery/requests_held",
        "nettally_sink_held_requests",
        Kind::Gauge,
        "Requests that are under way, or wait to be made again.",
    ),
    figure(
        "/delivery/delivered/events",
        "nettally_sink_delivered_events_total",
        Kind::Counter,
        "Events that a server has taken.",
    ),
];

pub(super) fn write(text: &mut Exposition, sinks: &[Arc<dyn SinkStatus>]) {
    let sinks: Vec<(&str, Value)> = sinks
        .iter()
        .map(|sink| (sink.name(), sink.status()))
        .collect();
    for Figure {
        pointer,
        name,
        kind,
        help,
        per_unit,
    } in FIGURES
    {
        let mut family = text.family(name, kind, help);
        for (sink, status) in &sinks {
            let Some(value) = status.pointer(pointer) else {
                continue;
            };
            // Whole numbers stay exact.
            if let Some(truth) = value.as_bool() {
                family.sample(&[("sink", sink)], u8::from(truth));
            } else if let Some(whole) = value.as_u64().filter(|_| per_unit == 1.0) {
                family.sample(&[("sink", sink)], whole);
            } else if let Some(number) = value.as_f64() {
                family.sample(&[("sink", sink)], number / per_unit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use nettally_sqlite_sink::WriterStats;

    use super::*;
    use crate::statsd::Delivered;
    use crate::topology::{Delivery, Queue, QueuedSink, WhenFull};

    #[test]
    fn every_figure_is_found_in_the_status_of_a_sink() {
        let sink = |name: &str, delivery: Arc<dyn Delivery>| -> Arc<dyn SinkStatus> {
            let queue = Queue::new(NonZeroUsize::MIN, WhenFull::Block);
            Arc::new(QueuedSink::new(
                name.to_owned(),
                "test",
                queue,
                Some(delivery),
            ))
        };
        let sinks = [
            sink("history", Arc::new(WriterStats::default())),
            sink("statsd", Arc::new(Delivered::default())),
            sink("vector", Arc::new(crate::delivery::Delivered::default())),
        ];
        let mut text = Exposition::default();
        write(&mut text, &sinks);
        let text = text.finish();
        for Figure { name, .. } in FIGURES {
            assert!(
                text.contains(&format!("\n{name}{{sink=\"")),
                "{name}\n{text}"
            );
        }
        assert!(text.contains("nettally_sink_waiting_windows_limit{sink=\"statsd\"} 1\n"));
        assert!(text.contains("nettally_sink_last_flush_seconds{sink=\"history\"} 0\n"));
    }
}
