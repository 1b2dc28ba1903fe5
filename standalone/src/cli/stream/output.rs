//! Standard output as a descriptor of its own, and the moment when nobody reads it any more.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use futures::future::BoxFuture;
use tokio::io::Interest;
use tokio::net::unix::pipe;

/// Where lines go.
pub(super) struct Output {
    pub(super) writer: File,
    /// Ready once nobody can read them any more; never if that cannot be told.
    pub(super) deserted: BoxFuture<'static, ()>,
}

impl Output {
    /// A stream of this process, without the buffer and the lock that it has here.
    pub(super) fn of(stream: impl AsFd) -> io::Result<Self> {
        let descriptor = || stream.as_fd().try_clone_to_owned();
        Ok(Self {
            writer: File::from(descriptor()?),
            deserted: Box::pin(deserted(descriptor()?)),
        })
    }
}

/// Without this, a collector whose reader was killed would live until the next byte is moved.
async fn deserted(descriptor: OwnedFd) {
    // Unchecked, as it stays a descriptor that blocks: nothing is written through this one. What
    // is no pipe is refused by the kernel, and a file has no reader that could go away.
    if let Ok(pipe) = pipe::Sender::from_owned_fd_unchecked(descriptor) {
        while let Ok(ready) = pipe.ready(Interest::ERROR).await {
            if ready.is_error() || ready.is_write_closed() {
                return;
            }
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_pipe_tells_when_its_reader_goes_and_a_file_never() {
        let (reader, writer) = std::io::pipe().unwrap();
        let Output {
            writer: _,
            mut deserted,
        } = Output::of(&writer).unwrap();
        assert!((&mut deserted).now_or_never().is_none());
        drop(reader);
        deserted.await;

        let file = tempfile::tempfile().unwrap();
        let Output {
            writer: _,
            deserted,
        } = Output::of(&file).unwrap();
        assert!(deserted.now_or_never().is_none());
    }
}
