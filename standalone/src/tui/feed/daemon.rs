//! Numbers of a daemon that runs on its own: what moves, how it is, and what it remembers.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use nettally_source::{Event, EventSink as _, SendError, ShutdownSignal};
use nettally_sqlite_sink::Field;
use serde::Deserialize;

use super::mailbox::Outlet;
use crate::client::{Daemon, Lines};
use crate::encode::wire;
use crate::tui::model::Subject;
use crate::tui::model::amount::Bytes;
use crate::tui::model::chart::Past;
use crate::tui::model::daemon::DaemonHealth;
use crate::tui::model::processes::RowKey;

/// Seconds between two points of the past.
const STEP: &str = "30s";

/// Hands on what the daemon says, until `shutdown` or its end.
pub(super) async fn follow(
    mut lines: Lines,
    mut outlet: Outlet,
    mut shutdown: ShutdownSignal,
) -> anyhow::Result<()> {
    let mut reader = wire::Reader::default();
    loop {
        let lines = tokio::select! {
            lines = lines.next() => lines?,
            () = &mut shutdown => return Ok(()),
        };
        let Some(lines) = lines else {
            anyhow::bail!("the daemon has stopped");
        };
        let mut events: Vec<Event> = Vec::new();
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            events.extend(reader.read(line)?);
        }
        match outlet.send_batch(events).await {
            Ok(()) | Err(SendError::Timeout) => {}
            Err(SendError::Closed) => return Ok(()),
        }
    }
}

/// How the daemon is.
pub(super) async fn health(daemon: Arc<Daemon>) -> anyhow::Result<DaemonHealth> {
    daemon.ask("/api/v1/health").await
}

#[derive(Deserialize)]
struct Answer {
    step_secs: f64,
    series: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    start: Timestamp,
    sent_bytes: u64,
    received_bytes: u64,
}

/// What was moved in the last hour.
pub(super) async fn past(daemon: Arc<Daemon>, subject: Subject) -> anyhow::Result<Past> {
    let path = question(&subject);
    let Answer { step_secs, series } = daemon.ask(&path).await.context("asking for the past")?;
    let points = series.into_iter().flat_map(|series| series.points);
    Ok(Past {
        step_secs,
        points: points
            .map(|point| {
                let Point {
                    start,
                    sent_bytes,
                    received_bytes,
                } = point;
                let bytes = Bytes {
                    sent: sent_bytes,
                    received: received_bytes,
                };
                (start, bytes)
            })
            .collect(),
    })
}

fn question(subject: &Subject) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("since", "-1h").append_pair("step", STEP);
    if let Some((field, value)) = condition(subject) {
        query.append_pair(field.name(), &value);
    }
    format!("/api/v1/series?{}", query.finish())
}

/// The parameter that narrows an answer to the subject.
fn condition(subject: &Subject) -> Option<(Field, String)> {
    match subject {
        Subject::Everybody => None,
        Subject::Row(RowKey::Process(id)) => Some((Field::Pid, id.pid.to_string())),
        Subject::Row(RowKey::App(app)) => Some((Field::App, app.clone())),
        Subject::Row(RowKey::Name(name)) => Some((Field::Process, name.clone())),
    }
}
