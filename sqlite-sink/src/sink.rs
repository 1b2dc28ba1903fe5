//! The sink: hands batches from the stream to the thread that writes.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use nettally_source::pipeline::{Event, ShutdownSignal, StreamSink, UsageBatch};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::{error, info};

use crate::writer::Writer;

/// Batches on their way to the thread. When it is full the stream waits: the thread is in a
/// transaction, and the queue before the sink has its own policy.
const QUEUE_CAPACITY: usize = 64;

/// A built sink. Dropped before it runs, it leaves the file as it was opened.
#[derive(Debug)]
pub struct SqliteSink {
    writer: Writer,
    flush_interval: Duration,
    too_late: ShutdownSignal,
}

enum Message {
    Batch(Arc<UsageBatch>),
    Flush,
}

impl SqliteSink {
    pub(crate) fn new(writer: Writer, flush_interval: Duration) -> Self {
        Self {
            writer,
            flush_interval,
            too_late: ShutdownSignal::never(),
        }
    }

    /// Once `too_late` is ready, the end comes as soon as everything is stored. The thread tidies the
    /// file by itself, and it does no harm if the process ends in it.
    #[must_use]
    pub fn tidying_until(self, too_late: ShutdownSignal) -> Self {
        Self { too_late, ..self }
    }

    /// Takes windows for the passing of time, however fast they come: for history that is made up,
    /// such as that of a benchmark. Otherwise a clock that is suddenly far ahead makes nothing old.
    #[must_use]
    pub fn of_simulated_time(self) -> Self {
        Self {
            writer: self.writer.believing(),
            ..self
        }
    }
}

#[async_trait]
impl StreamSink for SqliteSink {
    /// Ends after everything is stored and the file is closed, or is not closed in time. If the future
    /// is dropped, the thread stores what it was given and ends by itself.
    async fn run(self: Box<Self>, mut input: BoxStream<'_, Event>) -> Result<(), ()> {
        let Self {
            writer,
            flush_interval,
            too_late,
        } = *self;
        let (messages, inbox) = mpsc::channel(QUEUE_CAPACITY);
        let (stored, is_stored) = oneshot::channel::<()>();
        let (finished, has_finished) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                write(writer, inbox, stored);
                drop(finished);
            })
            .map_err(|error| error!(%error, "The thread that writes the history did not start."))?;

        let mut ticks = interval_at(Instant::now() + flush_interval, flush_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                event = input.next() => match event {
                    Some(Event::Usage(batch)) => Message::Batch(batch),
                    Some(Event::Health(_)) => continue,
                    None => break,
                },
                _ = ticks.tick() => Message::Flush,
            };
            if messages.send(message).await.is_err() {
                break; // The thread is gone; joining it tells why.
            }
        }
        drop(messages);
        // They are dropped, never sent: that is how one waits for a thread without blocking.
        let _stored = is_stored.await;
        tokio::select! {
            biased;
            _closed = has_finished => {}
            () = too_late => {
                info!("All is stored; tidying the history takes longer, and is left to its next start.");
                return Ok(());
            }
        }
        thread
            .join()
            .map_err(|_panic| error!("The thread that writes the history ended by a bug."))
    }
}

/// Runs on the thread until the stream has ended.
fn write(mut writer: Writer, mut inbox: mpsc::Receiver<Message>, stored: oneshot::Sender<()>) {
    while let Some(message) = inbox.blocking_recv() {
        match message {
            Message::Batch(batch) => writer.accept(batch),
            Message::Flush => writer.flush(),
        }
    }
    writer.store_last();
    drop(stored);
    writer.close();
}
