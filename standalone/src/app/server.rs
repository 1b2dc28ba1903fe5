//! The API at work.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use nettally_source::ShutdownSignal;
use nettally_source::pipeline::shutdown::ShutdownTrigger;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::plan::{ApiPlan, SocketPlan};
use super::task::Task;
use crate::http::{self, ApiState, Doors, RequestLimit, SocketFile, Token};

/// Everything that requests come through, and what they must bring.
pub(super) struct Opened {
    doors: Doors,
    pub(super) token: Option<Token>,
    pub(super) limit: Option<RequestLimit>,
}

/// The API at work.
pub(super) struct RunningServer {
    trigger: ShutdownTrigger,
    pub(super) task: Task,
    pub(super) page: SocketAddr,
    pub(super) socket: Option<PathBuf>,
}

impl Opened {
    /// The address first: it leaves nothing behind if what follows fails.
    pub(super) async fn listener(api: &ApiPlan) -> anyhow::Result<TcpListener> {
        listen(api.address).await
    }

    pub(super) fn with(listener: TcpListener, api: &ApiPlan) -> anyhow::Result<Self> {
        let ApiPlan {
            address: _,
            socket,
            token_file,
            metrics: _,
            limit,
        } = api;
        let token = token_file
            .as_ref()
            .map(|path| {
                let token = Token::read_or_make(path);
                token.inspect(|_token| info!(file = %path.display(), "Requests need the token."))
            })
            .transpose()
            .context("other machines could ask without a token")?;
        let socket = match socket {
            Some(SocketPlan { path, is_chosen }) => match SocketFile::listen(path) {
                Ok(socket) => Some(socket),
                Err(error) if *is_chosen => return Err(error.into()),
                Err(error) => {
                    warn!(error = format!("{:#}", anyhow!(error)), "No Unix socket.");
                    None
                }
            },
            None => None,
        };
        Ok(Self {
            doors: Doors {
                network: listener,
                socket,
            },
            token,
            limit: *limit,
        })
    }

    pub(super) fn page(&self) -> anyhow::Result<SocketAddr> {
        let address = self.doors.network.local_addr();
        address.context("cannot learn the address of the page")
    }

    pub(super) fn serve(self, page: SocketAddr, state: ApiState) -> RunningServer {
        let Self { doors, .. } = self;
        let socket = doors.socket.as_ref().map(|socket| socket.path().to_owned());
        let (trigger, shutdown) = ShutdownSignal::wired();
        let task = Task::spawn(async move {
            http::serve(doors, state, shutdown).await;
            Ok(())
        });
        RunningServer {
            trigger,
            task,
            page,
            socket,
        }
    }
}

impl RunningServer {
    /// For people.
    pub(super) const NAME: &str = "the API";

    /// Ends it; requests that are being answered get a moment.
    pub(super) async fn finish(self) -> Result<(), ()> {
        let Self { trigger, task, .. } = self;
        trigger.shut_down();
        task.await
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "three of forty kinds have a better remedy"
        )]
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => {
                "is another nettally running? choose another address with --listen or \
                 `api.address`"
            }
            ErrorKind::PermissionDenied => {
                "choose a port from 1024 up with --listen or `api.address`"
            }
            ErrorKind::AddrNotAvailable => {
                "this machine does not have that address; choose one with --listen or \
                 `api.address`"
            }
            _ => "choose another address with --listen or `api.address`",
        };
        anyhow!(error).context(format!("cannot serve the page at {address}; {remedy}"))
    })?;
    Ok(listener)
}
