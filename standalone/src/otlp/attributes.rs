//! Labels under the names of OpenTelemetry's semantic conventions, where these have one.

use std::path::Path;

use nettally_source::Protocol;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};

use crate::cardinality::Label;

/// Attributes for a label: none if nothing is known.
pub(super) fn attributes(label: Label, value: &str) -> Vec<KeyValue> {
    if value.is_empty() {
        return Vec::new();
    }
    match label {
        // The conventions have a name for the executable, and none for what the kernel calls a
        // process.
        Label::Process => vec![text("nettally.process.name", value)],
        Label::App => vec![text("nettally.app", value)],
        Label::Pid => vec![number("process.pid", value)],
        Label::Exe => vec![
            text("process.executable.name", file_name(value)),
            text("process.executable.path", value),
        ],
        Label::User => vec![text("process.owner", value)],
        Label::Unit => vec![text("nettally.unit", value)],
        Label::Container => match value.split_once(':') {
            Some((runtime, id)) => {
                vec![
                    text("container.id", id),
                    text("container.runtime.name", runtime),
                ]
            }
            None => vec![text("container.id", value)],
        },
        Label::LocalPort => vec![number("network.local.port", value)],
        Label::Remote => vec![text("network.peer.address", value)],
        Label::RemotePort => vec![number("network.peer.port", value)],
        Label::Protocol => vec![text("network.transport", value)],
    }
}

pub(super) fn transport(protocol: Protocol) -> KeyValue {
    text("network.transport", protocol.name())
}

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.to_owned()))
}

/// The rest has a word where others have a number.
fn number(key: &str, value: &str) -> KeyValue {
    match value.parse() {
        Ok(number) => attribute(key, any_value::Value::IntValue(number)),
        Err(_word) => text(key, value),
    }
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn file_name(path: &str) -> &str {
    let name = Path::new(path).file_name().and_then(|name| name.to_str());
    name.unwrap_or(path)
}
