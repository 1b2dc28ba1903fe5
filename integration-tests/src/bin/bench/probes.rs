//! Our programs, attached in this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use async_trait::async_trait;
use nettally_source::pipeline::ShutdownTrigger;
use nettally_source::{
    Event, EventSink, HealthReport, ProcessNetworkConfig, ProgramStats, SendError, ShutdownSignal,
    SourceConfig as _, SourceContext,
};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// A source that runs, read once a second as by default.
pub(crate) struct Probes {
    runtime: Runtime,
    source: JoinHandle<Result<(), ()>>,
    trigger: ShutdownTrigger,
    health: Receiver<Arc<HealthReport>>,
}

impl Probes {
    /// Loads and attaches. Attaching changes the text of the kernel, which disturbs it for about
    /// 100 ms (measured): that is waited for, here and in `detach`.
    pub(crate) fn attach() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let (events, health) = channel();
        let (trigger, shutdown) = ShutdownSignal::wired();
        let context = SourceContext {
            key: "bench".into(),
            shutdown,
            out: Box::new(HealthOnly(events)),
        };
        let source = runtime
            .block_on(ProcessNetworkConfig::default().build(context))
            .map_err(|error| anyhow!("{error}"))?;
        let source = runtime.spawn(source);
        settle();
        Ok(Self {
            runtime,
            source,
            trigger,
            health,
        })
    }

    /// Runs and nanoseconds of each program so far, as of a window that begins after the call.
    pub(crate) fn program_stats(&self) -> Result<BTreeMap<String, (u64, u64)>> {
        while self.health.try_recv().is_ok() {}
        let mut report = None;
        for _window in 0..2 {
            let next = self.health.recv_timeout(Duration::from_secs(5));
            report = Some(next.context("the source reports no health")?);
        }
        let programs = report.context("two reports came")?.programs.clone();
        Ok(programs
            .into_iter()
            .map(|program| {
                let ProgramStats {
                    hook,
                    runs,
                    run_time_ns,
                    recursion_misses: _,
                    instructions: _,
                    memory_bytes: _,
                } = program;
                (hook, (runs, run_time_ns))
            })
            .collect())
    }

    /// Detaches and unloads.
    pub(crate) fn detach(self) -> Result<()> {
        let Self {
            runtime,
            source,
            trigger,
            health,
        } = self;
        trigger.shut_down();
        let ended = runtime.block_on(source)?;
        drop(health);
        settle();
        ended.map_err(|()| anyhow!("the source ended by a bug"))
    }
}

fn settle() {
    std::thread::sleep(Duration::from_millis(200));
}

/// Passes health on and forgets usage, so that the source is measured and no sink.
struct HealthOnly(Sender<Arc<HealthReport>>);

#[async_trait]
impl EventSink for HealthOnly {
    async fn send_batch(&mut self, events: Vec<Event>) -> Result<(), SendError> {
        for event in events {
            match event {
                Event::Usage(_) => {}
                Event::Health(report) => {
                    self.0.send(report).map_err(|_gone| SendError::Closed)?;
                }
            }
        }
        Ok(())
    }
}

/// The kernel measures every program while this lives; that itself costs about 29 ns a run.
pub(crate) struct KernelStatistics {
    before: String,
}

const SYSCTL: &str = "/proc/sys/kernel/bpf_stats_enabled";

impl KernelStatistics {
    pub(crate) fn enable() -> Result<Self> {
        let before = std::fs::read_to_string(SYSCTL).context(SYSCTL)?;
        std::fs::write(SYSCTL, "1").context(SYSCTL)?;
        Ok(Self { before })
    }
}

impl Drop for KernelStatistics {
    fn drop(&mut self) {
        // It could be written a moment ago; nothing is to be done if it cannot be any more.
        drop(std::fs::write(SYSCTL, &self.before));
    }
}
