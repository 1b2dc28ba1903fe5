//! Components of Vector 0.58 that the examples may use, and their options.

use serde_json::Value;

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Source,
    Transform,
    Sink,
}

/// One type of component.
pub(super) struct Component {
    kind: Kind,
    type_name: &'static str,
    pub(super) required: &'static [&'static str],
    optional: &'static [&'static str],
    /// Codecs of its `decoding` or `encoding`.
    codecs: &'static [&'static str],
}

const DECODERS: &[&str] = &[
    "bytes",
    "json",
    "native",
    "native_json",
    "syslog",
    "gelf",
    "influxdb",
    "vrl",
    "otlp",
];
const ENCODERS: &[&str] = &[
    "json",
    "text",
    "logfmt",
    "raw_message",
    "native",
    "native_json",
    "csv",
    "gelf",
    "cef",
];

/// What each has whose options are not listed for the component itself.
const OF_ALL_SINKS: &[&str] = &["type", "inputs", "buffer", "healthcheck", "proxy", "graph"];
const OF_ALL_TRANSFORMS: &[&str] = &["type", "inputs", "graph"];
const OF_ALL_SOURCES: &[&str] = &["type", "proxy", "graph"];

const COMPONENTS: &[Component] = &[
    Component {
        kind: Kind::Source,
        type_name: "exec",
        required: &["mode", "command"],
        optional: &[
            "scheduled",
            "streaming",
            "environment",
            "clear_environment",
            "working_directory",
            "include_stderr",
            "maximum_buffer_size_bytes",
            "framing",
            "decoding",
        ],
        codecs: DECODERS,
    },
    Component {
        kind: Kind::Source,
        type_name: "vector",
        required: &["address"],
        optional: &["version", "tls", "acknowledgements", "keepalive"],
        codecs: &[],
    },
    Component {
        kind: Kind::Source,
        type_name: "http_server",
        required: &["address"],
        optional: &[
            "path",
            "path_key",
            "strict_path",
            "method",
            "response_code",
            "encoding",
            "headers",
            "query_parameters",
            "host_key",
            "auth",
            "decoding",
            "framing",
            "tls",
            "keepalive",
            "acknowledgements",
        ],
        codecs: DECODERS,
    },
    Component {
        kind: Kind::Transform,
        type_name: "filter",
        required: &["condition"],
        optional: &[],
        codecs: &[],
    },
    Component {
        kind: Kind::Transform,
        type_name: "remap",
        required: &["source"],
        optional: &[
            "drop_on_error",
            "drop_on_abort",
            "reroute_dropped",
            "timezone",
            "metric_tag_values",
            "runtime",
        ],
        codecs: &[],
    },
    Component {
        kind: Kind::Sink,
        type_name: "prometheus_exporter",
        required: &[],
        optional: &[
            "address",
            "default_namespace",
            "buckets",
            "quantiles",
            "distributions_as_summaries",
            "flush_period_secs",
            "suppress_timestamp",
            "auth",
            "tls",
            "acknowledgements",
        ],
        codecs: &[],
    },
    Component {
        kind: Kind::Sink,
        type_name: "clickhouse",
        required: &["endpoint", "table"],
        optional: &[
            "database",
            "format",
            "skip_unknown_fields",
            "date_time_best_effort",
            "insert_random_shard",
            "query_settings",
            "compression",
            "encoding",
            "batch",
            "batch_encoding",
            "auth",
            "request",
            "tls",
            "acknowledgements",
        ],
        codecs: &[],
    },
    Component {
        kind: Kind::Sink,
        type_name: "vector",
        required: &["address"],
        optional: &[
            "version",
            "compression",
            "batch",
            "request",
            "tls",
            "acknowledgements",
        ],
        codecs: &[],
    },
    Component {
        kind: Kind::Sink,
        type_name: "file",
        required: &["path", "encoding"],
        optional: &[
            "idle_timeout_secs",
            "framing",
            "compression",
            "timezone",
            "truncate",
            "internal_metrics",
            "acknowledgements",
        ],
        codecs: ENCODERS,
    },
    Component {
        kind: Kind::Sink,
        type_name: "console",
        required: &["encoding"],
        optional: &["target", "framing", "acknowledgements"],
        codecs: ENCODERS,
    },
];

/// The component of that type, if there is one.
pub(super) fn component(kind: Kind, type_name: &str) -> Option<&'static Component> {
    let mut all = COMPONENTS.iter();
    all.find(|component| component.kind == kind && component.type_name == type_name)
}

impl Component {
    /// Whether it has an option.
    pub(super) fn has(&self, option: &str) -> bool {
        let of_all = match self.kind {
            Kind::Source => OF_ALL_SOURCES,
            Kind::Transform => OF_ALL_TRANSFORMS,
            Kind::Sink => OF_ALL_SINKS,
        };
        [self.required, self.optional, of_all]
            .iter()
            .any(|options| options.contains(&option))
    }

    /// What is wrong with the value of an option, as far as it is known here.
    pub(super) fn problem(&self, option: &str, value: &Value) -> Option<String> {
        let wrong = match option {
            "decoding" | "encoding" => {
                let codec = value["codec"].as_str().unwrap_or_default();
                !self.codecs.contains(&codec)
            }
            "acknowledgements" => !value["enabled"].is_boolean(),
            "address" => {
                let port = value.as_str().and_then(|text| text.rsplit_once(':'));
                port.is_none_or(|(_, port)| port.parse::<u16>().is_err())
            }
            "endpoint" => !value.as_str().is_some_and(|text| text.starts_with("http")),
            "mode" => value != "streaming" && value != "scheduled",
            "batch" => !has_only(value, &["max_bytes", "max_events", "timeout_secs"]),
            "buffer" => !is_buffer(value),
            "condition" => !is_condition(value),
            "compression" => {
                let known = ["none", "gzip", "zstd", "zlib", "snappy"];
                !value.is_boolean() && !value.as_str().is_some_and(|name| known.contains(&name))
            }
            "skip_unknown_fields" | "date_time_best_effort" | "include_stderr" => {
                !value.is_boolean()
            }
            "flush_period_secs" => !value.is_u64(),
            // A path without a literal beginning could lead anywhere.
            "path" => !value.as_str().is_some_and(|text| text.starts_with('/')),
            _ => false,
        };
        wrong.then(|| format!("{option} is {value}"))
    }
}

fn has_only(value: &Value, keys: &[&str]) -> bool {
    let object = value.as_object();
    object.is_some_and(|object| {
        object
            .iter()
            .all(|(key, value)| keys.contains(&key.as_str()) && value.is_number())
    })
}

/// On disk a buffer has a size in bytes, of which Vector asks for some 256 MiB at least.
fn is_buffer(value: &Value) -> bool {
    let is_full = value["when_full"] == "block" || value["when_full"] == "drop_newest";
    let is_sized = match value["type"].as_str() {
        Some("disk") => value["max_size"].as_u64() >= Some(268_435_488),
        Some("memory") => value["max_events"].is_u64(),
        _ => false,
    };
    is_full && is_sized
}

/// A bare word is VRL, and would be a variable that is not there.
fn is_condition(value: &Value) -> bool {
    match value {
        Value::String(program) => program.contains('.'),
        Value::Object(condition) => {
            let kind = condition.get("type").and_then(Value::as_str);
            condition.len() == 1 && matches!(kind, Some("is_log" | "is_metric"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}
