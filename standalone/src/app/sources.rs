//! Sources at work, and where their events go.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use nettally_source::pipeline::shutdown::ShutdownTrigger;
use nettally_source::{ComponentKey, ShutdownSignal, Source, SourceContext};
use tokio::time::timeout;

use super::plan::SourcePlan;
use super::task::Task;
use crate::topology::{Routes, SourceStatus};

/// A source that is ready to run.
pub(super) struct Prepared {
    source: Source,
    trigger: ShutdownTrigger,
}

impl Prepared {
    pub(super) async fn of(plan: &SourcePlan, routes: &Arc<Routes>) -> anyhow::Result<Self> {
        let (trigger, shutdown) = ShutdownSignal::wired();
        let name = &plan.name;
        let context = SourceContext {
            key: ComponentKey::from(name.as_str()),
            shutdown,
            out: Box::new(routes.fanout()),
        };
        let source =
            plan.config.build(context).await.map_err(|error| {
                anyhow!(error).context(format!("cannot start the source `{name}`"))
            })?;
        Ok(Self { source, trigger })
    }
}

/// A source at work.
pub(super) struct RunningSource {
    pub(super) plan: SourcePlan,
    pub(super) routes: Arc<Routes>,
    /// Gone once it was told to end.
    trigger: Option<ShutdownTrigger>,
    pub(super) task: Task,
}

impl RunningSource {
    pub(super) fn start(plan: SourcePlan, routes: Arc<Routes>, prepared: Prepared) -> Self {
        let Prepared { source, trigger } = prepared;
        Self {
            plan,
            routes,
            trigger: Some(trigger),
            task: Task::spawn(source),
        }
    }

    /// Goes on after its end.
    pub(super) fn restart(&mut self, prepared: Prepared) {
        let Prepared { source, trigger } = prepared;
        self.trigger = Some(trigger);
        self.task = Task::spawn(source);
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        format!("the source `{}`", self.plan.name)
    }

    pub(super) fn status(&self) -> SourceStatus {
        SourceStatus {
            name: self.plan.name.clone(),
            routes: Arc::clone(&self.routes),
        }
    }

    /// Tells it to take its last window.
    pub(super) fn shut_down(&mut self) {
        if let Some(trigger) = self.trigger.take() {
            trigger.shut_down();
        }
    }

    /// Waits for the end; `None` if it had to be stopped.
    pub(super) async fn finish(&mut self, deadline: Duration) -> Option<Result<(), ()>> {
        self.shut_down();
        let outcome = timeout(deadline, &mut self.task).await.ok();
        if outcome.is_none() {
            self.task.abort();
        }
        outcome
    }
}
