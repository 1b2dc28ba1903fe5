//! Vector's signatures, as far as an adapter of a source touches them (0.58), with just enough behind
//! them to move events.

use std::fmt;

use futures::future::BoxFuture;

pub type Error = Box<dyn std::error::Error + Send + Sync + 'static>;
pub type Result<T> = std::result::Result<T, Error>;
pub type Source = BoxFuture<'static, std::result::Result<(), ()>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    Timeout,
    Closed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for SendError {}

#[derive(Clone)]
pub struct SourceSender(tokio::sync::mpsc::Sender<event::Event>);

impl SourceSender {
    pub fn new_test(capacity: usize) -> (Self, tokio::sync::mpsc::Receiver<event::Event>) {
        let (sender, receiver) = tokio::sync::mpsc::channel(capacity);
        (Self(sender), receiver)
    }

    pub async fn send_batch<I, E>(&mut self, events: I) -> std::result::Result<(), SendError>
    where
        I: IntoIterator<Item = E>,
        <I as IntoIterator>::IntoIter: ExactSizeIterator + Send,
        E: Into<event::Event> + Send,
    {
        let events: Vec<event::Event> = events.into_iter().map(Into::into).collect();
        for event in events {
            let sent = self.0.send(event).await;
            sent.map_err(|_closed| SendError::Closed)?;
        }
        Ok(())
    }
}

pub mod shutdown {
    use std::pin::Pin;
    use std::sync::{Arc, Weak};
    use std::task::{Context, Poll};

    use futures::FutureExt as _;
    use futures::future::{BoxFuture, Shared};

    /// As long as one is there, the source has not ended.
    #[derive(Clone)]
    pub struct ShutdownSignalToken(#[expect(dead_code, reason = "held, never read")] Arc<()>);

    #[derive(Clone)]
    pub struct ShutdownSignal {
        begin: Shared<BoxFuture<'static, ()>>,
        token: Option<ShutdownSignalToken>,
    }

    impl ShutdownSignal {
        pub fn new_wired() -> (tokio::sync::oneshot::Sender<()>, Self, Weak<()>) {
            let (trigger, begin) = tokio::sync::oneshot::channel();
            let token = Arc::new(());
            let alive = Arc::downgrade(&token);
            let signal = Self {
                begin: begin.map(drop).boxed().shared(),
                token: Some(ShutdownSignalToken(token)),
            };
            (trigger, signal, alive)
        }
    }

    impl Future for ShutdownSignal {
        type Output = ShutdownSignalToken;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ShutdownSignalToken> {
            if self.token.is_none() || self.begin.poll_unpin(context).is_pending() {
                return Poll::Pending;
            }
            self.token.take().map_or(Poll::Pending, Poll::Ready)
        }
    }
}

pub mod config {
    use std::ops::BitOr;
    use std::time::Duration;

    pub use super::shutdown::ShutdownSignal;
    use super::{Result, Source, SourceSender};

    #[derive(Clone, Debug)]
    pub struct ComponentKey(String);

    impl From<&str> for ComponentKey {
        fn from(id: &str) -> Self {
            Self(id.to_owned())
        }
    }

    impl ComponentKey {
        pub fn id(&self) -> &str {
            &self.0
        }
    }

    pub struct SourceContext {
        pub key: ComponentKey,
        pub shutdown: ShutdownSignal,
        pub out: SourceSender,
    }

    #[derive(Clone, Copy, Debug)]
    pub enum LogNamespace {
        Legacy,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct DataType(u8);

    #[expect(non_upper_case_globals, reason = "Vector calls them so")]
    impl DataType {
        pub const Log: Self = Self(1);
        pub const Metric: Self = Self(2);
    }

    impl BitOr for DataType {
        type Output = Self;

        fn bitor(self, other: Self) -> Self {
            Self(self.0 | other.0)
        }
    }

    #[derive(Debug, PartialEq, Eq)]
    pub struct SourceOutput {
        pub ty: DataType,
    }

    impl SourceOutput {
        pub fn new_maybe_logs(ty: DataType) -> Self {
            Self { ty }
        }
    }

    #[derive(Debug)]
    pub enum Resource {}

    pub trait GenerateConfig {
        fn generate_config() -> serde_json::Value;
    }

    #[async_trait::async_trait]
    pub trait SourceConfig: std::fmt::Debug + Send + Sync {
        async fn build(&self, cx: SourceContext) -> Result<Source>;
        fn outputs(&self, global_log_namespace: LogNamespace) -> Vec<SourceOutput>;
        fn resources(&self) -> Vec<Resource> {
            Vec::new()
        }
        fn can_acknowledge(&self) -> bool;
        fn send_timeout(&self) -> Option<Duration> {
            None
        }
    }
}

pub mod event {
    use std::collections::BTreeMap;

    #[derive(Clone, Debug, PartialEq)]
    pub enum Value {
        Bytes(Vec<u8>),
    }

    impl From<&str> for Value {
        fn from(text: &str) -> Self {
            Self::Bytes(text.as_bytes().to_vec())
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    pub struct LogEvent(pub BTreeMap<String, Value>);

    impl From<BTreeMap<String, Value>> for LogEvent {
        fn from(fields: BTreeMap<String, Value>) -> Self {
            Self(fields)
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum MetricKind {
        Incremental,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub enum MetricValue {
        Counter { value: f64 },
    }

    pub type MetricTags = BTreeMap<String, String>;

    #[derive(Clone, Debug, PartialEq)]
    pub struct Metric {
        pub name: String,
        pub namespace: Option<String>,
        pub tags: Option<MetricTags>,
        pub kind: MetricKind,
        pub value: MetricValue,
    }

    impl Metric {
        pub fn new(name: impl Into<String>, kind: MetricKind, value: MetricValue) -> Self {
            Self {
                name: name.into(),
                namespace: None,
                tags: None,
                kind,
                value,
            }
        }

        pub fn with_namespace(self, namespace: Option<impl Into<String>>) -> Self {
            let namespace = namespace.map(Into::into);
            Self { namespace, ..self }
        }

        pub fn with_tags(self, tags: Option<MetricTags>) -> Self {
            Self { tags, ..self }
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    pub enum Event {
        Log(LogEvent),
        Metric(Metric),
    }
}
