//! Values of records. None is without a kind, none is NaN.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use super::message::{self, Value, ValueArray, ValueKind, ValueMap};

const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

/// A record, with `times` as instants in place of texts.
pub(super) fn record(record: &impl Serialize, times: &[(&str, Timestamp)]) -> Value {
    let json = serde_json::to_value(record).expect("texts, numbers, and keys that are texts");
    let Json::Object(fields) = json else {
        unreachable!("records are structs");
    };
    let mut fields: std::collections::BTreeMap<_, _> = fields
        .into_iter()
        .filter_map(|(name, json)| Some((name, of_json(json)?)))
        .collect();
    for &(name, time) in times {
        let time = of(ValueKind::Timestamp(instant(time)));
        fields.insert(name.to_owned(), time);
    }
    of(ValueKind::Map(ValueMap { fields }))
}

/// An instant as protobuf has it: the fraction of a second is never negative.
pub(super) fn instant(time: Timestamp) -> message::Timestamp {
    let nanoseconds = time.as_nanosecond();
    let seconds = nanoseconds.div_euclid(NANOSECONDS_PER_SECOND);
    let nanos = nanoseconds.rem_euclid(NANOSECONDS_PER_SECOND);
    message::Timestamp {
        seconds: i64::try_from(seconds).expect("a timestamp has 64-bit seconds"),
        nanos: i32::try_from(nanos).expect("less than a second"),
    }
}

/// Nothing is left out: an absent field says the same.
fn of_json(json: Json) -> Option<Value> {
    let kind = match json {
        Json::Null => return None,
        Json::Bool(value) => ValueKind::Boolean(value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => ValueKind::Integer(value),
            // Vector has no unsigned integers: a count above its largest is a float, as it is when
            // Vector reads it as JSON.
            None => ValueKind::Float(number.as_f64().expect("JSON numbers are finite")),
        },
        Json::String(text) => ValueKind::RawBytes(text.into_bytes()),
        Json::Array(items) => ValueKind::Array(ValueArray {
            items: items.into_iter().filter_map(of_json).collect(),
        }),
        Json::Object(fields) => ValueKind::Map(ValueMap {
            fields: fields
                .into_iter()
                .filter_map(|(name, json)| Some((name, of_json(json)?)))
                .collect(),
        }),
    };
    Some(of(kind))
}

fn of(kind: ValueKind) -> Value {
    Value { kind: Some(kind) }
}
