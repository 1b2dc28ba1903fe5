//! The server's socket: UDP, or a Unix socket for datagrams.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::time::timeout;

/// How long a server may leave its Unix socket full. Nobody waits for UDP.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A host and a port.
    Udp(String),
    /// A file.
    Unix(PathBuf),
}

impl Address {
    /// Reads `host:port` or `unix:/path`; `None` if it is neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return path.starts_with('/').then(|| Self::Unix(path.into()));
        }
        let (host, port) = text.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        (port > 0 && !host.is_empty()).then(|| Self::Udp(text.to_owned()))
    }
}

/// A way to it.
#[derive(Debug)]
pub(super) enum Peer {
    Udp(UdpSocket),
    Unix(UnixPeer),
}

/// A server at a file, which may be started after us, or anew.
#[derive(Debug)]
pub(super) struct UnixPeer {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Peer {
    /// Opens it. A Unix socket is looked for with every datagram until it is there.
    pub(super) async fn open(address: Address) -> anyhow::Result<Self> {
        match address {
            Address::Udp(address) => Ok(Self::Udp(connected(&address).await?)),
            Address::Unix(path) => Ok(Self::Unix(UnixPeer { path, socket: None })),
        }
    }

    /// Sends one datagram. By UDP, an error of kind `ConnectionRefused` is about the one before.
    pub(super) async fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(payload).await.map(drop),
            Self::Unix(peer) => peer.send(payload).await,
        }
    }

    /// Whether a refusal is about the datagram before.
    pub(super) const fn refuses_later(&self) -> bool {
        match self {
            Self::Udp(_) => true,
            Self::Unix(_) => false,
        }
    }
}

impl UnixPeer {
    async fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        if let Some(socket) = self.socket.take() {
            match timeout(PATIENCE, socket.send(payload)).await {
                Ok(Ok(_length)) => {
                    self.socket = Some(socket);
                    return Ok(());
                }
                Err(_elapsed) => {
                    self.socket = Some(socket);
                    return Err(self.error(ErrorKind::TimedOut, "the server does not read"));
                }
                // The server may have been started anew: its old socket is gone.
                Ok(Err(_stale)) => {}
            }
        }
        let socket = UnixDatagram::unbound()?;
        let sent = match socket.connect(&self.path) {
            Ok(()) => timeout(PATIENCE, socket.send(payload)).await,
            Err(error) => return Err(self.error(error.kind(), error)),
        };
        let outcome = match sent {
            Ok(Ok(_length)) => Ok(()),
            Ok(Err(error)) => Err(self.error(error.kind(), error)),
            Err(_elapsed) => Err(self.error(ErrorKind::TimedOut, "the server does not read")),
        };
        self.socket = Some(socket);
        outcome
    }

    fn error(&self, kind: ErrorKind, error: impl fmt::Display) -> io::Error {
        io::Error::new(kind, format!("{}: {error}", self.path.display()))
    }
}

async fn connected(address: &str) -> anyhow::Result<UdpSocket> {
    let peer = tokio::net::lookup_host(address)
        .await
        .with_context(|| format!("cannot look up the StatsD server {address}; check `address`"))?
        .next()
        .with_context(|| format!("the StatsD server {address} has no address; check `address`"))?;
    let any: IpAddr = if peer.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))
        .await
        .context("cannot open a UDP socket")?;
    socket.connect(peer).await.with_context(|| {
        format!("cannot reach the StatsD server {address} at {peer}; is there a route to it?")
    })?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_or_a_path() {
        let udp = |text: &str| Some(Address::Udp(text.to_owned()));
        let cases = [
            ("127.0.0.1:8125", udp("127.0.0.1:8125")),
            ("[::1]:8125", udp("[::1]:8125")),
            ("statsd.example:8125", udp("statsd.example:8125")),
            (
                "unix:/run/statsd.sock",
                Some(Address::Unix("/run/statsd.sock".into())),
            ),
            ("unix:statsd.sock", None),
            ("unix:", None),
            ("127.0.0.1", None),
            (":8125", None),
            ("h:0", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Address::parse(text), expected, "{text}");
        }
    }
}
