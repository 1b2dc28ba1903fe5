//! Lines of a running daemon, as they come, to standard output.
//!
//! While the reader does not read, nothing is taken from the daemon, which merges windows: memory has
//! a bound here and there, and no byte is lost.

use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::client::Lines;

/// How long the daemon may take for the window that is open, and the reader for the last lines.
const LAST_LINES: Duration = Duration::from_secs(10);

/// Copies until `stop`, then up to the end of the window that is open; with `once`, one window. A
/// reader that is gone is no error. One that is there is told of a daemon that went away.
///
/// # Errors
/// The daemon ended first, or lines could not be written.
pub(super) async fn copy(
    lines: Lines,
    writer: Box<dyn Write + Send>,
    once: bool,
    deserted: BoxFuture<'static, ()>,
    stop: impl Future<Output = ()>,
    failure: impl FnOnce(&str) -> String,
) -> anyhow::Result<()> {
    let leave = lines.leave();
    let (to_writer, mut written) = writing(writer);
    let mut copying = pin!(take_all(lines, to_writer.clone()));
    tokio::select! {
        ended = &mut copying => {
            return end(ended, once, to_writer, written, failure).await;
        }
        () = deserted => return Ok(()),
        outcome = &mut written => return of_writer(outcome.context("the writer ended by a bug")?),
        () = stop => {}
    }
    let rest = async {
        leave.ask().await?;
        copying.await?;
        drop(to_writer);
        written.await.context("the writer ended by a bug")
    };
    match tokio::time::timeout(LAST_LINES, rest).await {
        Ok(outcome) => of_writer(outcome?),
        Err(_elapsed) => bail!(
            "nobody reads standard output, or the daemon does not end the stream; what moved since \
             the last line is not told"
        ),
    }
}

/// After the daemon's last line.
async fn end(
    ended: anyhow::Result<()>,
    once: bool,
    to_writer: mpsc::Sender<Bytes>,
    written: oneshot::Receiver<io::Result<()>>,
    failure: impl FnOnce(&str) -> String,
) -> anyhow::Result<()> {
    let ended = match ended {
        Ok(()) if once => Ok(()),
        Ok(()) => Err(anyhow!(
            "the daemon has stopped; all that it measured is told"
        )),
        Err(error) => Err(error),
    };
    let rest = async {
        if let Err(error) = &ended {
            let line = failure(&format!("{error:#}"));
            // Nobody takes it only if the reader is gone.
            drop(to_writer.send(line.into()).await);
        }
        drop(to_writer);
        written.await.context("the writer ended by a bug")
    };
    match tokio::time::timeout(LAST_LINES, rest).await {
        Ok(outcome) => of_writer(outcome?).and(ended),
        Err(_elapsed) => bail!("nobody reads standard output; the last lines are lost"),
    }
}

async fn take_all(mut lines: Lines, to_writer: mpsc::Sender<Bytes>) -> anyhow::Result<()> {
    loop {
        // First the place, then the lines: what is not taken, the daemon keeps.
        let Ok(place) = to_writer.reserve().await else {
            // The writer says why.
            return std::future::pending().await;
        };
        match lines.next().await? {
            Some(lines) => place.send(lines),
            None => return Ok(()),
        }
    }
}

fn of_writer(outcome: io::Result<()>) -> anyhow::Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("cannot write to standard output"),
    }
}

/// Writes on a thread of its own, which may block for as long as the reader likes.
fn writing(
    mut writer: Box<dyn Write + Send>,
) -> (mpsc::Sender<Bytes>, oneshot::Receiver<io::Result<()>>) {
    let (to_writer, mut lines) = mpsc::channel::<Bytes>(1);
    let (to_written, written) = oneshot::channel();
    std::thread::spawn(move || {
        let mut outcome = Ok(());
        while let Some(lines) = lines.blocking_recv() {
            outcome = writer.write_all(&lines);
            if outcome.is_err() {
                break;
            }
        }
        // Nobody waits any more only if the program is ending.
        drop(to_written.send(outcome));
    });
    (to_writer, written)
}
