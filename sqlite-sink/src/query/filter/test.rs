//! What each field can be compared with.

use std::net::IpAddr;

use ipnet::IpNet;
use nettally_source::pipeline::{Attribution, Protocol, Remote};

use super::condition::{AddressTest, Condition, NumberField, NumberTest, TextField, TextTest};
use super::token::Operator;
use crate::address::AddressRange;
use crate::query::Field;

/// What a field is compared with.
pub(super) enum Value {
    /// The bare word `null`.
    Unknown,
    /// Anything else.
    Text(String),
}

/// What a field holds.
enum Kind {
    Text(TextField),
    Number(NumberField),
    Tunnel,
    Attribution,
    Protocol,
    Address,
}

/// The word that says that a process has no unit, container, pod or package.
const NONE: &str = "none";

const fn kind(field: Field) -> Kind {
    match field {
        Field::Process => Kind::Text(TextField::Process),
        Field::Exe => Kind::Text(TextField::Exe),
        Field::User => Kind::Text(TextField::User),
        Field::App => Kind::Text(TextField::App),
        Field::Unit => Kind::Text(TextField::Unit),
        Field::Container => Kind::Text(TextField::Container),
        Field::Pod => Kind::Text(TextField::Pod),
        Field::Package => Kind::Text(TextField::Package),
        Field::CommandLine => Kind::Text(TextField::CommandLine),
        Field::Tunnel => Kind::Tunnel,
        Field::Attribution => Kind::Attribution,
        Field::Pid => Kind::Number(NumberField::Pid),
        Field::RemotePort => Kind::Number(NumberField::RemotePort),
        Field::LocalPort => Kind::Number(NumberField::LocalPort),
        Field::Protocol => Kind::Protocol,
        Field::RemoteIp => Kind::Address,
    }
}

/// For messages.
pub(super) const fn allowed_operators(field: Field) -> &'static str {
    match kind(field) {
        Kind::Text(_) => "=, !=, ~, !~, in (..), not in (..)",
        Kind::Number(_) => "=, !=, <, <=, >, >=, in (..), not in (..)",
        Kind::Tunnel | Kind::Attribution | Kind::Protocol => "=, !=, in (..), not in (..)",
        Kind::Address => "=, !=, ~, !~, in NETWORK, in (..), not in",
    }
}

pub(super) const fn allows(field: Field, operator: Operator) -> bool {
    match operator {
        Operator::Equal | Operator::NotEqual => true,
        Operator::Contains | Operator::ContainsNot => {
            matches!(kind(field), Kind::Text(_) | Kind::Address)
        }
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            matches!(kind(field), Kind::Number(_))
        }
    }
}

/// `field operator value`, the operator being one that the field [`allows`].
pub(super) fn compare(
    field: Field,
    operator: Operator,
    value: &Value,
) -> Result<Condition, String> {
    match operator {
        Operator::Equal => is(field, value),
        Operator::NotEqual => is(field, value).map(Condition::not),
        Operator::Contains => contains(field, value),
        Operator::ContainsNot => contains(field, value).map(Condition::not),
        Operator::Less => between(field, value, |number| (0, number - 1)),
        Operator::LessOrEqual => between(field, value, |number| (0, number)),
        Operator::Greater => between(field, value, |number| (number + 1, i64::MAX)),
        Operator::GreaterOrEqual => between(field, value, |number| (number, i64::MAX)),
    }
}

/// `field = value`.
pub(super) fn is(field: Field, value: &Value) -> Result<Condition, String> {
    match (kind(field), value) {
        (Kind::Text(TextField::Process | TextField::App), Value::Unknown) => {
            Err(never_unknown(field))
        }
        (Kind::Text(text), Value::Text(value)) if text.may_be_none() && value == NONE => {
            Ok(Condition::Text(text, TextTest::Unknown))
        }
        (Kind::Text(text), Value::Unknown) => Ok(Condition::Text(text, TextTest::Unknown)),
        (Kind::Text(text), Value::Text(value)) => {
            Ok(Condition::Text(text, TextTest::Equals(value.clone())))
        }
        (
            Kind::Number(port @ (NumberField::RemotePort | NumberField::LocalPort)),
            Value::Unknown,
        ) => Ok(Condition::Number(port, NumberTest::Unknown)),
        (Kind::Number(_), _) => between(field, value, |number| (number, number)),
        (Kind::Tunnel | Kind::Attribution | Kind::Protocol, Value::Unknown) => {
            Err(never_unknown(field))
        }
        (Kind::Tunnel, Value::Text(value)) => {
            value
                .parse::<bool>()
                .map(Condition::Tunnel)
                .map_err(|_neither| {
                    format!("`{value}` is no value of `{field}`; allowed are true and false")
                })
        }
        (Kind::Attribution, Value::Text(value)) => value
            .parse::<Attribution>()
            .map(Condition::Attribution)
            .map_err(|unknown| unknown.to_string()),
        (Kind::Protocol, Value::Text(value)) => value
            .parse::<Protocol>()
            .map(Condition::Protocol)
            .map_err(|unknown| unknown.to_string()),
        (Kind::Address, Value::Unknown) => Ok(Condition::Address(AddressTest::Unresolved)),
        (Kind::Address, Value::Text(value)) => address(value),
    }
}

