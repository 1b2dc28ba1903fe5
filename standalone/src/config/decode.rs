//! From the tree to typed options, with every problem and not only the first.

use serde::de::{
    self, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::defect::{Defect, Defective, unknown};
use super::node::{Entry, Node, Value, joined};
use super::problem::Finding;

/// Reads `node` as a `T`. What cannot be read is added to `findings` and left at its default, so
/// that the rest is looked at too. `elsewhere` are options of the same map that are read by somebody
/// else: they are among what is allowed.
pub(super) fn decode<T: DeserializeOwned + Default>(
    mut node: Node,
    elsewhere: &[&'static str],
    findings: &mut Vec<Finding>,
) -> T {
    loop {
        match T::deserialize(Borrowed(&node)) {
            Ok(value) => return value,
            Err(Defect { place, problem }) => {
                let (path, position) = place.unwrap_or_else(|| (node.path.clone(), node.position));
                let message = match problem {
                    Defective::Option { found, allowed } if joined(&node.path, &found) == path => {
                        unknown("option", &found, &[elsewhere, allowed].concat())
                    }
                    Defective::Option { found, allowed } => unknown("option", &found, allowed),
                    Defective::Value(message) | Defective::Other(message) => message,
                };
                let removed = node.remove(&path);
                findings.push(Finding {
                    path,
                    position,
                    message,
                });
                if !removed {
                    return T::default();
                }
            }
        }
    }
}

/// Reads values out of the tree.
struct Borrowed<'a>(&'a Node);

impl<'de> Deserializer<'de> for Borrowed<'de> {
    type Error = Defect;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Defect> {
        let Self(node) = self;
        match &node.value {
            Value::Nothing => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::LargeInteger(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor
                .visit_str(value)
                .map_err(|defect: Defect| defect.of_text(value)),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries::over(entries)),
        }
        .map_err(|defect| defect.at(&node.path, node.position))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Defect> {
        match &self.0.value {
            Value::Nothing => visitor.visit_none(),
            Value::Bool(_)
            | Value::Integer(_)
            | Value::LargeInteger(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => visitor.visit_some(self),
        }
    }

    /// A map whose options are all commented out is a map of defaults.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Defect> {
        let Self(node) = self;
        match &node.value {
            Value::Nothing => visitor
                .visit_map(Entries::over(&[]))
                .map_err(|defect| defect.at(&node.path, node.position)),
            Value::List(_) => Err(<Defect as de::Error>::invalid_type(
                Unexpected::Seq,
                &"struct of options",
            )
            .at(&node.path, node.position)),
            Value::Bool(_)
            | Value::Integer(_)
            | Value::LargeInteger(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Map(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Defect> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Defect> {
        let Self(node) = self;
        let word = match &node.value {
            Value::Text(word) => Some(word.as_str()),
            // YAML reads these two words as `true` and `false`.
            Value::Bool(true) => Some("on").filter(|word| variants.contains(word)),
            Value::Bool(false) => Some("off").filter(|word| variants.contains(word)),
            Value::Nothing
            | Value::Integer(_)
            | Value::LargeInteger(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_) => None,
        };
        match word {
            Some(word) => visitor
                .visit_enum(word.into_deserializer())
                .map_err(|defect: Defect| defect.at(&node.path, node.position)),
            None => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Defect;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Defect> {
        self.0
            .next()
            .map(|node| seed.deserialize(Borrowed(node)))
            .transpose()
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, Entry>,
    node: Option<&'a Node>,
}

impl<'a> Entries<'a> {
    fn over(entries: &'a [Entry]) -> Self {
        Self {
            rest: entries.iter(),
            node: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Defect;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Defect> {
        let Some(Entry {
            key,
            position,
            node,
        }) = self.rest.next()
        else {
            return Ok(None);
        };
        self.node = Some(node);
        seed.deserialize(key.as_str().into_deserializer())
            .map(Some)
            .map_err(|defect: Defect| defect.at(&node.path, *position))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Defect> {
        let node = self.node.take().expect("serde asks for a key first");
        seed.deserialize(Borrowed(node))
    }
}

#[cfg(test)]
mod tests {
    use nettally_source::ProcessNetworkConfig;

    use super::*;
    use crate::config::node::Position;

    fn findings(yaml: &str) -> Vec<String> {
        let mut findings = Vec::new();
        let _decoded: ProcessNetworkConfig = decode(Node::parse(yaml).unwrap(), &[], &mut findings);
        findings
            .iter()
            .map(|finding| {
                let Position { line, column: _ } = finding.position;
                format!("{line}: {}: {}", finding.path, finding.message)
            })
            .collect()
    }

    #[test]
    fn every_problem_is_found_not_only_the_first() {
        let yaml = "\
scrape_interval_sec: 2
backend: kprob
loopback: 7
protocols: [tcp, tpc]
remotes:
  include: [10.0.0.0/8, 10.0.0.0/33, nonsense]
processes: [firefox]
";
        assert_eq!(
            findings(yaml),
            [
                "1: scrape_interval_sec: unknown option \"scrape_interval_sec\"; did you mean \
                 `scrape_interval_secs`? allowed: scrape_interval_secs, backend, protocols, \
                 loopback, remotes, processes, flow_table_entries, process_table_entries, apps, \
                 command_lines, redact, tunnels",
                "2: backend: unknown value \"kprob\"; did you mean `kprobe`? allowed: auto, \
                 fexit, tracepoint, kprobe",
                "3: loopback: found the number 7, expected `true` or `false`",
                "4: protocols[1]: unknown value \"tpc\"; did you mean `tcp`? allowed: tcp, udp, \
                 udplite, icmp, raw, sctp, packet",
                "6: remotes.include[1]: found the text \"10.0.0.0/33\", expected a network such \
                 as 10.0.0.0/8 or 2001:db8::/32",
                "6: remotes.include[2]: found the text \"nonsense\", expected a network such as \
                 10.0.0.0/8 or 2001:db8::/32",
                "7: processes: found a list, expected a map of options",
            ]
        );
    }

    #[test]
    fn how_processes_are_named_is_read_with_its_places() {
        let yaml = "\
command_lines: of
apps:
  - { name: crawler, exe: /opt/crawler/* }
  - { name: crawler, comand_line: x }
redact: x
";
        assert_eq!(
            findings(yaml),
            [
                "1: command_lines: unknown value \"of\"; did you mean `off`? allowed: full, \
                 redacted, off",
                "4: apps[1].comand_line: unknown option \"comand_line\"; did you mean \
                 `command_line`? allowed: name, exe, command_line, unit",
                "5: redact: found the text \"x\", expected a list",
            ]
        );
        let mut findings = Vec::new();
        let node = Node::parse("command_lines: off\n").unwrap();
        let decoded: ProcessNetworkConfig = decode(node, &[], &mut findings);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(decoded.command_lines, nettally_source::CommandLines::Off);
    }

    #[test]
    fn options_left_empty_keep_their_defaults() {
        let mut findings = Vec::new();
        let node = Node::parse("remotes:\nloopback: false\n").unwrap();
        let decoded: ProcessNetworkConfig = decode(node, &[], &mut findings);
        assert!(findings.is_empty(), "{findings:?}");
        let expected = ProcessNetworkConfig {
            loopback: false,
            ..ProcessNetworkConfig::default()
        };
        assert_eq!(decoded, expected);
    }

    #[test]
    fn a_whole_number_is_a_number() {
        let mut findings = Vec::new();
        let node = Node::parse("scrape_interval_secs: 2").unwrap();
        let decoded: ProcessNetworkConfig = decode(node, &[], &mut findings);
        assert!(findings.is_empty());
        assert_eq!(decoded.scrape_interval_secs, 2.0);
    }
}
