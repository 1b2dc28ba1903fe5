use std::collections::BTreeMap;

use futures::FutureExt as _;
use nettally_source as nettally;
use nettally_source::{GenerateConfig as _, SourceConfig as _};

use crate::vector::config::{
    DataType, GenerateConfig, LogNamespace, SourceConfig, SourceContext, SourceOutput,
};
use crate::vector::event::{Event, LogEvent, Metric, MetricKind, MetricTags, MetricValue, Value};
use crate::vector::{SendError, Source, SourceSender};

// In Vector's tree: #[configurable_component(source("process_network", "Usage per process."))]
#[derive(Clone, Debug, Default)]
pub struct ProcessNetworkConfig(pub nettally::ProcessNetworkConfig);

impl GenerateConfig for ProcessNetworkConfig {
    fn generate_config() -> serde_json::Value {
        serde_json::to_value(nettally::ProcessNetworkConfig::generate_config()).unwrap_or_default()
    }
}

#[async_trait::async_trait]
// In Vector's tree: #[typetag::serde(name = "process_network")]
impl SourceConfig for ProcessNetworkConfig {
    async fn build(&self, cx: SourceContext) -> crate::vector::Result<Source> {
        self.0.validate().map_err(|problems| problems[0].clone())?;
        // Vector takes the source to be running for as long as a clone of its signal lives.
        let alive = cx.shutdown.clone();
        let source = self.0.build(nettally::SourceContext {
            key: cx.key.id().into(),
            shutdown: nettally::ShutdownSignal::new(cx.shutdown.map(drop)),
            out: Box::new(Out(cx.out)),
        });
        let source = source.await?;
        Ok(async move { source.await.map(|()| drop(alive)) }.boxed())
    }

    fn outputs(&self, _global_log_namespace: LogNamespace) -> Vec<SourceOutput> {
        vec![SourceOutput::new_maybe_logs(
            DataType::Log | DataType::Metric,
        )]
    }

    fn can_acknowledge(&self) -> bool {
        self.0.can_acknowledge()
    }
}

pub struct Out(pub SourceSender);

#[async_trait::async_trait]
impl nettally::EventSink for Out {
    async fn send_batch(
        &mut self,
        events: Vec<nettally::Event>,
    ) -> Result<(), nettally::SendError> {
        let events: Vec<Event> = events.iter().flat_map(vector_events).collect();
        self.0
            .send_batch(events)
            .await
            .map_err(|error| match error {
                SendError::Timeout => nettally::SendError::Timeout,
                SendError::Closed => nettally::SendError::Closed,
            })
    }
}

/// Two counters for each flow, and a record of health where there is trouble.
fn vector_events(event: &nettally::Event) -> Vec<Event> {
    let counter = |row: &nettally::Usage, direction: &str, bytes: u64| {
        let name = format!("process_network_{direction}_bytes_total");
        let value = MetricValue::Counter {
            value: bytes as f64,
        };
        let tags = [
            ("name", row.process.name.clone()),
            ("pid", row.process.id.pid.to_string()),
            ("protocol", row.protocol.to_string()),
        ];
        let tags: MetricTags = tags
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect();
        Event::Metric(
            Metric::new(name, MetricKind::Incremental, value)
                .with_namespace(Some("host"))
                .with_tags(Some(tags)),
        )
    };
    match event {
        nettally::Event::Usage(batch) => batch
            .usage
            .iter()
            .flat_map(|row| {
                let sent = counter(row, "transmit", row.sent_bytes);
                [sent, counter(row, "receive", row.received_bytes)]
            })
            .collect(),
        nettally::Event::Health(report) => report
            .degradations
            .iter()
            .map(|trouble| {
                let message = Value::from(trouble.summary.as_str());
                let fields = BTreeMap::from([("message".to_owned(), message)]);
                Event::Log(LogEvent::from(fields))
            })
            .collect(),
    }
}
