//! From the tree to a [`Config`]: sections, components, defaults, and what must fit together.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use nettally_source::{Problem, ProcessNetworkConfig, SinkConfig, SourceConfig};
use nettally_sqlite_sink::SqliteConfig;
use serde::de::DeserializeOwned;

use super::Overrides;
use super::decode::decode;
use super::defect::unknown;
use super::node::{Entry, Node, Value, is_within, joined};
use super::options::{ApiConfig, Config, SinkEntry, SinkKind};
use super::problem::{Finding, did_you_mean};
use crate::cardinality::Told;
use crate::topology::WhenFull;

const SECTIONS: [&str; 5] = [
    "data_dir",
    "shutdown_deadline_secs",
    "api",
    "sources",
    "sinks",
];
const SOURCE_TYPES: [&str; 1] = ["process_network"];
const SINK_OPTIONS: [&str; 4] = ["type", "inputs", "when_full", "buffer_windows"];

/// Makes a configuration of a document.
pub(super) fn build(
    document: Node,
    origin: String,
    overrides: &Overrides,
) -> Result<Config, Vec<Finding>> {
    let mut builder = Builder {
        places: document.clone(),
        findings: Vec::new(),
    };
    let config = builder.config(document, origin, overrides);
    let Builder {
        places: _,
        mut findings,
    } = builder;
    findings.sort_by_key(|finding| finding.position);
    if findings.is_empty() {
        Ok(config)
    } else {
        Err(findings)
    }
}

struct Builder {
    /// The document as it was, to find the line of a path.
    places: Node,
    findings: Vec<Finding>,
}

impl Builder {
    fn config(&mut self, mut document: Node, origin: String, overrides: &Overrides) -> Config {
        let Overrides {
            data_dir,
            listen,
            backend,
        } = overrides;
        let given: PathBuf = self.optional(document.take("data_dir")).unwrap_or_default();
        let deadline = self.shutdown_deadline_secs(document.take("shutdown_deadline_secs"));
        let mut api: ApiConfig = self.optional(document.take("api")).unwrap_or_default();
        api.address = listen.unwrap_or(api.address);
        let valid = api.metrics.problems("metrics", Told::Sums);
        self.collect("api", if valid.is_empty() { Ok(()) } else { Err(valid) });
        let sources = document.take("sources").map(|entry| entry.node);
        let sinks = document.take("sinks").map(|entry| entry.node);
        self.refuse_rest(&document);

        let mut sources = self.sources(sources);
        for source in sources.values_mut() {
            source.backend = backend.unwrap_or(source.backend);
        }
        let mut config = Config {
            origin,
            data_dir: match (data_dir, given) {
                (Some(path), _) => path.clone(),
                (None, path) if path.as_os_str().is_empty() => Config::DEFAULT_DATA_DIR.into(),
                (None, path) => path,
            },
            shutdown_deadline_secs: deadline,
            api,
            sinks: self.sinks(sinks, &sources),
            sources,
        };
        for SinkEntry { kind, .. } in config.sinks.values_mut() {
            if let SinkKind::Sqlite(SqliteConfig { path, .. }) = kind {
                path.get_or_insert_with(|| config.data_dir.join("nettally.db"));
            }
        }
        let socket = config.data_dir.join(Config::SOCKET);
        config.api.socket.get_or_insert(socket);
        self.refuse_shared_databases(&config);
        if config.sinks.is_empty() && !config.api.enabled {
            self.report(
                "sinks",
                "none, and the API is off: what is counted would go nowhere",
            );
        }
        if !config.api.enabled && !config.sinks.is_empty() {
            self.refuse_sources_without_sinks(&config);
        }
        config
    }

    fn shutdown_deadline_secs(&mut self, entry: Option<Entry>) -> f64 {
        let seconds = self
            .optional(entry)
            .unwrap_or(Config::DEFAULT_SHUTDOWN_DEADLINE_SECS);
        if (1.0..=3600.0).contains(&seconds) {
            return seconds;
        }
        self.report(
            "shutdown_deadline_secs",
            format!("found {seconds}, expected 1 to 3600"),
        );
        Config::DEFAULT_SHUTDOWN_DEADLINE_SECS
    }

