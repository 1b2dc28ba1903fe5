//! Embeds `nettally-source` through its public API, and lets it measure this very process.

use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nettally_source::{
    Event, EventSink, ProcessNetworkConfig, SendError, ShutdownSignal, SourceConfig, SourceContext,
};

/// Hands events to a thread that counts.
struct Forward(Sender<Event>);

#[async_trait::async_trait]
impl EventSink for Forward {
    async fn send_batch(&mut self, events: Vec<Event>) -> Result<(), SendError> {
        for event in events {
            self.0.send(event).map_err(|_gone| SendError::Closed)?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let config = ProcessNetworkConfig {
        scrape_interval_secs: 0.2,
        ..ProcessNetworkConfig::default()
    };
    let (events, received) = channel();
    let (trigger, shutdown) = ShutdownSignal::wired();
    let context = SourceContext {
        key: "embedded".into(),
        shutdown,
        out: Box::new(Forward(events)),
    };
    let source = tokio::spawn(config.build(context).await?);

    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    let mut sent = 0;
    for length in [1, 1400, 9000] {
        sent += sender.send_to(&vec![0; length], receiver.local_addr()?)? as u64;
    }
    let counting = tokio::task::spawn_blocking(move || (count(&received, sent), received));
    // The receiver stays until the source has ended: its last window has to go somewhere.
    let (counted, _received) = counting.await?;
    trigger.shut_down();
    source.await?.map_err(|()| "the source ended by a bug")?;
    println!("sent {sent} bytes, counted {counted}");
    if counted == sent {
        Ok(())
    } else {
        Err("the count is wrong".into())
    }
}

/// What this process has sent, as events say, until it is all there or does not come.
fn count(events: &Receiver<Event>, expected: u64) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut counted = 0;
    while counted < expected {
        let left = deadline.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(Event::Usage(batch)) => {
                counted += batch
                    .usage
                    .iter()
                    .filter(|usage| usage.process.id.pid == std::process::id())
                    .map(|usage| usage.sent_bytes)
                    .sum::<u64>();
            }
            Ok(_health) => {}
            Err(_late_or_gone) => break,
        }
    }
    counted
}
