//! What a daemon says of itself beyond its collector: its sinks and its database. A version that is
//! not ours may leave things out.

use std::collections::BTreeMap;

use nettally_source::LossCount;
use serde::Deserialize;
use serde_json::Value;

/// From `/api/v1/health`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct DaemonHealth {
    pub(crate) version: String,
    pub(crate) status: String,
    pub(crate) uptime_secs: i64,
    pub(crate) sinks: Vec<SinkHealth>,
    pub(crate) database: Option<Value>,
    pub(crate) losses: BTreeMap<String, Loss>,
}

/// One sink and the queue before it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct SinkHealth {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) losses: BTreeMap<String, Loss>,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, Value>,
}

/// What was lost on the way, for one reason.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Loss {
    #[serde(flatten)]
    pub(crate) count: LossCount,
    pub(crate) meaning: String,
}

impl SinkHealth {
    /// A figure of it, at any depth.
    pub(crate) fn figure(&self, name: &str) -> Option<u64> {
        self.rest.iter().find_map(|(key, value)| {
            if key == name {
                value.as_u64()
            } else {
                found(value, name)?.as_u64()
            }
        })
    }
}

/// The value of `name` in an object, or in one of those in it.
pub(crate) fn found<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = value.as_object()?;
    let nested = || fields.values().find_map(|value| found(value, name));
    fields.get(name).or_else(nested)
}
