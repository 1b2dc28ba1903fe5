//! What runs, until it has ended.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures::FutureExt as _;
use futures::future::{join_all, select_all};
use futures::stream::{self, Stream, StreamExt as _};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};

use super::plan::{ApiPlan, Plan};
use super::retiring::Retiring;
use super::server::RunningServer;
use super::sinks::{Ending, HISTORY_GRACE, Left, NOTICE, RunningSink};
use super::sources::RunningSource;
use super::watchdog::Watchdog;
use crate::config::{ReloadResult, Reloads};
use crate::live::Live;
use crate::topology::Roster;
use crate::topology::status::SinkStatus;

/// How much later than the latest end, which the deadline sets, the watchdog comes.
const STUCK: Duration = Duration::from_secs(5);

/// What whoever runs the program wants of it.
pub enum Order {
    /// To go on with this configuration, or to note why it cannot be read.
    Reload(anyhow::Result<Box<Plan>>),
    /// To take the last window, deliver it, and end.
    Stop,
}

/// Sources, sinks and faces at work.
pub struct Running {
    pub(super) sources: Vec<RunningSource>,
    pub(super) sinks: Vec<RunningSink>,
    pub(super) live: Arc<Live>,
    pub(super) server: Option<RunningServer>,
    pub(super) api: Option<ApiPlan>,
    pub(super) databases: Vec<PathBuf>,
    pub(super) roster: Arc<Roster>,
    pub(super) reloads: Arc<Reloads>,
    /// What was removed or replaced and still delivers.
    pub(super) retiring: Retiring,
    /// What could not be brought back after a change that failed.
    pub(super) crippled: Vec<String>,
    pub(super) deadline: Duration,
    pub(super) started: Timestamp,
    now: fn() -> Timestamp,
}

impl Running {
    pub(super) fn nothing(started: Timestamp, now: fn() -> Timestamp) -> Self {
        Self {
            sources: Vec::new(),
            sinks: Vec::new(),
            live: Live::new(),
            server: None,
            api: None,
            databases: Vec::new(),
            roster: Arc::default(),
            reloads: Arc::default(),
            retiring: Retiring::default(),
            crippled: Vec::new(),
            deadline: Duration::ZERO,
            started,
            now,
        }
    }

