//! Embeds the source in a program of its own: prints who moved how much until Ctrl-C.
//!
//! `cargo run -p nettally-source --example embed` (as root)

use nettally_source::{
    Event, EventSink, ProcessNetworkConfig, SendError, ShutdownSignal, SourceConfig as _,
    SourceContext, Usage,
};

/// Where a pipeline would put events.
struct Printer;

#[async_trait::async_trait]
impl EventSink for Printer {
    #[expect(clippy::print_stdout, reason = "an example that prints")]
    async fn send_batch(&mut self, events: Vec<Event>) -> Result<(), SendError> {
        for event in events {
            match event {
                Event::Usage(batch) => {
                    for usage in &batch.usage {
                        println!("{}", line(usage));
                    }
                    if !batch.losses.is_empty() {
                        println!("lost: {:?}", batch.losses);
                    }
                }
                Event::Health(report) => {
                    // Said once, before the first window.
                    if report.windows == 0 {
                        for degradation in &report.degradations {
                            println!("{}", degradation.summary);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn line(usage: &Usage) -> String {
    let Usage {
        process,
        protocol,
        local_port,
        remote,
        sent_bytes,
        received_bytes,
        ..
    } = usage;
    // A name may hold anything, so it is shown escaped.
    let name = process.name.escape_debug();
    let port = remote.port().unwrap_or(0);
    format!(
        "{name} ({}) {protocol} :{local_port} - {}:{port} sent {sent_bytes} received {received_bytes}",
        process.id.pid,
        remote.ip_text(),
    )
}

#[tokio::main]
async fn main() -> nettally_source::Result<()> {
    let shutdown = ShutdownSignal::new(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C is not handled.");
        }
    });
    let context = SourceContext {
        key: "network".into(),
        shutdown,
        out: Box::new(Printer),
    };
    let source = ProcessNetworkConfig::default().build(context).await?;
    source.await.map_err(|()| "the source failed".into())
}
