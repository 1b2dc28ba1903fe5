//! The messages of Vector's gRPC protocol, as far as they are sent: names and numbers of fields.
//!
//! Vector takes it for granted that every choice is made and every time is in range; a message that
//! breaks this makes it fail in a way that looks like trouble of the network. [`super`] makes none
//! that does.

use std::collections::BTreeMap;

/// What `/vector.Vector/PushEvents` takes.
///
/// Several of these one after the other mean one with all their events.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PushEventsRequest {
    /// In the order in which they were made.
    #[prost(message, repeated, tag = "1")]
    pub events: Vec<EventWrapper>,
}

/// One event.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EventWrapper {
    /// Never absent.
    #[prost(oneof = "Event", tags = "1, 2")]
    pub event: Option<Event>,
}

/// The kinds of events.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Event {
    /// A record.
    #[prost(message, tag = "1")]
    Log(Log),
    /// A measurement.
    #[prost(message, tag = "2")]
    Metric(Metric),
}

/// A record.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Log {
    /// A map, never absent.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Value>,
}

/// A value in a record.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Value {
    /// Never absent.
    #[prost(oneof = "ValueKind", tags = "1, 2, 4, 5, 6, 7, 8")]
    pub kind: Option<ValueKind>,
}

/// The kinds of values.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ValueKind {
    /// Text in UTF-8.
    #[prost(bytes, tag = "1")]
    RawBytes(Vec<u8>),
    /// An instant.
    #[prost(message, tag = "2")]
    Timestamp(Timestamp),
    /// A whole number.
    #[prost(int64, tag = "4")]
    Integer(i64),
    /// A number, never NaN.
    #[prost(double, tag = "5")]
    Float(f64),
    /// A truth.
    #[prost(bool, tag = "6")]
    Boolean(bool),
    /// Values with names.
    #[prost(message, tag = "7")]
    Map(ValueMap),
    /// Values in order.
    #[prost(message, tag = "8")]
    Array(ValueArray),
}

/// Values with names.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueMap {
    /// By name.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// Values in order.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueArray {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<Value>,
}

/// An instant.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Timestamp {
    /// Whole seconds since 1970, rounded down.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds since that second, 0 to 999999999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A measurement.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Metric {
    /// Its name, without the namespace.
    #[prost(string, tag = "1")]
    pub name: String,
    /// When it was true.
    #[prost(message, optional, tag = "2")]
    pub timestamp: Option<Timestamp>,
    /// Tags, one value each.
    #[prost(btree_map = "string, string", tag = "3")]
    pub tags_v1: BTreeMap<String, String>,
    /// Whether it adds to what was said before.
    #[prost(enumeration = "MetricKind", tag = "4")]
    pub kind: i32,
    /// Never absent.
    #[prost(oneof = "MetricValue", tags = "5")]
    pub value: Option<MetricValue>,
    /// What it belongs to.
    #[prost(string, tag = "11")]
    pub namespace: String,
    /// Milliseconds that it covers; 0 if that is not known.
    #[prost(uint32, tag = "18")]
    pub interval_ms: u32,
}

/// Whether a measurement adds to what was said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MetricKind {
    /// It does.
    Incremental = 0,
    /// It replaces it.
    Absolute = 1,
}

/// The kinds of measurements that are sent.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum MetricValue {
    /// A sum.
    #[prost(message, tag = "5")]
    Counter(Counter),
}

/// A sum.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Counter {
    /// What is added.
    #[prost(double, tag = "1")]
    pub value: f64,
}

/// What `/vector.Vector/HealthCheck` answers.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct HealthCheckResponse {
    /// Whether it takes events.
    #[prost(enumeration = "ServingStatus", tag = "1")]
    pub status: i32,
}

/// Whether a server takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ServingStatus {
    /// It does.
    Serving = 0,
    /// It does not.
    NotServing = 1,
}
