//! Standard output behind a thread, so that a reader that does not read stalls neither the
//! collector nor the answer to Ctrl-C.

use std::io::{self, ErrorKind, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

/// How long the reader may take for the last text.
const LAST_TEXT: Duration = Duration::from_secs(2);

/// Standard output.
pub(crate) struct Output {
    texts: Sender<String>,
    ended: oneshot::Receiver<io::Result<()>>,
}

impl Output {
    /// Starts the thread. It holds one text more than the one it writes, then writers wait.
    pub(crate) fn start() -> Self {
        let (texts, from_texts) = channel(1);
        let (to_ended, ended) = oneshot::channel();
        std::thread::spawn(move || {
            // Nobody listens any more only if the program is ending.
            drop(to_ended.send(write_all(from_texts)));
        });
        Self { texts, ended }
    }

    /// Hands over a text; waits while the reader is slow. A reader that is gone is no error.
    /// Nothing is written if the future is dropped.
    pub(crate) async fn write(&self, text: &str) {
        match self.texts.reserve().await {
            Ok(place) => place.send(text.to_owned()),
            Err(_closed) => tracing::debug!("The reader of standard output is gone."),
        }
    }

    /// Like [`Output::write`], but gives up on a reader that does not read.
    pub(crate) async fn write_soon(&self, text: &str) -> anyhow::Result<()> {
        tokio::time::timeout(LAST_TEXT, self.write(text))
            .await
            .context("standard output takes no more text; the last window is lost")
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.texts.is_closed()
    }

    /// Waits until nobody reads any more.
    pub(crate) async fn closed(&self) {
        self.texts.closed().await;
    }

    /// Waits until all is written.
    pub(crate) async fn finish(self) -> anyhow::Result<()> {
        drop(self.texts);
        match tokio::time::timeout(LAST_TEXT, self.ended).await {
            Ok(Ok(Err(error))) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Ok(Ok(written)) => written.context("writing to standard output"),
            Ok(Err(_thread_gone)) => bail!("the thread that writes to standard output is gone"),
            Err(_elapsed) => bail!("standard output takes no more text; the last window is lost"),
        }
    }
}

fn write_all(mut texts: Receiver<String>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    while let Some(text) = texts.blocking_recv() {
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
    }
    Ok(())
}
