//! From what runs to what a plan wants. The start is the same, from nothing.
//!
//! What may fail comes first: the API's address, sinks beside those that run, then sinks that need a
//! file that another one holds, then sources, the kernel last. Until all is there, the old is kept,
//! or brought back; then windows are led the new way. What is not changed is not touched.

use std::sync::Arc;

use anyhow::bail;
use tracing::error;

use super::face::{Face, LiveSink};
use super::plan::{Plan, SinkPlan, SourcePlan};
use super::running::Running;
use super::sinks::{Prepared, RunningSink};
use super::sources::{Prepared as PreparedSource, RunningSource};
use crate::topology::{Inlet, Queue, Routes};

/// What a new plan changed: words for people, each a component and what became of it.
#[derive(Debug, Default)]
pub(super) struct Changes(pub(super) Vec<String>);

impl std::fmt::Display for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            f.write_str("nothing has changed")
        } else {
            f.write_str(&self.0.join(", "))
        }
    }
}

/// What a sink of the plan is to those that run.
struct NextSink {
    plan: SinkPlan,
    /// Its place among those that run.
    running: Option<usize>,
    build: Build,
}

enum Build {
    /// It is as it was, but for its queue and inputs perhaps.
    None,
    Done(Prepared),
    /// Once those have ended that hold its file.
    Waits,
}

/// What a source of the plan is to those that run.
struct NextSource {
    plan: SourcePlan,
    running: Option<usize>,
    prepared: Option<(Arc<Routes>, PreparedSource)>,
}

impl Running {
    /// Brings about what the plan says.
    ///
    /// # Errors
    /// Says what could not be had; everything is as before.
    pub(super) async fn apply(&mut self, plan: Plan) -> anyhow::Result<Changes> {
        let Plan {
            sources,
            mut sinks,
            api,
            data_dir,
            databases,
            shutdown_deadline,
            shown,
        } = plan;
        let face = self.open_face(api.as_ref(), &data_dir, &databases).await?;
        let live = self.live_for(api.as_ref());
        if api.is_some() {
            sinks.push(LiveSink::plan(&live, &sources));
        }
        let replaced = self.replace(sinks, sources).await;
        let mut changes = match replaced {
            Ok(changes) => changes,
            Err(error) => {
                match face {
                    // Its doors took the place of the old ones.
                    Some(Face::On(opened)) => {
                        drop(opened);
                        self.reopen_face().await;
                    }
                    // The old ones are still open.
                    Some(Face::Off) | None => {}
                }
                return Err(error);
            }
        };
        let before = std::mem::replace(&mut self.deadline, shutdown_deadline);
        if before != shutdown_deadline && !before.is_zero() {
            changes.0.push("the deadline was changed".to_owned());
        }
        self.reloads.put_in_force(shown);
        self.databases = databases;
        self.live = live;
        if let Some(face) = face {
            changes.0.push(self.show_face(face, api).await?.to_owned());
        }
        self.update_roster();
        Ok(changes)
    }

