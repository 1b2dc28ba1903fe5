//! Sinks at work, each behind its queue, which outlives the sink when that is built anew.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use nettally_source::pipeline::shutdown::ShutdownTrigger;
use nettally_source::{ComponentKey, LossCount, ShutdownSignal, Sink};
use tokio::time::timeout;
use tracing::{info, warn};

use super::plan::{BuiltSink, SinkPlan};
use super::task::Task;
use crate::topology::status::{QueuedSink, SinkStatus as _};
use crate::topology::{Delivery, Inlet, Queue};

/// How much longer than the deadline a sink may take to store what it holds in a file of its own: the
/// history comes first, and a disk answers at last. Below the 90 seconds that systemd waits.
pub(super) const HISTORY_GRACE: Duration = Duration::from_secs(30);

/// How long a task that is stopped may take to notice.
pub(super) const NOTICE: Duration = Duration::from_secs(1);

/// A sink that is ready to run.
pub(super) struct Prepared {
    sink: Sink,
    delivery: Option<Arc<dyn Delivery>>,
    give_up: ShutdownTrigger,
    has_file: bool,
}

impl Prepared {
    /// Acquires what a sink needs.
    pub(super) async fn of(plan: &SinkPlan) -> anyhow::Result<Self> {
        let (give_up, too_late) = ShutdownSignal::wired();
        let name = plan.name.as_str();
        let built = plan.kind.build(ComponentKey::from(name), too_late).await;
        let BuiltSink { sink, delivery } = built
            .map_err(|error| anyhow!(error).context(format!("cannot start the sink `{name}`")))?;
        Ok(Self {
            sink,
            delivery,
            give_up,
            has_file: plan.kind.file().is_some(),
        })
    }

    fn run(self, queue: &Arc<Queue>) -> (Worker, Option<Arc<dyn Delivery>>) {
        let Self {
            sink,
            delivery,
            give_up,
            has_file,
        } = self;
        let worker = Worker {
            give_up,
            task: Task::spawn(sink.run(queue.outlet())),
            has_file,
        };
        (worker, delivery)
    }
}

/// What takes from a queue.
pub(super) struct Worker {
    give_up: ShutdownTrigger,
    pub(super) task: Task,
    has_file: bool,
}

/// What a sink that is late is told.
#[derive(Clone, Copy)]
enum WhenLate {
    /// To give up what it cannot deliver at once, so that it can count it, and to leave everything
    /// else to whoever comes next.
    GiveUp,
    /// Nothing: whoever comes next waits for its file.
    LetGoOfFile,
}

/// How a sink ended.
pub(super) enum Ending {
    InTime(Result<(), ()>),
    /// It had to be stopped.
    Late,
}

impl Worker {
    /// Waits for the end of a sink whose stream has ended or is about to. It is told that it is late
    /// shortly before the deadline.
    async fn finish(self, deadline: Duration, when_late: WhenLate) -> Ending {
        let Self {
            give_up,
            mut task,
            has_file,
        } = self;
        let reserve = (deadline / 5).min(Duration::from_secs(1));
        let outcome = match timeout(deadline - reserve, &mut task).await {
            Ok(outcome) => Ok(outcome),
            Err(_elapsed) => {
                let grace = if has_file {
                    HISTORY_GRACE
                } else {
                    Duration::ZERO
                };
                // Dropped, it is told too.
                let untold = match when_late {
                    WhenLate::GiveUp => {
                        give_up.shut_down();
                        None
                    }
                    WhenLate::LetGoOfFile => Some(give_up),
                };
                let outcome = timeout(reserve + grace, &mut task).await;
                drop(untold);
                outcome
            }
        };
        match outcome {
            Ok(outcome) => Ending::InTime(outcome),
            Err(_elapsed) => {
                task.abort();
                // If it does not even notice, its thread is left behind.
                let _noticed = timeout(NOTICE, &mut task).await;
                Ending::Late
            }
        }
    }
}

/// A sink at work.
pub(super) struct RunningSink {
    pub(super) plan: SinkPlan,
    pub(super) queue: Arc<Queue>,
    pub(super) status: Arc<QueuedSink>,
    /// None only while it is being replaced.
    pub(super) worker: Option<Worker>,
}

/// How a sink left.
pub(super) struct Left {
    /// For people, such as "the sink `history`".
    pub(super) name: String,
    pub(super) ending: Ending,
    /// Bytes that were lost since it was told to end.
    pub(super) lost: LossCount,
}

