//! Numbers of a daemon that runs on its own: what moves, how it is, and what it remembers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use nettally_source::{Event, EventSink as _, SendError, ShutdownSignal};
use nettally_sqlite_sink::Field;
use serde::Deserialize;

use super::mailbox::{Link, Outlet};
use crate::client::{Absence, Daemon, Lines};
use crate::encode::wire;
use crate::tui::model::Subject;
use crate::tui::model::amount::Bytes;
use crate::tui::model::chart::Past;
use crate::tui::model::daemon::DaemonHealth;
use crate::tui::model::processes::RowKey;

/// What is asked of a daemon's stream.
pub(super) const EVENTS: &str = "format=events";

/// Seconds between two points of the past.
const STEP: &str = "30s";

/// Between two looks whether a daemon that was gone is back.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What to do if the daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenGone {
    /// End with an error: a script wants to know.
    End,
    /// Say so, and go on with the next daemon that listens there: a person watches.
    Reconnect,
}

/// Hands on what the daemon says, until `shutdown`, or until its end if that is wanted.
pub(super) async fn follow(
    daemon: Arc<Daemon>,
    mut lines: Lines,
    when_gone: WhenGone,
    mut outlet: Outlet,
    mut shutdown: ShutdownSignal,
) -> anyhow::Result<()> {
    loop {
        match (hand_on(lines, &mut outlet, &mut shutdown).await, when_gone) {
            (Ok(()), _) => return Ok(()),
            (Err(error), WhenGone::End) => return Err(error),
            (Err(error), WhenGone::Reconnect) => outlet.tell(Link::Lost(format!("{error:#}"))),
        }
        tokio::select! {
            again = reconnect(&daemon, &outlet) => lines = again,
            () = &mut shutdown => return Ok(()),
        }
        outlet.tell(Link::Restored);
    }
}

/// Tries until there is a daemon. What is wrong beyond that nobody listens is told.
async fn reconnect(daemon: &Daemon, outlet: &Outlet) -> Lines {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match Daemon::find(Some(daemon.socket())).await {
            Ok(back) => match back.stream(EVENTS).await {
                Ok(lines) => return lines,
                Err(error) => outlet.tell(Link::Lost(format!("{error:#}"))),
            },
            Err(Absence::NotConfigured | Absence::Nobody(_)) => {}
            Err(absence @ (Absence::Denied(_) | Absence::Failed(..))) => {
                outlet.tell(Link::Lost(absence.to_string()));
            }
        }
    }
}

/// Hands on what one daemon says, until `shutdown`; its end is an error.
async fn hand_on(
    mut lines: Lines,
    outlet: &mut Outlet,
    shutdown: &mut ShutdownSignal,
) -> anyhow::Result<()> {
    let mut reader = wire::Reader::default();
    loop {
        let lines = tokio::select! {
            lines = lines.next() => lines?,
            () = &mut *shutdown => return Ok(()),
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