    async fn replace(
        &mut self,
        sinks: Vec<SinkPlan>,
        sources: Vec<SourcePlan>,
    ) -> anyhow::Result<Changes> {
        let mut next = self.pair_sinks(sinks);
        let holders = self.holders(&mut next)?;
        for sink in &mut next {
            let is_new = sink
                .running
                .is_none_or(|at| !self.sinks[at].plan.is_same_sink(&sink.plan));
            if is_new && !matches!(sink.build, Build::Waits) {
                sink.build = Build::Done(Prepared::of(&sink.plan).await?);
            }
        }
        for &at in &holders {
            self.sinks[at].pause(self.deadline).await;
        }
        let mut outcome = Ok(());
        for sink in next
            .iter_mut()
            .filter(|sink| matches!(sink.build, Build::Waits))
        {
            match Prepared::of(&sink.plan).await {
                Ok(prepared) => sink.build = Build::Done(prepared),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        let mut next_sources = self.pair_sources(sources);
        if outcome.is_ok() {
            outcome = self.prepare_sources(&mut next_sources).await;
        }
        if let Err(error) = outcome {
            // Before the old ones open their files again.
            drop(next);
            self.resume_sinks(&holders).await;
            return Err(error);
        }
        Ok(self.commit(next, next_sources))
    }

    /// The same name and type is the same sink; or the same file, under another name.
    fn pair_sinks(&self, plans: Vec<SinkPlan>) -> Vec<NextSink> {
        let is_named = |sink: &RunningSink, plan: &SinkPlan| {
            sink.plan.name == plan.name && sink.plan.kind.type_name() == plan.kind.type_name()
        };
        let mut taken: Vec<usize> = plans
            .iter()
            .filter_map(|plan| self.sinks.iter().position(|sink| is_named(sink, plan)))
            .collect();
        plans
            .into_iter()
            .map(|plan| {
                let by_name = self.sinks.iter().position(|sink| is_named(sink, &plan));
                let by_file = || {
                    let file = plan.kind.file()?;
                    let holds = |sink: &RunningSink| sink.plan.kind.file() == Some(file);
                    let at = self.sinks.iter().position(holds)?;
                    (!taken.contains(&at)).then_some(at)
                };
                let running = by_name.or_else(by_file);
                taken.extend(running);
                NextSink {
                    plan,
                    running,
                    build: Build::None,
                }
            })
            .collect()
    }

    /// Those that must end before others can begin; who waits for them is marked.
    fn holders(&self, next: &mut [NextSink]) -> anyhow::Result<Vec<usize>> {
        let mut holders = Vec::new();
        for index in 0..next.len() {
            let NextSink { plan, running, .. } = &next[index];
            if running.is_some_and(|at| self.sinks[at].plan.is_same_sink(plan)) {
                continue;
            }
            let Some(file) = plan.kind.file() else {
                continue;
            };
            let holds = |sink: &RunningSink| sink.plan.kind.file() == Some(file);
            let Some(holder) = self.sinks.iter().position(holds) else {
                continue;
            };
            if !next.iter().any(|sink| sink.running == Some(holder)) {
                bail!(
                    "{} is still held by {}, which is to go; take that out first, then reload again",
                    file.display(),
                    self.sinks[holder].name()
                );
            }
            if !holders.contains(&holder) {
                holders.push(holder);
            }
            next[index].build = Build::Waits;
        }
        // Whoever gives up a file has to be built again itself.
        for sink in next.iter_mut() {
            if sink.running.is_some_and(|at| holders.contains(&at)) {
                sink.build = Build::Waits;
            }
        }
        Ok(holders)
    }

    fn pair_sources(&self, plans: Vec<SourcePlan>) -> Vec<NextSource> {
        plans
            .into_iter()
            .map(|plan| NextSource {
                running: self
                    .sources
                    .iter()
                    .position(|source| source.plan.name == plan.name),
                plan,
                prepared: None,
            })
            .collect()
    }

    /// Two of one kind would count every byte twice, so that the old one ends first.
    async fn prepare_sources(&mut self, next: &mut [NextSource]) -> anyhow::Result<()> {
        let mut stopped = Vec::new();
        for source in next.iter_mut() {
            let routes = match source.running {
                Some(at) if self.sources[at].plan.is_same(&source.plan) => continue,
                Some(at) => {
                    let running = &mut self.sources[at];
                    if running.finish(self.deadline).await != Some(Ok(())) {
                        error!("{} did not end as it should.", running.name());
                    }
                    running.routes.restarted();
                    stopped.push(at);
                    Arc::clone(&running.routes)
                }
                None => Arc::default(),
            };
            match PreparedSource::of(&source.plan, &routes).await {
                Ok(prepared) => source.prepared = Some((routes, prepared)),
                Err(error) => {
                    // Before the old ones take the kernel's place again.
                    for source in next.iter_mut() {
                        source.prepared = None;
                    }
                    self.restart_sources(&stopped).await;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn restart_sources(&mut self, stopped: &[usize]) {
        for &at in stopped {
            let RunningSource { plan, routes, .. } = &self.sources[at];
            match PreparedSource::of(plan, routes).await {
                Ok(prepared) => self.sources[at].restart(prepared),
                Err(error) => {
                    error!(
                        error = format!("{error:#}"),
                        "The old one could not be started again."
                    );
                    self.crippled.push(self.sources[at].name());
                }
            }
        }
    }

    async fn resume_sinks(&mut self, holders: &[usize]) {
        for &at in holders {
            match Prepared::of(&self.sinks[at].plan).await {
                Ok(prepared) => self.sinks[at].resume(prepared),
                Err(error) => {
                    error!(
                        error = format!("{error:#}"),
                        "The old one could not be started again."
                    );
                    self.crippled.push(self.sinks[at].name());
                }
            }
        }
    }

    /// Nothing here can fail, or waits.
    fn commit(&mut self, next: Vec<NextSink>, next_sources: Vec<NextSource>) -> Changes {
        let mut changes = Changes::default();
        // Until all ways lead where they should, no queue is to take itself for finished.
        let mut kept_open = Vec::new();
        let mut old: Vec<Option<RunningSink>> = std::mem::take(&mut self.sinks)
            .into_iter()
            .map(Some)
            .collect();
        for NextSink {
            plan,
            running,
            build,
        } in next
        {
            let prepared = match build {
                Build::Done(prepared) => Some(prepared),
                Build::None | Build::Waits => None,
            };
            let running = running.and_then(|at| old[at].take());
            let sink = match (running, prepared) {
                (None, Some(prepared)) => {
                    let (sink, inlet) = RunningSink::start(plan, prepared);
                    kept_open.push(inlet);
                    changes.0.push(format!("{} was added", sink.name()));
                    sink
                }
                (Some(mut sink), prepared) => {
                    kept_open.push(Inlet::into(&sink.queue));
                    if sink.plan.name != plan.name {
                        changes
                            .0
                            .push(format!("{} is now `{}`", sink.name(), plan.name));
                    } else if !sink.plan.is_same(&plan) {
                        changes.0.push(format!("{} was changed", sink.name()));
                    }
                    if let Some(leaving) = sink.replace(plan, prepared, self.deadline) {
                        let name = format!("{}, as it was before a change,", sink.name());
                        self.retiring.add(name, leaving);
                    }
                    sink
                }
                (None, None) => unreachable!("what does not run was prepared"),
            };
            self.sinks.push(sink);
        }
        let mut old_sources: Vec<Option<RunningSource>> = std::mem::take(&mut self.sources)
            .into_iter()
            .map(Some)
            .collect();
        for NextSource {
            plan,
            running,
            prepared,
        } in next_sources
        {
            let running = running.and_then(|at| old_sources[at].take());
            let source = match (running, prepared) {
                (Some(source), None) => source,
                (was, Some((routes, prepared))) => {
                    let what = if was.is_some() { "changed" } else { "added" };
                    let words = format!("the source `{}` was {what}", plan.name);
                    changes.0.push(words);
                    // Its first event comes at once.
                    routes.lead_to(&self.queues_of(&plan.name));
                    RunningSource::start(plan, routes, prepared)
                }
                (None, None) => unreachable!("what does not run was prepared"),
            };
            self.sources.push(source);
        }
        for source in &self.sources {
            source.routes.lead_to(&self.queues_of(&source.plan.name));
        }
        drop(kept_open);
        for mut source in old_sources.into_iter().flatten() {
            changes.0.push(format!("{} was removed", source.name()));
            let deadline = self.deadline;
            self.retiring.add(source.name(), async move {
                if source.finish(deadline).await != Some(Ok(())) {
                    error!("{} did not end as it should.", source.name());
                }
                source.routes.close();
            });
        }
        for sink in old.into_iter().flatten() {
            changes.0.push(format!("{} was removed", sink.name()));
            let deadline = self.deadline;
            self.retiring.add(sink.name(), async move {
                let left = sink.finish(deadline).await;
                left.tell();
            });
        }
        changes
    }

    fn queues_of(&self, source: &str) -> Vec<Arc<Queue>> {
        let takes = |sink: &&RunningSink| sink.plan.inputs.iter().any(|input| input == source);
        let sinks = self.sinks.iter().filter(takes);
        sinks.map(|sink| Arc::clone(&sink.queue)).collect()
    }
}
