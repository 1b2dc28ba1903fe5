//! What runs, until it has ended.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use nettally_source::pipeline::shutdown::ShutdownTrigger;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::{error, info};

/// How long sinks may take to deliver what they hold.
const DEADLINE: Duration = Duration::from_secs(60);

/// Sources, sinks and faces at work.
pub struct Running {
    trigger: ShutdownTrigger,
    tasks: JoinSet<Result<(), ()>>,
    names: HashMap<Id, String>,
    /// Where the page is.
    pub page: Option<SocketAddr>,
    /// The Unix socket of the API.
    pub socket: Option<PathBuf>,
    /// Where the token is that requests to the page need, if they need one.
    pub token_file: Option<PathBuf>,
    /// Where the history is.
    pub databases: Vec<PathBuf>,
}

impl Running {
    pub(super) fn new(
        trigger: ShutdownTrigger,
        page: Option<SocketAddr>,
        databases: Vec<PathBuf>,
    ) -> Self {
        Self {
            trigger,
            tasks: JoinSet::new(),
            names: HashMap::new(),
            page,
            socket: None,
            token_file: None,
            databases,
        }
    }

    pub(super) fn spawn(
        &mut self,
        name: String,
        task: impl Future<Output = Result<(), ()>> + Send + 'static,
    ) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits for `stop`, then for everything to end.
    ///
    /// # Errors
    /// Something ended before it was told to, failed at its end, or took longer than a minute.
    pub async fn join(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        self.join_within(stop, DEADLINE).await
    }

    pub(super) async fn join_within(
        self,
        stop: impl Future<Output = ()>,
        deadline: Duration,
    ) -> anyhow::Result<()> {
        let Self {
            trigger,
            mut tasks,
            mut names,
            page: _,
            socket: _,
            token_file: _,
            databases: _,
        } = self;
        let mut failed = Vec::new();
        tokio::select! {
            () = stop => info!("Stopping; the last window is being stored."),
            Some(ended) = tasks.join_next_with_id() => {
                let (name, _outcome) = named(ended, &mut names);
                error!("{name} ended by itself; stopping.");
                failed.push(name);
            }
        }
        trigger.shut_down();
        let all = async {
            while let Some(ended) = tasks.join_next_with_id().await {
                let (name, outcome) = named(ended, &mut names);
                if outcome.is_err() {
                    error!("{name} failed.");
                    failed.push(name);
                }
            }
        };
        let in_time = tokio::time::timeout(deadline, all).await.is_ok();
        if !in_time {
            let mut late: Vec<String> = names.into_values().collect();
            late.sort();
            bail!(
                "{} did not end within {} seconds; what it held may be lost",
                late.join(", "),
                deadline.as_secs_f64()
            );
        }
        if !failed.is_empty() {
            bail!(
                "{} ended by an error, which should not happen; the messages above say more",
                failed.join(", ")
            );
        }
        Ok(())
    }
}

/// The name of a task and how it ended; a panic has printed its message already.
fn named(
    ended: Result<(Id, Result<(), ()>), JoinError>,
    names: &mut HashMap<Id, String>,
) -> (String, Result<(), ()>) {
    let (id, outcome) = match ended {
        Ok((id, outcome)) => (id, outcome),
        Err(panicked) => (panicked.id(), Err(())),
    };
    let name = names
        .remove(&id)
        .expect("every task was named when spawned");
    (name, outcome)
}