    fn refuse_sources_without_sinks(&mut self, config: &Config) {
        for name in config.sources.keys() {
            let is_taken = |entry: &SinkEntry| entry.inputs.contains(name);
            if !config.sinks.values().any(is_taken) {
                self.report(
                    &format!("sources.{name}"),
                    "no sink takes from it, and the API is off: what it counts would go nowhere",
                );
            }
        }
    }

    fn sources(&mut self, node: Option<Node>) -> BTreeMap<String, ProcessNetworkConfig> {
        let Some(node) = node.filter(|node| !matches!(node.value, Value::Nothing)) else {
            return BTreeMap::from([("network".to_owned(), ProcessNetworkConfig::default())]);
        };
        let sources: BTreeMap<_, _> = self
            .components(node)
            .into_iter()
            .filter_map(|(name, mut node)| {
                self.type_of(&mut node, &SOURCE_TYPES)?;
                let path = node.path.clone();
                let config: ProcessNetworkConfig = decode(node, &["type"], &mut self.findings);
                self.collect(&path, config.validate());
                Some((name, config))
            })
            .collect();
        if sources.is_empty() && self.findings.is_empty() {
            self.report(
                "sources",
                "none, so there is nothing to count; leave the section out for the default",
            );
        }
        sources
    }

    fn sinks(
        &mut self,
        node: Option<Node>,
        sources: &BTreeMap<String, ProcessNetworkConfig>,
    ) -> BTreeMap<String, SinkEntry> {
        let names: Vec<&str> = sources.keys().map(String::as_str).collect();
        let Some(node) = node.filter(|node| !matches!(node.value, Value::Nothing)) else {
            let history = SinkEntry {
                inputs: sources.keys().cloned().collect(),
                when_full: WhenFull::Block,
                buffer_windows: Config::DEFAULT_BUFFER_WINDOWS,
                kind: SinkKind::Sqlite(SqliteConfig::default()),
            };
            return BTreeMap::from([("history".to_owned(), history)]);
        };
        self.components(node)
            .into_iter()
            .filter_map(|(name, node)| Some((name, self.sink(node, &names)?)))
            .collect()
    }

    fn sink(&mut self, mut node: Node, sources: &[&str]) -> Option<SinkEntry> {
        let type_name = self.type_of(&mut node, &SinkKind::TYPES)?;
        let path = node.path.clone();
        let inputs: Option<Vec<String>> = self.optional(node.take("inputs"));
        let when_full: Option<WhenFull> = self.optional(node.take("when_full"));
        let buffer_windows: Option<usize> = self.optional(node.take("buffer_windows"));
        let kind = match type_name {
            "statsd" => SinkKind::Statsd(decode(node, &SINK_OPTIONS, &mut self.findings)),
            "vector" => SinkKind::Vector(decode(node, &SINK_OPTIONS, &mut self.findings)),
            "http" => SinkKind::Http(decode(node, &SINK_OPTIONS, &mut self.findings)),
            "otlp" => SinkKind::Otlp(decode(node, &SINK_OPTIONS, &mut self.findings)),
            _sqlite => SinkKind::Sqlite(decode(node, &SINK_OPTIONS, &mut self.findings)),
        };
        let valid = match &kind {
            SinkKind::Sqlite(config) => config.validate(),
            SinkKind::Statsd(config) => config.validate(),
            SinkKind::Vector(config) => config.validate(),
            SinkKind::Http(config) => config.validate(),
            SinkKind::Otlp(config) => config.validate(),
        };
        self.collect(&path, valid);
        self.check_inputs(&path, inputs.as_deref(), sources);
        Some(SinkEntry {
            inputs: inputs.unwrap_or_else(|| sources.iter().map(|&name| name.to_owned()).collect()),
            when_full: when_full.unwrap_or_else(|| kind.default_when_full()),
            buffer_windows: match buffer_windows.map(NonZeroUsize::new) {
                None => Config::DEFAULT_BUFFER_WINDOWS,
                Some(Some(windows)) => windows,
                Some(None) => {
                    self.report(
                        &joined(&path, "buffer_windows"),
                        "found 0, expected 1 or more",
                    );
                    Config::DEFAULT_BUFFER_WINDOWS
                }
            },
            kind,
        })
    }

