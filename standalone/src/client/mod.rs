//! A daemon that runs on this machine, asked through its Unix socket. Whoever may open the socket may
//! ask, so users of its group need no other right.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

/// One that does not answer by then has other trouble.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers to single questions are much shorter.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// A daemon that listens.
#[derive(Clone, Debug)]
pub struct Daemon {
    socket: PathBuf,
}

/// Why there is none to ask.
#[derive(Debug)]
pub enum Absence {
    /// The configuration has no socket.
    NotConfigured,
    /// Nobody listens there.
    Nobody(PathBuf),
    /// This user may not open the socket.
    Denied(PathBuf),
    /// Anything else.
    Failed(PathBuf, std::io::Error),
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured => f.write_str("the configuration has no `api.socket`"),
            Self::Nobody(path) => write!(f, "no daemon listens on {}", path.display()),
            Self::Denied(path) => write!(
                f,
                "this user may not open {}, it takes root or a user of its group",
                path.display()
            ),
            Self::Failed(path, error) => write!(f, "cannot open {}: {error}", path.display()),
        }
    }
}

impl Daemon {
    /// Looks whether one listens on `socket`.
    ///
    /// # Errors
    /// Says why none can be asked.
    pub async fn find(socket: Option<&Path>) -> Result<Self, Absence> {
        let Some(socket) = socket.filter(|path| !path.as_os_str().is_empty()) else {
            return Err(Absence::NotConfigured);
        };
        let path = socket.to_owned();
        match UnixStream::connect(socket).await {
            Ok(_stream) => Ok(Self { socket: path }),
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "three of forty kinds have a better remedy"
            )]
            Err(error) => Err(match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Absence::Nobody(path),
                ErrorKind::PermissionDenied => Absence::Denied(path),
                _ => Absence::Failed(path, error),
            }),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The answer to one question.
    ///
    /// # Errors
    /// There is none, or it is not what is expected.
    pub async fn ask<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = async {
            let (_connection, response) = self.request(Method::GET, path).await?;
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES);
            let body = body.collect().await.map_err(anyhow::Error::from_boxed)?;
            serde_json::from_slice(&body.to_bytes()).context("the answer is not understood")
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        answer
            .unwrap_or_else(|_elapsed| bail!("no answer within {} s", PATIENCE.as_secs()))
            .with_context(|| format!("asking the daemon for {path}"))
    }

    /// An answer without end.
    ///
    /// # Errors
    /// The daemon refuses, or is gone.
    pub async fn stream(&self, query: &str) -> anyhow::Result<Lines> {
        let path = format!("/api/v1/stream?{query}");
        let open = tokio::time::timeout(PATIENCE, self.request(Method::GET, &path)).await;
        let (connection, response) = open
            .unwrap_or_else(|_elapsed| bail!("no answer within {} s", PATIENCE.as_secs()))
            .with_context(|| format!("asking the daemon at {}", self.socket.display()))?;
        let number = response.headers().get(crate::http::STREAM_NUMBER);
        let number = number.and_then(|number| number.to_str().ok()?.parse().ok());
        Ok(Lines {
            body: response.into_body(),
            begun: Vec::new(),
            number,
            daemon: self.clone(),
            _connection: connection,
        })
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
    ) -> anyhow::Result<(Connection, Response<Incoming>)> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .context("the daemon is gone")?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = Connection(tokio::spawn(async move {
            // What goes wrong here, the body says too.
            drop(connection.await);
        }));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(hyper::header::HOST, "localhost")
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        if response.status().is_success() {
            return Ok((connection, response));
        }
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES);
        let body = body.collect().await.map_err(anyhow::Error::from_boxed)?;
        let said: serde_json::Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        match said["error"]["message"].as_str() {
            Some(message) => bail!("{}", crate::text::printable(message)),
            None if status == hyper::StatusCode::NOT_FOUND => {
                bail!("it is of another version and does not know this; restart it after an update")
            }
            None => bail!("it answers {status}"),
        }
    }
}

/// The task behind a connection, ended with it.
#[derive(Debug)]
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Lines as they come. While nobody asks for more, the daemon keeps them.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    /// A line whose end has not come.
    begun: Vec<u8>,
    number: Option<u64>,
    daemon: Daemon,
    _connection: Connection,
}

/// Ends a stream in order.
#[derive(Clone, Debug)]
pub struct Leave {
    daemon: Daemon,
    number: Option<u64>,
}

/// The longest line: a process with all its arguments.
const MAX_LINE_BYTES: usize = 16 << 20;

impl Lines {
    /// One or more whole lines; `None` once the daemon has said everything. Nothing is lost if the
    /// future is dropped.
    ///
    /// # Errors
    /// The daemon ended in the middle.
    pub async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        loop {
            let Some(frame) = self.body.frame().await else {
                if self.begun.is_empty() {
                    return Ok(None);
                }
                bail!("the daemon ended in the middle of a line");
            };
            let frame = frame.context("the daemon ended without a last word")?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let Some(end) = data.iter().rposition(|&byte| byte == b'\n') else {
                self.begun.extend_from_slice(&data);
                if self.begun.len() > MAX_LINE_BYTES {
                    bail!("the daemon sends a line without end");
                }
                continue;
            };
            let (whole, rest) = (data.slice(..=end), data.slice(end + 1..));
            let lines = if self.begun.is_empty() {
                whole
            } else {
                self.begun.extend_from_slice(&whole);
                Bytes::from(std::mem::take(&mut self.begun))
            };
            self.begun.extend_from_slice(&rest);
            return Ok(Some(lines));
        }
    }

    /// What ends this.
    #[must_use]
    pub fn leave(&self) -> Leave {
        Leave {
            daemon: self.daemon.clone(),
            number: self.number,
        }
    }
}

impl Leave {
    /// Asks the daemon to end the stream with the window that is open.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn ask(self) -> anyhow::Result<()> {
        let number = self
            .number
            .context("the daemon gave the stream no number")?;
        let path = format!("/api/v1/stream/reader?number={number}");
        let asked = self.daemon.request(Method::DELETE, &path);
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        let (_connection, _empty) = asked.context("the daemon does not answer")??;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