/// `field in value`, or one value of a list.
pub(super) fn one_of(field: Field, value: &Value) -> Result<Condition, String> {
    match (kind(field), value) {
        (Kind::Address, Value::Text(text)) if text.contains('/') => network(text),
        (
            Kind::Text(_)
            | Kind::Number(_)
            | Kind::Tunnel
            | Kind::Attribution
            | Kind::Protocol
            | Kind::Address,
            _,
        ) => is(field, value),
    }
}

fn contains(field: Field, value: &Value) -> Result<Condition, String> {
    let Value::Text(text) = value else {
        return Err("null is contained in nothing; for the text put it in quotes".to_owned());
    };
    let text = text.to_lowercase();
    match kind(field) {
        Kind::Text(field) => Ok(Condition::Text(field, TextTest::Contains(text))),
        Kind::Address => Ok(Condition::Address(AddressTest::Contains(text))),
        Kind::Number(_) | Kind::Tunnel | Kind::Attribution | Kind::Protocol => {
            Err(format!("`{field}` has no `~`"))
        }
    }
}

fn between(field: Field, value: &Value, ends: fn(i64) -> (i64, i64)) -> Result<Condition, String> {
    let Kind::Number(number_field) = kind(field) else {
        return Err(format!("`{field}` is no number"));
    };
    let Value::Text(text) = value else {
        return Err(never_unknown(field));
    };
    let largest = match number_field {
        NumberField::Pid => i64::from(u32::MAX),
        NumberField::RemotePort | NumberField::LocalPort => i64::from(u16::MAX),
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(number) if digits && number <= largest => {
            let (first, last) = ends(number);
            Ok(Condition::Number(
                number_field,
                NumberTest::Between(first, last),
            ))
        }
        Ok(_) | Err(_) => Err(format!(
            "`{text}` is no value of `{field}`; allowed are whole numbers from 0 to {largest}"
        )),
    }
}

fn address(text: &str) -> Result<Condition, String> {
    match text {
        Remote::UNRESOLVED => return Ok(Condition::Address(AddressTest::Unresolved)),
        Remote::OTHER => return Ok(Condition::Address(AddressTest::Other)),
        Remote::NONE => return Ok(Condition::Address(AddressTest::NoRemote)),
        _ => {}
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        let range = AddressRange::of(IpNet::from(ip.to_canonical()));
        return Ok(Condition::Address(AddressTest::Inside(range)));
    }
    Err(if text.parse::<IpNet>().is_ok() {
        format!("`{text}` is a network; write `remote_ip in {text}`")
    } else {
        format!(
            "`{text}` is no address; allowed are IPv4 such as 192.0.2.1, IPv6 such as 2001:db8::1, {}, {} and {}",
            Remote::UNRESOLVED,
            Remote::OTHER,
            Remote::NONE
        )
    })
}

fn network(text: &str) -> Result<Condition, String> {
    match text.parse::<IpNet>() {
        Ok(network) => {
            let range = AddressRange::of(network);
            let inside = Condition::Address(AddressTest::Inside(range));
            if !range.surrounds_ipv4() {
                return Ok(inside);
            }
            let ipv4 = Condition::Address(AddressTest::Inside(AddressRange::IPV4));
            Ok(Condition::All(vec![inside, ipv4.not()]))
        }
        Err(_) => Err(format!(
            "`{text}` is no network; allowed are an address, / and the length of the prefix, such as 10.0.0.0/8 (0 to 32) or 2001:db8::/32 (0 to 128)"
        )),
    }
}

fn never_unknown(field: Field) -> String {
    format!("`{field}` is never null here; a text `null` needs quotes")
}
