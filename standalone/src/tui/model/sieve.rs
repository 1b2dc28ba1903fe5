//! What the person wants to see: an expression of the same language as `report --where`, or plain
//! text to look for. Pure.

use nettally_source::{Process, Protocol, Remote};
use nettally_sqlite_sink::{Field, Filter, Flow};

use super::ledger::FlowKey;
use super::remotes::endpoint;
use crate::identity;

/// A filter as typed, and what it means.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sieve {
    text: String,
    meaning: Meaning,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Meaning {
    #[default]
    Everything,
    /// In lower case.
    Text(String),
    Expression(Filter),
    /// An expression that cannot be read, mostly because it is still being typed; hides nothing.
    Unreadable(String),
}

impl Sieve {
    /// Reads `text`.
    pub(crate) fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        let trimmed = text.trim();
        let meaning = match trimmed.parse::<Filter>() {
            _ if trimmed.is_empty() => Meaning::Everything,
            Ok(filter) => Meaning::Expression(filter),
            Err(error) if begins_as_expression(trimmed) => Meaning::Unreadable(error.to_string()),
            Err(_plain_words) => Meaning::Text(trimmed.to_lowercase()),
        };
        Self { text, meaning }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What is wrong with it, if something is.
    pub(crate) fn complaint(&self) -> Option<&str> {
        match &self.meaning {
            Meaning::Unreadable(complaint) => Some(complaint),
            Meaning::Everything | Meaning::Text(_) | Meaning::Expression(_) => None,
        }
    }

    /// Whether it says itself which protocols are meant.
    pub(crate) fn names_protocol(&self) -> bool {
        match &self.meaning {
            Meaning::Expression(filter) => filter.names_protocol(),
            Meaning::Everything | Meaning::Text(_) | Meaning::Unreadable(_) => false,
        }
    }

    /// Whether one has to look at each flow of a process to know.
    pub(crate) fn is_of_flows(&self) -> bool {
        match &self.meaning {
            Meaning::Expression(filter) => !filter.is_of_processes(),
            Meaning::Everything | Meaning::Text(_) | Meaning::Unreadable(_) => false,
        }
    }

    /// What a process did over a protocol, where no flow need be looked at.
    pub(crate) fn has_process(&self, process: &Process, protocol: Protocol) -> bool {
        match &self.meaning {
            Meaning::Everything | Meaning::Unreadable(_) => true,
            Meaning::Text(needle) => identity::matches(process, needle),
            Meaning::Expression(filter) => filter.matches(&Flow {
                process,
                protocol,
                local_port: 0,
                remote: Remote::Unresolved,
            }),
        }
    }

    /// A flow in a list of flows: text may be in its address too.
    pub(crate) fn has_flow(&self, process: &Process, key: FlowKey) -> bool {
        match &self.meaning {
            Meaning::Everything | Meaning::Unreadable(_) => true,
            Meaning::Text(needle) => {
                identity::matches(process, needle)
                    || endpoint(key.remote).contains(needle)
                    || key
                        .local_port()
                        .is_some_and(|port| port.to_string().contains(needle))
            }
            Meaning::Expression(filter) => filter.matches(&Flow {
                process,
                protocol: key.protocol,
                local_port: key.local_port,
                remote: key.remote,
            }),
        }
    }
}

/// Whether somebody who typed this means an expression: it begins with a field and an operator, or
/// with what only expressions have before one.
fn begins_as_expression(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut rest = lower.trim_start_matches(['(', ' ']);
    while let Some(after) = rest.strip_prefix("not ") {
        rest = after.trim_start_matches(['(', ' ']);
    }
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
    let after = after.trim_start();
    Field::ALL.iter().any(|field| field.name() == word)
        && (after.starts_with(['=', '!', '~', '<', '>'])
            || after
                .split([' ', '('])
                .next()
                .is_some_and(|word| word == "in" || word == "not"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::process;

    #[test]
    fn words_are_looked_for_and_expressions_decide() {
        let firefox = process(11, "firefox");
        let key = FlowKey {
            remote: Remote::Address {
                ip: "10.1.2.3".parse().unwrap(),
                port: 443,
            },
            protocol: Protocol::Tcp,
            local_port: 40_000,
        };
        let cases = [
            ("", true, true),
            ("FIRE", true, true),
            ("10.1", false, true),
            ("443", false, true),
            ("a b", false, false),
            ("process=firefox", true, true),
            ("process~Fire and protocol=tcp", true, true),
            ("protocol=udp", false, false),
            ("remote_ip in 10.0.0.0/8", false, true),
            ("not process~fire", false, false),
            // Unfinished: nothing is hidden.
            ("process=", true, true),
            ("protocol=tpc", true, true),
            ("not (remote_ip in ", true, true),
            // No field: text.
            ("--port=80", false, false),
            ("pid", false, false),
        ];
        for (text, of_process, of_flow) in cases {
            let sieve = Sieve::of(text);
            assert_eq!(
                sieve.has_process(&firefox, Protocol::Tcp),
                of_process,
                "{text}"
            );
            assert_eq!(sieve.has_flow(&firefox, key), of_flow, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert!(
            Sieve::of("protocol=tpc")
                .complaint()
                .unwrap()
                .contains("unknown protocol")
        );
        assert_eq!(Sieve::of("tpc").complaint(), None);
        assert_eq!(Sieve::of("protocol=tcp").complaint(), None);
        assert!(Sieve::of("remote_port=443").is_of_flows());
        assert!(!Sieve::of("pid=1").is_of_flows());
        assert!(Sieve::of("protocol=packet").names_protocol());
    }
}
