//! The traits of sources and sinks: config, build, run. The shapes are those of Vector's.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::Serialize;

use super::event::Event;
use super::shutdown::ShutdownSignal;

/// Any error of building a component.
pub type Error = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Result of building a component.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A built source: the future is its run. `Err(())` means that it ended by a bug, which it logged.
pub type Source = BoxFuture<'static, std::result::Result<(), ()>>;

/// A built sink.
pub type Sink = Box<dyn StreamSink + Send>;

/// Tells whether a sink can deliver now.
pub type Healthcheck = BoxFuture<'static, Result<()>>;

/// The name a component has in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentKey(String);

impl ComponentKey {
    /// The name as text.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for ComponentKey {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for ComponentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Something wrong with one option of a component's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Problem {
    /// The option, from the component down, such as `remotes.include[1]`. Empty for the whole.
    pub path: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Problem {
    /// A problem with the option at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// What an event sender could not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The receiver did not take the events in time; they are lost to it.
    #[error("the receiver of events took too long")]
    Timeout,
    /// The receiver is gone; the source should end.
    #[error("the receiver of events is gone")]
    Closed,
}

/// Where a source puts its events.
#[async_trait]
pub trait EventSink: Send {
    /// Hands over events, waiting while the receiver is not ready.
    async fn send_batch(&mut self, events: Vec<Event>) -> std::result::Result<(), SendError>;
}

/// What a source gets when it is built.
pub struct SourceContext {
    /// Its name.
    pub key: ComponentKey,
    /// When to end.
    pub shutdown: ShutdownSignal,
    /// Where to put events.
    pub out: Box<dyn EventSink>,
}

impl fmt::Debug for SourceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceContext")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// What events can become at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// Records.
    Log,
    /// Numbers with a name.
    Metric,
    /// Either, as the receiver likes.
    LogOrMetric,
}

/// One of the ways out of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceOutput {
    /// Its name; none for the default one.
    pub port: Option<String>,
    /// What comes out.
    pub ty: DataType,
}

/// What only one component can have at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A port that is listened on.
    Port(SocketAddr),
    /// A file that is written.
    File(PathBuf),
}

/// A configuration that can be shown with all its defaults, for a user to start from.
pub trait GenerateConfig: Serialize + Sized {
    /// Every option with its default.
    fn generate_config() -> Self;
}

impl<T: Default + Serialize> GenerateConfig for T {
    fn generate_config() -> Self {
        Self::default()
    }
}

/// A source's configuration.
#[async_trait]
pub trait SourceConfig: fmt::Debug + Send + Sync {
    /// Finds every problem that can be found without touching the system.
    fn validate(&self) -> std::result::Result<(), Vec<Problem>>;

    /// Acquires what the source needs; the returned future does nothing until it is polled.
    async fn build(&self, cx: SourceContext) -> Result<Source>;

    /// What comes out, and where.
    fn outputs(&self) -> Vec<SourceOutput> {
        vec![SourceOutput {
            port: None,
            ty: DataType::LogOrMetric,
        }]
    }

    /// What no other component can have at the same time.
    fn resources(&self) -> Vec<Resource> {
        Vec::new()
    }

    /// Whether the source can be told that its events were delivered. A live source cannot.
    fn can_acknowledge(&self) -> bool {
        false
    }
}

/// What a sink gets when it is built.
#[derive(Clone, Debug)]
pub struct SinkContext {
    /// Its name.
    pub key: ComponentKey,
}

/// A sink's configuration.
#[async_trait]
pub trait SinkConfig: fmt::Debug + Send + Sync {
    /// Finds every problem that can be found without touching the system.
    fn validate(&self) -> std::result::Result<(), Vec<Problem>>;

    /// What no other component can have at the same time.
    fn resources(&self) -> Vec<Resource> {
        Vec::new()
    }

    /// Acquires what the sink needs.
    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)>;
}

/// A sink that takes events until there are no more.
#[async_trait]
pub trait StreamSink {
    /// Runs until `input` ends, then delivers what it holds and returns. `Err(())` means that it
    /// ended by a bug, which it logged; failure to deliver is counted and does not end it.
    async fn run(self: Box<Self>, input: BoxStream<'_, Event>) -> std::result::Result<(), ()>;
}
