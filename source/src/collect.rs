//! The tick: kernel rows become a batch of usage and a report of health.

use std::sync::Arc;
use std::time::Duration;

use nettally_ebpf::flow::{FLAG_FOLDED, FlowCounters, FlowKey, ProcessKey};
use nettally_ebpf::loss::Loss;
use tracing::{info, warn};

use crate::kernel::{Counters, Drained, KernelError};
use crate::pipeline::{
    Event, HealthReport, LossClass, LossCount, LossReason, Losses, ProgramStats, Usage, UsageBatch,
    Window,
};
use crate::process::{self, ProcessTable};
use crate::selection::Selection;
use crate::windows::{self, Clocks};

/// Everything a tick needs.
pub(crate) struct Collector {
    name: String,
    counters: Box<dyn Counters>,
    processes: ProcessTable,
    selection: Selection,
    last: Clocks,
    tick_ns: u64,
    /// What the kernel had lost by the last tick; it counts from start.
    kernel_losses: Losses,
    /// Everything lost since start.
    losses: Losses,
    /// Lost since the last tick, outside the kernel.
    pending: Losses,
    windows: u64,
}

impl Collector {
    pub(crate) fn new(
        name: String,
        counters: Box<dyn Counters>,
        processes: ProcessTable,
        selection: Selection,
        now: Clocks,
    ) -> Self {
        Self {
            name,
            counters,
            processes,
            selection,
            last: now,
            tick_ns: crate::kernel::tick_ns(),
            kernel_losses: Losses::default(),
            losses: Losses::default(),
            pending: Losses::default(),
            windows: 0,
        }
    }

    /// Everything lost since start, said or not.
    pub(crate) fn all_losses(&self) -> Losses {
        let mut losses = self.losses.clone();
        losses.merge(&self.pending);
        losses
    }