    fn check_inputs(&mut self, sink: &str, inputs: Option<&[String]>, sources: &[&str]) {
        let Some(inputs) = inputs else { return };
        let path = joined(sink, "inputs");
        if inputs.is_empty() {
            self.report(
                &path,
                "empty, so the sink would get nothing; leave it out to take all sources",
            );
        }
        for (index, input) in inputs.iter().enumerate() {
            let at = format!("{path}[{index}]");
            if !sources.contains(&input.as_str()) {
                self.report(
                    &at,
                    format!(
                        "there is no source {input:?}{} the sources are: {}",
                        did_you_mean(input, sources),
                        sources.join(", ")
                    ),
                );
            } else if inputs[..index].contains(input) {
                self.report(
                    &at,
                    format!("{input:?} is given twice; every byte would count twice"),
                );
            }
        }
    }

    fn refuse_shared_databases(&mut self, config: &Config) {
        let databases: Vec<_> = config.databases().collect();
        for (index, (name, path)) in databases.iter().enumerate() {
            if let Some((other, _)) = databases[..index].iter().find(|(_, taken)| taken == path) {
                self.report(
                    &format!("sinks.{name}.path"),
                    format!(
                        "the sink {other:?} writes to {} already; give each its own file",
                        path.display()
                    ),
                );
            }
        }
    }

    /// The named members of a section.
    fn components(&mut self, node: Node) -> Vec<(String, Node)> {
        let Value::Map(entries) = node.value else {
            self.report(&node.path, "expected a map of names, each with its options");
            return Vec::new();
        };
        for Entry { key, node, .. } in &entries {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if key.is_empty() || !key.chars().all(is_name) {
                self.report(&node.path, "a name has letters, digits, `_` and `-` only");
            }
        }
        entries
            .into_iter()
            .map(|entry| (entry.key, entry.node))
            .collect()
    }

    /// Takes the `type` out of a component.
    fn type_of(&mut self, node: &mut Node, types: &[&'static str]) -> Option<&'static str> {
        if !matches!(node.value, Value::Map(_)) {
            let message = format!(
                "expected a map of options with a `type`; allowed: {}",
                types.join(", ")
            );
            self.report(&node.path, message);
            return None;
        }
        let Some(entry) = node.take("type") else {
            self.report(
                &node.path,
                format!(
                    "the option `type` is missing; allowed: {}",
                    types.join(", ")
                ),
            );
            return None;
        };
        let path = entry.node.path.clone();
        let word: String = self.optional(Some(entry))?;
        let found = types.iter().find(|name| **name == word).copied();
        if found.is_none() {
            self.report(&path, unknown("type", &word, types));
        }
        found
    }

    /// The value of an entry; `None` if it is absent, empty, or wrong and reported.
    fn optional<T: DeserializeOwned>(&mut self, entry: Option<Entry>) -> Option<T> {
        decode(entry?.node, &[], &mut self.findings)
    }

    fn refuse_rest(&mut self, document: &Node) {
        match &document.value {
            Value::Map(entries) => {
                for Entry { key, .. } in entries {
                    self.report(key, unknown("section", key, &SECTIONS));
                }
            }
            Value::Nothing => {}
            Value::Bool(_)
            | Value::Integer(_)
            | Value::LargeInteger(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => self.report(
                "",
                format!(
                    "expected a map of sections; allowed: {}",
                    SECTIONS.join(", ")
                ),
            ),
        }
    }

    /// Reports what a component finds wrong with its own options. An option of which a part could
    /// not be read is left out: it is not what the user wrote any more.
    fn collect(&mut self, component: &str, outcome: Result<(), Vec<Problem>>) {
        for Problem { path, message } in outcome.err().unwrap_or_default() {
            let path = joined(component, &path);
            let option = path.split('[').next().unwrap_or_default();
            let is_part = |finding: &Finding| is_within(&finding.path, option);
            if !self.findings.iter().any(is_part) {
                self.report(&path, message);
            }
        }
    }

    fn report(&mut self, path: &str, message: impl Into<String>) {
        let position = self.places.locate(path).unwrap_or_default();
        self.findings.push(Finding {
            path: path.to_owned(),
            position,
            message: message.into(),
        });
    }
}
