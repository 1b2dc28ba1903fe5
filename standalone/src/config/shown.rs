//! The configuration as it is in effect, for whoever may ask: without what is secret.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::options::{Config, SinkEntry, SinkKind};

/// Stands for what is not shown.
const HIDDEN: &str = "***";

/// All that is in effect, defaults included, in the shape of a configuration file. Passwords, tokens and
/// headers are `***` by their type, patterns of `redact` and passwords in addresses by their place.
#[must_use]
pub fn shown(config: &Config) -> Value {
    let Config {
        origin,
        data_dir,
        api,
        sources,
        sinks,
        shutdown_deadline_secs,
    } = config;
    let sources: Map<String, Value> = sources
        .iter()
        .map(|(name, source)| {
            let mut options = options(source);
            if let Some(Value::Array(patterns)) = options.get_mut("redact") {
                patterns.fill(json!(HIDDEN));
            }
            options.insert("type".to_owned(), json!("process_network"));
            (name.clone(), Value::Object(options))
        })
        .collect();
    let sinks: Map<String, Value> = sinks
        .iter()
        .map(|(name, entry)| (name.clone(), sink(entry)))
        .collect();
    json!({
        "origin": origin,
        "data_dir": data_dir,
        "api": Value::Object(options(api)),
        "sources": sources,
        "sinks": sinks,
        "shutdown_deadline_secs": shutdown_deadline_secs,
    })
}

fn sink(entry: &SinkEntry) -> Value {
    let SinkEntry {
        inputs,
        when_full,
        buffer_windows,
        kind,
    } = entry;
    let mut options = match kind {
        SinkKind::Sqlite(config) => options(config),
        SinkKind::Statsd(config) => options(config),
        SinkKind::Vector(config) => options(config),
        SinkKind::Http(config) => options(config),
        SinkKind::Otlp(config) => options(config),
    };
    for value in options.values_mut() {
        hide_passwords(value);
    }
    options.insert("type".to_owned(), json!(kind.type_name()));
    options.insert("inputs".to_owned(), json!(inputs));
    options.insert("when_full".to_owned(), json!(when_full));
    options.insert("buffer_windows".to_owned(), json!(buffer_windows));
    Value::Object(options)
}

fn options(config: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(config) {
        Ok(Value::Object(options)) => options,
        Ok(other) => Map::from_iter([("value".to_owned(), other)]),
        Err(error) => Map::from_iter([("error".to_owned(), json!(error.to_string()))]),
    }
}

/// Of addresses such as `https://user:password@host/?token=x` the part that may be secret.
fn hide_passwords(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(harmless) = without_password(text) {
                *text = harmless;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide_passwords),
        Value::Object(values) => values.values_mut().for_each(hide_passwords),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn without_password(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((_user_and_password, host)) => format!("{HIDDEN}@{host}"),
        None => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, _query)) => format!("{path}?{HIDDEN}"),
        None => path.to_owned(),
    };
    Some(format!("{scheme}://{authority}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, parse};

    #[test]
    fn no_secret_of_any_component_is_shown_and_everything_else_is() {
        let yaml = "
sources:
  network: { type: process_network, redact: ['hunter1'] }
sinks:
  post:
    type: http
    uri: https://example.org/in?key=hunter4
    headers: { x-key: hunter5 }
    auth: { strategy: bearer, token: hunter6 }
  history: { type: sqlite }
";
        let config = parse(yaml, "a test", &Overrides::default()).unwrap();
        let shown = shown(&config);
        let text = shown.to_string();
        assert!(!text.contains("hunter"), "{text}");
        assert_eq!(shown["api"]["requests_per_second"], 100);
        assert_eq!(shown["sinks"]["post"]["uri"], "https://example.org/in?***");
        assert_eq!(shown["sinks"]["post"]["auth"]["token"], "***");
        assert_eq!(
            shown["sinks"]["history"]["path"],
            "/var/lib/nettally/nettally.db"
        );
        assert_eq!(shown["sources"]["network"]["scrape_interval_secs"], 1.0);
    }

    #[test]
    fn an_address_keeps_its_host() {
        for (address, expected) in [
            (
                "https://ada:hunter2@example.org:1/a",
                "https://***@example.org:1/a",
            ),
            (
                "https://example.org/?token=hunter2",
                "https://example.org/?***",
            ),
            ("http://example.org", "http://example.org"),
        ] {
            assert_eq!(without_password(address).as_deref(), Some(expected));
        }
        assert_eq!(without_password("127.0.0.1:8125"), None);
    }
}
