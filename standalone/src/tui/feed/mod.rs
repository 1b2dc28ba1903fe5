//! Where the screen's numbers come from. Today: an own collector in this process. A feed that reads
//! from a running daemon has the same methods.

mod mailbox;
mod merge;
mod presence;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nettally_source::{ProcessId, ShutdownSignal, SourceConfig, SourceContext};
use tokio::task::JoinHandle;

use mailbox::Mailbox;
pub(crate) use mailbox::{Delivery, Update, mailbox};
pub(crate) use merge::merge;

/// Windows that wait for a late screen before they are merged.
const PENDING_WINDOWS: usize = 8;

/// How long the collector may take for its last window.
const LAST_WINDOW: Duration = Duration::from_secs(5);

/// A running collector and what it has delivered.
pub(crate) struct Feed {
    mailbox: Mailbox,
    stop: Option<nettally_source::pipeline::shutdown::ShutdownTrigger>,
    collector: JoinHandle<Result<(), ()>>,
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
            collector: tokio::spawn(run),
        })
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

    /// Waits for the collector's end, after [`Feed::stop`] or when [`Feed::next`] gave `None`.
    pub(crate) async fn join(mut self) -> anyhow::Result<()> {
        let asked = self.stop.is_none();
        self.stop();
        match tokio::time::timeout(LAST_WINDOW, self.collector).await {
            Ok(Ok(Ok(()))) if asked => Ok(()),
            Ok(Ok(Ok(()))) => bail!("the collector ended without being asked to"),
            Ok(Ok(Err(()))) => bail!("the collector ended by an error, which it logged"),
            Ok(Err(panic)) => Err(panic).context("the collector ended by a bug"),
            Err(_elapsed) => bail!(
                "the collector did not end within {} s",
                LAST_WINDOW.as_secs()
            ),
        }
    }
}