    /// Notes that nobody took these events; the next window says so, or the log if it was the last.
    pub(crate) fn not_delivered(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Usage(batch) => {
                    let sum = |bytes: fn(&Usage) -> u64| {
                        batch.usage.iter().map(bytes).fold(0, u64::saturating_add)
                    };
                    let count = LossCount {
                        events: batch.usage.len() as u64,
                        sent_bytes: sum(|usage| usage.sent_bytes),
                        received_bytes: sum(|usage| usage.received_bytes),
                    };
                    self.pending.add(LossReason::NotDelivered, count);
                }
                Event::Health(_) => {}
            }
        }
    }

    /// What is to be said before the first window.
    pub(crate) fn first_report(&mut self, now: Clocks) -> Event {
        let programs = self.counters.programs();
        Event::Health(Arc::new(self.report(now, programs, 0, 0.0)))
    }

    /// Takes what was moved since the last tick; `clock` is read when the drain begins and ends.
    ///
    /// # Errors
    /// The maps could not be read. What was counted stays in the kernel for a later tick, unless the
    /// drain failed half-way, when the missing rows show as a mismatch.
    pub(crate) fn tick(&mut self, clock: impl Fn() -> Clocks) -> Result<Vec<Event>, KernelError> {
        // Read first: if it fails, nothing has been taken yet.
        let programs = self.counters.programs();
        let mut losses = self.new_kernel_losses(&programs)?;
        losses.merge(&std::mem::take(&mut self.pending));
        let now = clock();
        let Drained {
            flows,
            processes,
            snapshots,
            unreadable_snapshots,
            missing_sent_bytes,
            missing_received_bytes,
        } = self.counters.drain()?;
        let drained = clock();
        let window = windows::window(self.last, now);
        self.last = now;
        self.windows += 1;

        if missing_sent_bytes != 0 || missing_received_bytes != 0 {
            let count = LossCount {
                events: 1,
                sent_bytes: missing_sent_bytes.unsigned_abs(),
                received_bytes: missing_received_bytes.unsigned_abs(),
            };
            losses.add(LossReason::DrainMismatch, count);
        }
        let unreadable = LossCount {
            events: unreadable_snapshots,
            ..LossCount::default()
        };
        losses.add(LossReason::SnapshotMissed, unreadable);
        let forgotten = self.processes.learn(
            &processes,
            snapshots,
            Duration::from_nanos(drained.monotonic_ns),
        );
        self.counters.forget(&forgotten);
        let rows = flows.len() as u64;
        let usage = flows
            .iter()
            .filter_map(|(key, counters)| self.usage(key, counters, window, drained, &mut losses))
            .collect();
        self.losses.merge(&losses);

        let drain_ms = (drained.monotonic_ns.saturating_sub(now.monotonic_ns)) as f64 / 1e6;
        let report = self.report(drained, programs, rows, drain_ms);
        Ok(vec![
            Event::Usage(Arc::new(UsageBatch {
                window,
                usage,
                losses,
            })),
            Event::Health(Arc::new(report)),
        ])
    }

    fn usage(
        &mut self,
        key: &FlowKey,
        counters: &FlowCounters,
        window: Window,
        now: Clocks,
        losses: &mut Losses,
    ) -> Option<Usage> {
        let is_of_others = key.flags == FLAG_FOLDED && key.process == ProcessKey::default();
        let (process, is_known) = if is_of_others {
            (Arc::new(process::others()), true)
        } else {
            self.processes.process(key.process)
        };
        if !self.selection.selects(&process) {
            return None;
        }
        let (sent_bytes, received_bytes) = windows::bytes(counters, losses);
        let count = LossCount {
            events: 1,
            sent_bytes,
            received_bytes,
        };
        if !is_known {
            losses.add(LossReason::ProcessUnknown, count);
        }
        let Some(protocol) = windows::protocol_of(key) else {
            losses.add(LossReason::DrainMismatch, count);
            return None;
        };
        // A row that holds nothing but a correction.
        if sent_bytes == 0 && received_bytes == 0 {
            return None;
        }
        let (first_activity, last_activity) =
            windows::activity(counters, self.tick_ns, now, window);
        Some(Usage {
            process,
            protocol,
            local_port: key.local_port,
            remote: windows::remote(key),
            sent_bytes,
            received_bytes,
            first_activity,
            last_activity,
        })
    }

    /// What the kernel lost since the last tick.
    fn new_kernel_losses(&mut self, programs: &[ProgramStats]) -> Result<Losses, KernelError> {
        let mut total = Losses::default();
        for (loss, count) in self.counters.losses()? {
            let nettally_ebpf::loss::LossCount {
                events,
                sent_bytes,
                received_bytes,
            } = count;
            total.add(
                reason(loss),
                LossCount {
                    events,
                    // A correction of what was lost may come before it.
                    sent_bytes: sent_bytes.max(0).unsigned_abs(),
                    received_bytes: received_bytes.max(0).unsigned_abs(),
                },
            );
        }
        let misses = self.counters.missed_calls(programs);
        let count = LossCount {
            events: misses,
            ..LossCount::default()
        };
        total.add(LossReason::RecursionMissed, count);

        let mut new = Losses::default();
        for (&reason, &count) in &total.0 {
            let before = self.kernel_losses.get(reason);
            new.add(
                reason,
                LossCount {
                    events: count.events.saturating_sub(before.events),
                    sent_bytes: count.sent_bytes.saturating_sub(before.sent_bytes),
                    received_bytes: count.received_bytes.saturating_sub(before.received_bytes),
                },
            );
        }
        self.kernel_losses = total;
        Ok(new)
    }

    fn report(
        &mut self,
        now: Clocks,
        programs: Vec<ProgramStats>,
        flows: u64,
        drain_ms: f64,
    ) -> HealthReport {
        HealthReport {
            time: now.wall,
            source: self.name.clone(),
            backend: self.counters.backend().to_owned(),
            kernel: self.counters.release().to_owned(),
            programs,
            degradations: self.counters.degradations(),
            losses: self.losses.clone(),
            windows: self.windows,
            flows,
            flows_capacity: self.counters.flow_table_entries().into(),
            drain_ms,
            load_ms: self.counters.load_ms(),
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        for (reason, count) in self.all_losses().0 {
            let LossCount {
                events,
                sent_bytes,
                received_bytes,
            } = count;
            let meaning = reason.meaning();
            let source = &self.name;
            match reason.class() {
                LossClass::Detail => {
                    info!(source, %reason, events, sent_bytes, received_bytes, meaning, "Known less well.");
                }
                LossClass::Bytes | LossClass::Delivery => {
                    warn!(source, %reason, events, sent_bytes, received_bytes, meaning, "Lost.");
                }
            }
        }
    }
}

fn reason(loss: Loss) -> LossReason {
    match loss {
        Loss::FlowsFull => LossReason::FlowsFull,
        Loss::ProcessesFull => LossReason::ProcessesFull,
        Loss::RemoteUnresolved => LossReason::RemoteUnresolved,
        Loss::SocketStorage => LossReason::SocketStorage,
        Loss::OwnerUnknown => LossReason::OwnerUnknown,
        Loss::OverflowFull => LossReason::OverflowFull,
        Loss::ReadFailed => LossReason::ReadFailed,
        Loss::CallsFull => LossReason::CallsFull,
        Loss::ProbeMissed => LossReason::ProbeMissed,
        Loss::SnapshotMissed => LossReason::SnapshotMissed,
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
