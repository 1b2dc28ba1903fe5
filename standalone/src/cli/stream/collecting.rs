//! A collector and a thread that writes, with a queue between them.
//!
//! The collector never waits: while the reader does not read, windows are merged in the queue into
//! longer ones, so memory has a bound and no byte is lost.

use std::future::Future;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use jiff::Timestamp;
use nettally_source::pipeline::shutdown::ShutdownTrigger;
use nettally_source::{Event, ShutdownSignal, SourceConfig, SourceContext};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};

use crate::encode::Encoder;
use crate::topology::{Fanout, Inlet, Queue, WhenFull};

/// Windows that wait for a late reader before they are merged.
const WAITING_WINDOWS: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not 0");

/// How long the collector may take for its last window.
const LAST_WINDOW: Duration = Duration::from_secs(5);

/// How long the reader may take for the last lines.
const LAST_LINES: Duration = Duration::from_secs(5);

/// A running collector.
pub(super) struct Collecting {
    queue: Arc<Queue>,
    events: BoxStream<'static, Event>,
    trigger: ShutdownTrigger,
    collector: JoinHandle<Result<(), ()>>,
}

/// What ended first.
enum End {
    Asked,
    Writer(Result<Written, oneshot::error::RecvError>),
    Collector(Result<Result<(), ()>, JoinError>),
}

/// What the writing thread gives back.
struct Written {
    outcome: io::Result<()>,
    /// For a last word.
    writer: Box<dyn Write + Send>,
    /// Kept until the collector has ended: to the queue, a reader that is gone is a loss.
    _events: BoxStream<'static, Event>,
}

impl Collecting {
    /// Starts a collector of our own.
    pub(super) async fn start(source: &dyn SourceConfig) -> anyhow::Result<Self> {
        let queue = Queue::new(WAITING_WINDOWS, WhenFull::Block);
        let events = queue.outlet();
        let (trigger, shutdown) = ShutdownSignal::wired();
        let run = source
            .build(SourceContext {
                key: "stream".into(),
                shutdown,
                out: Box::new(Fanout::new(vec![Inlet::into(&queue)])),
            })
            .await
            .map_err(anyhow::Error::from_boxed)
            .context("starting the collector")?;
        Ok(Self {
            queue,
            events,
            trigger,
            collector: tokio::spawn(run),
        })
    }

    /// Writes until `stop`, or one window only; then takes the last window and writes that too.
    ///
    /// A reader that is gone is no error. One that is there is told of a collector that failed.
    pub(super) async fn write_to(
        self,
        writer: Box<dyn Write + Send>,
        encoder: Encoder,
        once: bool,
        stop: impl Future<Output = ()>,
        now: impl FnOnce() -> Timestamp,
    ) -> anyhow::Result<()> {
        let Self {
            queue,
            events,
            trigger,
            mut collector,
        } = self;
        let mut written = writing(events, encoder.clone(), once, writer);
        let end = tokio::select! {
            () = stop => End::Asked,
            written = &mut written => End::Writer(written),
            ended = &mut collector => End::Collector(ended),
        };
        trigger.shut_down();
        let (collected, written) = match end {
            End::Asked => (
                last_window(collector).await,
                last_lines(written, &queue).await,
            ),
            End::Writer(written) => {
                let collected = last_window(collector).await;
                (collected, written.context("the writer ended by a bug"))
            }
            End::Collector(ended) => {
                let by_itself = Err(anyhow!("the collector ended without being asked to"));
                let collected = ended_well(ended).and(by_itself);
                (collected, last_lines(written, &queue).await)
            }
        };
        let Written {
            mut outcome,
            mut writer,
            _events,
        } = written?;
        if let (Ok(()), Err(error)) = (&outcome, &collected) {
            let line = encoder.failure(now(), &format!("{error:#}"));
            outcome = writer.write_all(line.as_bytes());
        }
        match outcome {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome
                .context("cannot write to standard output")
                .and(collected),
        }
    }
}

/// Writes on a thread of its own, which may block for as long as the reader likes.
fn writing(
    mut events: BoxStream<'static, Event>,
    mut encoder: Encoder,
    once: bool,
    writer: Box<dyn Write + Send>,
) -> oneshot::Receiver<Written> {
    let (to_written, written) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let mut writer = BufWriter::new(writer);
        let mut outcome = Ok(());
        while let Some(event) = runtime.block_on(events.next()) {
            outcome = write(&event, &mut encoder, &mut writer);
            if outcome.is_err() || (once && matches!(event, Event::Usage(_))) {
                break;
            }
        }
        // What could not be written must not be tried again.
        let (writer, _unwritten) = writer.into_parts();
        // Nobody waits any more only if the program is ending.
        drop(to_written.send(Written {
            outcome,
            writer,
            _events: events,
        }));
    });
    written
}

fn write(event: &Event, encoder: &mut Encoder, writer: &mut impl Write) -> io::Result<()> {
    for line in encoder.lines(event) {
        writer.write_all(line.as_bytes())?;
    }
    writer.flush()
}

async fn last_window(collector: JoinHandle<Result<(), ()>>) -> anyhow::Result<()> {
    match tokio::time::timeout(LAST_WINDOW, collector).await {
        Ok(ended) => ended_well(ended),
        Err(_elapsed) => bail!(
            "the collector did not end within {} s",
            LAST_WINDOW.as_secs()
        ),
    }
}

fn ended_well(ended: Result<Result<(), ()>, JoinError>) -> anyhow::Result<()> {
    ended
        .context("the collector ended by a bug")?
        .map_err(|()| anyhow!("the collector ended by an error, which it logged"))
}

async fn last_lines(written: oneshot::Receiver<Written>, queue: &Queue) -> anyhow::Result<Written> {
    match tokio::time::timeout(LAST_LINES, written).await {
        Ok(written) => written.context("the writer ended by a bug"),
        Err(_elapsed) => bail!(
            "nobody reads standard output; {} windows and a part of another are lost",
            queue.stats().waiting_windows
        ),
    }
}

#[cfg(test)]
mod tests;
