//! What serde finds wrong, in words for people.

use std::fmt;

use serde::de::{self, Unexpected};

use super::node::Position;
use super::problem::did_you_mean;

/// What serde found wrong, and where.
#[derive(Debug)]
pub(super) struct Defect {
    pub(super) place: Option<(String, Position)>,
    pub(super) problem: Defective,
}

/// The kinds of what can be wrong.
#[derive(Debug)]
pub(super) enum Defective {
    /// No option has this name.
    Option {
        found: String,
        allowed: &'static [&'static str],
    },
    /// A complete sentence: what was found, what is allowed.
    Value(String),
    /// Words of a type's own parser, which may not say what it was given.
    Other(String),
}

impl Defect {
    /// Sets the place unless something deeper has.
    pub(super) fn at(mut self, path: &str, position: Position) -> Self {
        self.place
            .get_or_insert_with(|| (path.to_owned(), position));
        self
    }

    /// Of the text `found`.
    pub(super) fn of_text(self, found: &str) -> Self {
        let problem = match self.problem {
            Defective::Other(words) => {
                Defective::Value(format!("found the text {found:?}, {}", parser_text(&words)))
            }
            complete @ (Defective::Option { .. } | Defective::Value(_)) => complete,
        };
        Self { problem, ..self }
    }
}

impl std::error::Error for Defect {}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Defective::Option { found, allowed } => f.write_str(&unknown("option", found, allowed)),
            Defective::Value(message) | Defective::Other(message) => f.write_str(message),
        }
    }
}

impl de::Error for Defect {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self {
            place: None,
            problem: Defective::Other(message.to_string()),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = found_text(found);
        let expected = expected.to_string();
        Self {
            place: None,
            problem: Defective::Value(format!(
                "found {found}, expected {}",
                expected_text(&expected)
            )),
        }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(found: &str, allowed: &'static [&'static str]) -> Self {
        Self {
            place: None,
            problem: Defective::Option {
                found: found.to_owned(),
                allowed,
            },
        }
    }

    fn unknown_variant(found: &str, allowed: &'static [&'static str]) -> Self {
        Self {
            place: None,
            problem: Defective::Value(unknown("value", found, allowed)),
        }
    }
}

/// `unknown option "x"; did you mean `y`? allowed: ...`.
pub(super) fn unknown(what: &str, found: &str, allowed: &[&str]) -> String {
    format!(
        "unknown {what} {found:?}{} allowed: {}",
        did_you_mean(found, allowed),
        allowed.join(", ")
    )
}

fn found_text(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(value) => format!("the text {value:?}"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map of options".to_owned(),
        other @ (Unexpected::Char(_)
        | Unexpected::Bytes(_)
        | Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_)) => other.to_string(),
    }
}

/// Serde's words for Rust types, as a person would say them.
fn expected_text(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "a nonzero usize" => "a whole number",
        "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "path string" => "a text",
        "a sequence" => "a list",
        words if words.starts_with("struct ") => "a map of options",
        words if words.starts_with("enum ") => "one word",
        words => words,
    }
}

/// The words of parsers that do not say what they want.
fn parser_text(words: &str) -> &str {
    match words {
        "invalid IP address syntax" => "expected a network such as 10.0.0.0/8 or 2001:db8::/32",
        "invalid socket address syntax" => "expected an address and a port, such as 127.0.0.1:9797",
        words => words,
    }
}
