//! A collector of our own, whose last drain comes when we say so.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use nettally_source::pipeline::shutdown::ShutdownTrigger;
use nettally_source::{
    Event, ProcessNetworkConfig, ShutdownSignal, SourceConfig as _, SourceContext,
};
use tokio::task::JoinHandle;

use crate::topology::{Fanout, Inlet, Queue, WhenFull};

/// Windows that wait before they are merged; nobody reads slowly here.
const WAITING_WINDOWS: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not 0");

/// How long it may take for its last window.
const LAST_WINDOW: Duration = Duration::from_secs(5);

/// A running collector.
pub(super) struct Collector {
    events: BoxStream<'static, Event>,
    trigger: ShutdownTrigger,
    running: JoinHandle<Result<(), ()>>,
    _queue: Arc<Queue>,
}

impl Collector {
    pub(super) async fn start(source: &ProcessNetworkConfig) -> anyhow::Result<Self> {
        let queue = Queue::new(WAITING_WINDOWS, WhenFull::Block);
        let (trigger, shutdown) = ShutdownSignal::wired();
        let run = source
            .build(SourceContext {
                key: "audit".into(),
                shutdown,
                out: Box::new(Fanout::new(vec![Inlet::into(&queue)])),
            })
            .await
            .map_err(anyhow::Error::from_boxed)
            .context("starting the collector")?;
        Ok(Self {
            events: queue.outlet(),
            trigger,
            running: tokio::spawn(run),
            _queue: queue,
        })
    }

    /// The next event. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> anyhow::Result<Event> {
        let next = self.events.next().await;
        next.context("the collector ended by itself, by an error that it logged")
    }

    /// Drains once more, and ends; returns what had not been taken.
    pub(super) async fn finish(self) -> anyhow::Result<Vec<Event>> {
        let Self {
            events,
            trigger,
            running,
            _queue,
        } = self;
        trigger.shut_down();
        match tokio::time::timeout(LAST_WINDOW, running).await {
            Ok(ended) => {
                let ended = ended.context("the collector ended by a bug")?;
                if ended.is_err() {
                    bail!("the collector ended by an error, which it logged");
                }
            }
            Err(_elapsed) => bail!(
                "the collector did not end within {} s",
                LAST_WINDOW.as_secs()
            ),
        }
        Ok(events.collect().await)
    }
}
