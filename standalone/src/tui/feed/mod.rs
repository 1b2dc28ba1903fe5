//! Where the screen's numbers come from: a collector in this process, or a daemon that runs already.

mod daemon;
mod mailbox;
mod merge;
mod presence;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures::future::BoxFuture;
use nettally_source::{ProcessId, ShutdownSignal, SourceConfig, SourceContext};
use tokio::task::JoinHandle;

use super::model::chart::Past;
use super::model::daemon::DaemonHealth;
use super::model::{Origin, Subject};
use crate::client::Daemon;
pub(crate) use daemon::WhenGone;
use mailbox::Mailbox;
pub(crate) use mailbox::{Delivery, Link, Update, mailbox};
pub(crate) use merge::merge;

/// Windows that wait for a late screen before they are merged.
const PENDING_WINDOWS: usize = 8;

/// How long the collector may take for its last window.
const LAST_WINDOW: Duration = Duration::from_secs(5);

/// A running collector or daemon, and what it has delivered.
pub(crate) struct Feed {
    mailbox: Mailbox,
    stop: Option<nettally_source::pipeline::shutdown::ShutdownTrigger>,
    task: JoinHandle<anyhow::Result<()>>,
    daemon: Option<Arc<Daemon>>,
}

impl Feed {
    /// Starts a collector of our own.
    pub(crate) async fn collect(source: &dyn SourceConfig) -> anyhow::Result<Self> {
        if let Err(problems) = source.validate() {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            bail!(
                "the source is not configured right: {}",
                problems.join("; ")
            );
        }
        let (outlet, mailbox) = mailbox(PENDING_WINDOWS);
        let (stop, shutdown) = ShutdownSignal::wired();
        let run = source
            .build(SourceContext {
                key: "top".into(),
                shutdown,
                out: Box::new(outlet),
            })
            .await
            .map_err(anyhow::Error::from_boxed)
            .context("starting the collector")?;
        Ok(Self {
            mailbox,
            stop: Some(stop),
            task: tokio::spawn(async {
                run.await
                    .map_err(|()| anyhow!("the collector ended by an error, which it logged"))
            }),
            daemon: None,
        })
    }

    /// Follows a daemon, and, if that is wanted, the one that comes after it.
    pub(crate) async fn attach(daemon: Daemon, when_gone: WhenGone) -> anyhow::Result<Self> {
        let lines = daemon.stream(daemon::EVENTS).await?;
        let daemon = Arc::new(daemon);
        let (outlet, mailbox) = mailbox(PENDING_WINDOWS);
        let (stop, shutdown) = ShutdownSignal::wired();
        Ok(Self {
            mailbox,
            stop: Some(stop),
            task: tokio::spawn(daemon::follow(
                Arc::clone(&daemon),
                lines,
                when_gone,
                outlet,
                shutdown,
            )),
            daemon: Some(daemon),
        })
    }

    /// Whose numbers these are.
    pub(crate) fn origin(&self) -> Origin {
        match self.daemon {
            None => Origin::Own,
            Some(_) => Origin::Daemon,
        }
    }

    /// What the daemon remembers of the last hour; `None` without one.
    pub(crate) fn past(
        &self,
        subject: Subject,
    ) -> Option<BoxFuture<'static, anyhow::Result<Past>>> {
        let daemon = Arc::clone(self.daemon.as_ref()?);
        Some(Box::pin(daemon::past(daemon, subject)))
    }

    /// How the daemon is; `None` without one.
    pub(crate) fn health(&self) -> Option<BoxFuture<'static, anyhow::Result<DaemonHealth>>> {
        let daemon = Arc::clone(self.daemon.as_ref()?);
        Some(Box::pin(daemon::health(daemon)))
    }

    /// The next update; `None` after the collector's last. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Update> {
        self.mailbox.next().await
    }

    /// Those of `candidates` that have ended.
    pub(crate) fn gone(&self, candidates: &[ProcessId]) -> Vec<ProcessId> {
        presence::gone(Path::new("/proc"), candidates)
    }

    /// Asks the collector for its last window; it then ends, and so does [`Feed::next`].
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.shut_down();
        }
    }

    /// Waits for the end, after [`Feed::stop`] or when [`Feed::next`] gave `None`.
    pub(crate) async fn join(mut self) -> anyhow::Result<()> {
        let asked = self.stop.is_none();
        self.stop();
        match tokio::time::timeout(LAST_WINDOW, self.task).await {
            Ok(Ok(Ok(()))) if asked => Ok(()),
            Ok(Ok(Ok(()))) => bail!("the collector ended without being asked to"),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(panic)) => Err(panic).context("the collector ended by a bug"),
            Err(_elapsed) => bail!(
                "the collector did not end within {} s",
                LAST_WINDOW.as_secs()
            ),
        }
    }
}
