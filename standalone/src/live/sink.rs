//! The way from the pipeline into memory.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use nettally_source::{Event, StreamSink};

use super::Live;

pub(super) struct LiveSink(pub(super) Arc<Live>);

#[async_trait]
impl StreamSink for LiveSink {
    async fn run(self: Box<Self>, mut input: BoxStream<'_, Event>) -> Result<(), ()> {
        let Self(live) = *self;
        while let Some(event) = input.next().await {
            live.hand_on(&event);
            match event {
                Event::Usage(batch) => live.update(&batch),
                Event::Health(report) => live.report(report),
            }
        }
        live.end();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::testing::{batch, flow, health};

    #[tokio::test]
    async fn events_reach_snapshot_and_reports_and_the_end_reaches_subscribers() {
        let live = Live::new();
        let mut subscription = live.subscribe();
        let events = vec![
            Event::Health(Arc::new(health())),
            Event::Usage(Arc::new(batch(0, vec![flow("curl", 7, "10.0.0.1", 3, 4)]))),
        ];
        live.sink()
            .run(futures::stream::iter(events).boxed())
            .await
            .unwrap();
        assert_eq!(live.reports()[0].backend, "tracepoint");
        assert_eq!(live.snapshot().moved.received_bytes, 4);
        assert_eq!(subscription.next().await.unwrap().sequence, 1);
        assert!(subscription.next().await.is_none());
    }
}