    /// Where the page is.
    #[must_use]
    pub fn page(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.page)
    }

    /// The Unix socket of the API.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.server.as_ref()?.socket.as_deref()
    }

    /// Where the token is that requests to the page need, if they need one.
    #[must_use]
    pub fn token_file(&self) -> Option<&Path> {
        self.api.as_ref()?.token_file.as_deref()
    }

    /// Where the history is.
    #[must_use]
    pub fn databases(&self) -> &[PathBuf] {
        &self.databases
    }

    pub(super) fn update_roster(&self) {
        let sources = self.sources.iter().map(RunningSource::status).collect();
        let status = |sink: &RunningSink| Arc::clone(&sink.status) as Arc<dyn SinkStatus>;
        self.roster
            .set(sources, self.sinks.iter().map(status).collect());
    }

    /// Waits for `stop`, then for everything to end.
    ///
    /// # Errors
    /// As [`Running::obey`].
    pub async fn join(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let orders = stream::once(stop.map(|()| Order::Stop));
        self.obey(orders).await
    }

    /// Does as `orders` say, until one is to stop or there are no more; then waits for everything to
    /// end.
    ///
    /// # Errors
    /// Something ended before it was told to, failed at its end, or took longer than it may.
    pub async fn obey(mut self, orders: impl Stream<Item = Order>) -> anyhow::Result<()> {
        let mut orders = std::pin::pin!(orders);
        let mut failed = Vec::new();
        loop {
            tokio::select! {
                order = orders.next() => match order {
                    Some(Order::Reload(plan)) => self.reload(plan).await,
                    Some(Order::Stop) | None => {
                        info!("Stopping; the last window is being stored.");
                        break;
                    }
                },
                name = self.next_end() => {
                    error!("{name} ended by itself; stopping.");
                    failed.push(name);
                    break;
                }
            }
            failed.append(&mut self.crippled);
            if !failed.is_empty() {
                error!("{} could not be brought back; stopping.", failed.join(", "));
                break;
            }
        }
        self.stop(failed).await
    }

    /// Changes what has changed, or nothing if that is not possible.
    async fn reload(&mut self, plan: anyhow::Result<Box<Plan>>) {
        let outcome = match plan {
            Ok(plan) => self.apply(*plan).await,
            Err(error) => Err(error),
        };
        let (result, message) = match outcome {
            Ok(changes) => {
                let message = changes.to_string();
                info!("The configuration was read again: {message}.");
                (ReloadResult::Applied, message)
            }
            Err(error) => {
                let message = format!("{error:#}");
                error!(
                    "The configuration that was read again cannot be used, so nothing has changed: {message}"
                );
                (ReloadResult::Refused, message)
            }
        };
        self.reloads.note((self.now)(), result, message);
    }

    /// The name of the first that ends.
    async fn next_end(&mut self) -> String {
        let Self {
            sources,
            sinks,
            server,
            ..
        } = self;
        let sources = sources
            .iter_mut()
            .map(|source| (source.name(), &mut source.task));
        let sinks = sinks.iter_mut().filter_map(|sink| {
            let name = sink.name();
            Some((name, &mut sink.worker.as_mut()?.task))
        });
        let server = server.iter_mut();
        let server = server.map(|server| (RunningServer::NAME.to_owned(), &mut server.task));
        let (names, tasks): (Vec<_>, Vec<_>) = sources.chain(sinks).chain(server).unzip();
        if tasks.is_empty() {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
        let (_outcome, index, _others) = select_all(tasks).await;
        names.into_iter().nth(index).expect("each task has a name")
    }

    /// The last window is taken and delivered; then all has ended, or is named.
    async fn stop(self, mut failed: Vec<String>) -> anyhow::Result<()> {
        let Self {
            mut sources,
            sinks,
            server,
            retiring,
            deadline,
            ..
        } = self;
        let _watchdog = Watchdog::start(deadline + HISTORY_GRACE + NOTICE + STUCK, || {
            error!("The end does not come, as all threads are stuck; what is not stored is lost.");
            std::process::exit(1);
        });
        let end = Instant::now() + deadline;
        let left = || end.saturating_duration_since(Instant::now());
        let mut late = Vec::new();
        let server = async {
            let server = server?;
            Some(timeout(deadline, server.finish()).await)
        };
        let components = async {
            // The sinks need time too.
            let ended =
                join_all(sources.iter_mut().map(|source| source.finish(deadline / 2))).await;
            for (source, ended) in sources.iter().zip(ended) {
                source.routes.close();
                match ended {
                    Some(Ok(())) => {}
                    Some(Err(())) => failed.push(source.name()),
                    None => late.push((source.name(), None)),
                }
            }
            for Left { name, ending, lost } in
                join_all(sinks.into_iter().map(|sink| sink.finish(left()))).await
            {
                match ending {
                    Ending::InTime(Ok(())) if lost.is_zero() => {}
                    Ending::InTime(Ok(())) => warn!(
                        events = lost.events,
                        sent_bytes = lost.sent_bytes,
                        received_bytes = lost.received_bytes,
                        "{name} could not deliver all before the end."
                    ),
                    Ending::InTime(Err(())) => failed.push(name),
                    Ending::Late => late.push((name, Some(lost))),
                }
            }
            let retiring = retiring.finish(end).await;
            late.extend(retiring.into_iter().map(|name| (name, None)));
        };
        let (server, ()) = futures::join!(server, components);
        match server {
            None | Some(Ok(Ok(()))) => {}
            Some(Ok(Err(()))) => failed.push(RunningServer::NAME.to_owned()),
            Some(Err(_elapsed)) => late.push((RunningServer::NAME.to_owned(), None)),
        }
        if !late.is_empty() {
            let words: Vec<String> = late
                .into_iter()
                .map(|(name, lost)| match lost {
                    None => name,
                    Some(lost) => format!(
                        "{name} (which loses {} bytes sent and {} received)",
                        lost.sent_bytes, lost.received_bytes
                    ),
                })
                .collect();
            bail!(
                "{} did not end within {} seconds (`shutdown_deadline_secs`)",
                words.join(", "),
                deadline.as_secs_f64()
            );
        }
        if !failed.is_empty() {
            failed.sort();
            failed.dedup();
            bail!(
                "{} ended by an error, which should not happen; the messages above say more",
                failed.join(", ")
            );
        }
        Ok(())
    }
}
