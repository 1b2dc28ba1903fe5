//! A YAML document as a tree in which every value knows its path, line and column.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// Where something stands in the file; both count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
        }
    }
}

/// A value of the document.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// From the top: `sources.network.remotes.include[1]`; empty for the whole document.
    pub(super) path: String,
    /// Where it begins.
    pub(super) position: Position,
    /// What it is.
    pub(super) value: Value,
}

/// The kinds of values.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Nothing,
    Bool(bool),
    Integer(i64),
    LargeInteger(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value; the value's path names the key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stands.
    pub(super) position: Position,
    pub(super) node: Node,
}

impl Node {
    /// Parses a document. A key given twice is an error, as is a second document.
    pub(super) fn parse(yaml: &str) -> Result<Self, serde_saphyr::Error> {
        let Raw(Spanned {
            value,
            referenced,
            defined: _,
        }) = serde_saphyr::from_str(yaml)?;
        Ok(placed(value, referenced, String::new()))
    }

    /// Takes the entry `key` out of a map.
    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        let Value::Map(entries) = &mut self.value else {
            return None;
        };
        let index = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(index))
    }

    /// Removes the value at `path`, somewhere below this one; says whether it was there.
    pub(super) fn remove(&mut self, path: &str) -> bool {
        match &mut self.value {
            Value::List(items) => {
                let before = items.len();
                items.retain(|item| item.path != path);
                items.len() < before || items.iter_mut().any(|item| item.remove(path))
            }
            Value::Map(entries) => {
                let before = entries.len();
                entries.retain(|entry| entry.node.path != path);
                entries.len() < before || entries.iter_mut().any(|entry| entry.node.remove(path))
            }
            Value::Nothing
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::LargeInteger(_)
            | Value::Float(_)
            | Value::Text(_) => false,
        }
    }

    /// Where `path` stands below this value, or its nearest parent that is in the file.
    pub(super) fn locate(&self, path: &str) -> Option<Position> {
        let (child, position) = match &self.value {
            Value::List(items) => items
                .iter()
                .find(|item| is_within(path, &item.path))
                .map(|item| (item, item.position))?,
            Value::Map(entries) => entries
                .iter()
                .find(|entry| is_within(path, &entry.node.path))
                .map(|entry| (&entry.node, entry.position))?,
            Value::Nothing
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::LargeInteger(_)
            | Value::Float(_)
            | Value::Text(_) => return None,
        };
        Some(child.locate(path).unwrap_or(position))
    }
}

/// The path of `key` in the map at `parent`.
pub(super) fn joined(parent: &str, key: &str) -> String {
    match (parent.is_empty(), key.is_empty()) {
        (true, _) => key.to_owned(),
        (false, true) => parent.to_owned(),
        (false, false) => format!("{parent}.{key}"),
    }
}

/// Whether `path` is `parent` or below it.
pub(super) fn is_within(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What the parser hands over, before paths are known.
struct Raw(Spanned<RawValue>);

enum RawValue {
    Scalar(Value),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

fn placed(raw: RawValue, at: Location, path: String) -> Node {
    let value = match raw {
        RawValue::Scalar(value) => value,
        RawValue::List(items) => Value::List(
            items
                .into_iter()
                .enumerate()
                .map(|(index, Raw(item))| {
                    placed(item.value, item.referenced, format!("{path}[{index}]"))
                })
                .collect(),
        ),
        RawValue::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, Raw(item))| Entry {
                    position: key.referenced.into(),
                    node: placed(item.value, item.referenced, joined(&path, &key.value)),
                    key: key.value,
                })
                .collect(),
        ),
    };
    Node {
        path,
        position: at.into(),
        value,
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(match i64::try_from(value) {
            Ok(value) => Value::Integer(value),
            Err(_too_large) => Value::LargeInteger(value),
        }))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Text(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Nothing))
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Nothing))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(RawValue::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_path_and_line() {
        let node = Node::parse("a:\n  b: [1, {c: x}]\n").unwrap();
        let at = |line, column| Some(Position { line, column });
        assert_eq!(node.locate("a.b[1].c"), at(2, 11));
        assert_eq!(node.locate("a.b"), at(2, 3));
        assert_eq!(node.locate("a.absent"), at(1, 1));
        assert_eq!(node.locate("absent"), None);
    }

    #[test]
    fn a_removed_item_does_not_rename_its_neighbours() {
        let mut node = Node::parse("a: [x, y]").unwrap();
        assert!(node.remove("a[0]"));
        assert!(!node.remove("a[0]"));
        assert!(node.remove("a[1]"));
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        let error = Node::parse("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.location().map(|at| at.line()), Some(3));
    }
}
