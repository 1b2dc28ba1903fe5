//! The last windows, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use nettally_source::{Event, Sink, StreamSink};

/// The present.
#[derive(Debug)]
pub struct Live;

impl Live {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self)
    }

    /// A sink that feeds this.
    #[must_use]
    pub fn sink(self: &Arc<Self>) -> Sink {
        Box::new(LiveSink)
    }
}

struct LiveSink;

#[async_trait]
impl StreamSink for LiveSink {
    async fn run(self: Box<Self>, mut input: BoxStream<'_, Event>) -> Result<(), ()> {
        while input.next().await.is_some() {}
        Ok(())
    }
}
