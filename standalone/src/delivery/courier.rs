//! From events to requests, some of which are under way at a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use nettally_source::{Event, StreamSink};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::batch::{Batch, Framing, Item, Request};
use super::options::BatchConfig;
use super::post::Post;

/// A way to encode events.
pub(crate) trait Itemize: Send {
    /// What one event becomes.
    fn items<'a>(&'a mut self, event: &'a Event) -> Box<dyn Iterator<Item = Item> + Send + 'a>;
}

/// A sink that pushes.
pub(crate) struct Courier {
    pub(crate) itemize: Box<dyn Itemize>,
    pub(crate) framing: Framing,
    pub(crate) batch: BatchConfig,
    /// Requests under way at a time.
    pub(crate) concurrency: usize,
    pub(crate) post: Arc<Post>,
    /// Done once at the start, beside everything else.
    pub(crate) greeting: Option<BoxFuture<'static, ()>>,
}

#[async_trait]
impl StreamSink for Courier {
    async fn run(self: Box<Self>, mut input: BoxStream<'_, Event>) -> Result<(), ()> {
        let Self {
            mut itemize,
            framing,
            batch,
            concurrency,
            post,
            greeting,
        } = *self;
        let mut filling = Filling {
            open: Batch::new(framing, &batch),
            patience: batch.timeout(),
            due: None,
        };
        let mut under_way = UnderWay {
            requests: JoinSet::new(),
            concurrency,
            post,
            bugs: 0,
        };
        let mut greetings = JoinSet::new();
        if let Some(greeting) = greeting {
            greetings.spawn(greeting);
        }
        loop {
            tokio::select! {
                event = input.next() => {
                    let Some(event) = event else { break };
                    for item in itemize.items(&event) {
                        if let Some(request) = filling.add(item) {
                            under_way.send(request).await;
                        }
                    }
                }
                () = until(filling.due) => {
                    if let Some(request) = filling.take() {
                        under_way.send(request).await;
                    }
                }
                Some(ended) = under_way.requests.join_next() => under_way.note(ended),
            }
        }
        if let Some(request) = filling.take() {
            under_way.send(request).await;
        }
        under_way.finish().await
    }
}

/// The open batch, and when it is due.
struct Filling {
    open: Batch,
    patience: Duration,
    due: Option<Instant>,
}

impl Filling {
    fn add(&mut self, item: Item) -> Option<Request> {
        let full = self.open.add(item);
        if full.is_some() || self.due.is_none() {
            self.due = Some(Instant::now() + self.patience);
        }
        full
    }

    fn take(&mut self) -> Option<Request> {
        self.due = None;
        self.open.take()
    }
}

/// The requests that are under way.
struct UnderWay {
    requests: JoinSet<()>,
    concurrency: usize,
    post: Arc<Post>,
    bugs: usize,
}

impl UnderWay {
    /// Waits for a place, then sends.
    async fn send(&mut self, request: Request) {
        while self.requests.len() >= self.concurrency {
            if let Some(ended) = self.requests.join_next().await {
                self.note(ended);
            }
        }
        let post = Arc::clone(&self.post);
        self.requests
            .spawn(async move { post.deliver(request).await });
    }

    /// A panic has printed its message, and its request is counted.
    fn note(&mut self, ended: Result<(), JoinError>) {
        self.bugs += usize::from(ended.is_err());
    }

    async fn finish(mut self) -> Result<(), ()> {
        while let Some(ended) = self.requests.join_next().await {
            self.note(ended);
        }
        if self.bugs == 0 { Ok(()) } else { Err(()) }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