impl RunningSink {
    /// It ends when the inlet is gone, and all that sources have opened.
    pub(super) fn start(plan: SinkPlan, prepared: Prepared) -> (Self, Inlet) {
        let queue = Queue::new(plan.buffer_windows, plan.when_full);
        let inlet = Inlet::into(&queue);
        let (worker, delivery) = prepared.run(&queue);
        let type_name = plan.kind.type_name();
        let status = QueuedSink::new(plan.name.clone(), type_name, Arc::clone(&queue), delivery);
        let sink = Self {
            plan,
            queue,
            status: Arc::new(status),
            worker: Some(worker),
        };
        (sink, inlet)
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        format!("the sink `{}`", self.plan.name)
    }

    /// Ends the worker for another to come, and waits for it. What waits in the queue stays there.
    pub(super) async fn pause(&mut self, deadline: Duration) {
        self.queue.hand_over();
        if let Some(worker) = self.worker.take() {
            let delivery = self.status.replace(None);
            let ending = worker.finish(deadline, WhenLate::LetGoOfFile);
            retire(ending, self.name(), &self.status, delivery).await;
        }
    }

    /// Goes on after [`RunningSink::pause`].
    pub(super) fn resume(&mut self, prepared: Prepared) {
        let (worker, delivery) = prepared.run(&self.queue);
        self.status.replace(delivery);
        self.worker = Some(worker);
    }

    /// Takes over what is prepared; the answer is the worker before it, on its way out, if there is
    /// one. From the moment of the change windows go to the new one.
    pub(super) fn replace(
        &mut self,
        plan: SinkPlan,
        prepared: Option<Prepared>,
        deadline: Duration,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        self.queue.change(plan.buffer_windows, plan.when_full);
        if self.plan.name != plan.name {
            let type_name = plan.kind.type_name();
            let queue = Arc::clone(&self.queue);
            self.status = Arc::new(QueuedSink::new(plan.name.clone(), type_name, queue, None));
        }
        self.plan = plan;
        let (worker, delivery) = prepared?.run(&self.queue);
        let delivery = self.status.replace(delivery);
        let before = self.worker.replace(worker)?;
        let (name, status) = (self.name(), Arc::clone(&self.status));
        Some(async move {
            let ending = before.finish(deadline, WhenLate::GiveUp);
            retire(ending, name, &status, delivery).await;
        })
    }

    /// Waits for the end, once no source leads here.
    pub(super) async fn finish(self, deadline: Duration) -> Left {
        let name = self.name();
        let Self {
            plan: _,
            queue,
            status,
            worker,
        } = self;
        let lost_before = lost(&status);
        let ending = match worker {
            Some(worker) => worker.finish(deadline, WhenLate::GiveUp).await,
            None => {
                queue.desert();
                Ending::InTime(Err(()))
            }
        };
        let mut lost = less(lost(&status), lost_before);
        if matches!(ending, Ending::Late) {
            lost.add(status.counters().held());
        }
        Left { name, ending, lost }
    }
}

impl Left {
    /// Says how a sink left that was removed.
    pub(super) fn tell(self) {
        let Self { name, ending, lost } = self;
        if matches!(ending, Ending::InTime(Ok(()))) && lost.is_zero() {
            info!("{name} has delivered what it held and is gone.");
        } else {
            warn!(
                events = lost.events,
                sent_bytes = lost.sent_bytes,
                received_bytes = lost.received_bytes,
                "{name} is gone and could not deliver all that it held."
            );
        }
    }
}

/// Waits for the end of a sink that is replaced, and says what it could not deliver.
async fn retire(
    ending: impl Future<Output = Ending>,
    name: String,
    status: &QueuedSink,
    delivery: Option<Arc<dyn Delivery>>,
) {
    let discarded = |delivery: &Arc<dyn Delivery>| delivery.counters().discarded;
    let before = delivery.as_ref().map(discarded).unwrap_or_default();
    let ending = ending.await;
    let after = delivery.as_ref().map(discarded).unwrap_or_default();
    if let Some(delivery) = &delivery {
        status.retired(delivery);
    }
    let lost = less(after, before);
    match ending {
        Ending::InTime(Ok(())) if lost.is_zero() => {
            info!("{name} has delivered what it held before the change.");
        }
        Ending::InTime(_) => {
            warn!(
                events = lost.events,
                sent_bytes = lost.sent_bytes,
                received_bytes = lost.received_bytes,
                "{name} could not deliver all that it held before the change."
            );
        }
        Ending::Late => {
            warn!("{name} did not end in time; what it held before the change may be lost.")
        }
    }
}

fn lost(status: &QueuedSink) -> LossCount {
    let mut sum = LossCount::default();
    for count in status.losses().0.values() {
        sum.add(*count);
    }
    sum
}

fn less(after: LossCount, before: LossCount) -> LossCount {
    LossCount {
        events: after.events.saturating_sub(before.events),
        sent_bytes: after.sent_bytes.saturating_sub(before.sent_bytes),
        received_bytes: after.received_bytes.saturating_sub(before.received_bytes),
    }
}
