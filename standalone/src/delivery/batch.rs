//! Encoded events, put together into requests. Pure.

use std::mem;

use bytes::Bytes;
use nettally_source::LossCount;

use super::options::BatchConfig;

/// One encoded event, and what is lost if it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) bytes: Vec<u8>,
    pub(crate) content: LossCount,
}

/// How encoded events become a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One after the other.
    Concatenated,
    /// As the values of a JSON array.
    JsonArray,
}

/// A body, and what is lost if it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) body: Bytes,
    pub(crate) content: LossCount,
}

/// The request that is being filled.
#[derive(Debug)]
pub(crate) struct Batch {
    framing: Framing,
    max_events: usize,
    max_bytes: usize,
    body: Vec<u8>,
    items: usize,
    content: LossCount,
}

impl Batch {
    pub(super) fn new(framing: Framing, config: &BatchConfig) -> Self {
        let BatchConfig {
            max_events,
            max_bytes,
            timeout_secs: _,
        } = config;
        Self {
            framing,
            max_events: *max_events,
            max_bytes: *max_bytes,
            body: Vec::new(),
            items: 0,
            content: LossCount::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Adds an event; the answer is the request before it, if that has no room for it.
    pub(super) fn add(&mut self, item: Item) -> Option<Request> {
        let Item { bytes, content } = item;
        let framing_bytes = match self.framing {
            Framing::Concatenated => 0,
            Framing::JsonArray => 2,
        };
        let is_full = self.items >= self.max_events
            || self.body.len() + bytes.len() + framing_bytes > self.max_bytes;
        let full = if is_full { self.take() } else { None };
        match (self.framing, self.items) {
            (Framing::Concatenated, _) => {}
            (Framing::JsonArray, 0) => self.body.push(b'['),
            (Framing::JsonArray, _) => self.body.push(b','),
        }
        self.body.extend_from_slice(&bytes);
        self.items += 1;
        self.content.add(content);
        full
    }

    /// What there is, if there is any.
    pub(super) fn take(&mut self) -> Option<Request> {
        if self.is_empty() {
            return None;
        }
        let mut body = mem::take(&mut self.body);
        if self.framing == Framing::JsonArray {
            body.push(b']');
        }
        self.items = 0;
        Some(Request {
            body: body.into(),
            content: mem::take(&mut self.content),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(framing: Framing, max_events: usize, max_bytes: usize) -> Batch {
        let config = BatchConfig {
            max_events,
            max_bytes,
            ..BatchConfig::default()
        };
        Batch::new(framing, &config)
    }

    fn item(text: &str) -> Item {
        Item {
            bytes: text.as_bytes().to_vec(),
            content: LossCount {
                events: 1,
                sent_bytes: 10,
                received_bytes: 1,
            },
        }
    }

    fn bodies(batch: &mut Batch, texts: &[&str]) -> Vec<String> {
        let mut requests: Vec<_> = texts
            .iter()
            .filter_map(|text| batch.add(item(text)))
            .collect();
        requests.extend(batch.take());
        let events: u64 = requests.iter().map(|request| request.content.events).sum();
        assert_eq!(events, texts.len() as u64);
        requests
            .into_iter()
            .map(|request| String::from_utf8(request.body.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn a_request_has_no_more_events_and_bytes_than_it_may() {
        let cases: [(Framing, usize, usize, &[&str]); 5] = [
            (Framing::Concatenated, 2, 99, &["aabb", "cc"]),
            (Framing::Concatenated, 9, 4, &["aabb", "cc"]),
            (Framing::Concatenated, 9, 1, &["aa", "bb", "cc"]),
            (Framing::JsonArray, 9, 99, &["[aa,bb,cc]"]),
            (Framing::JsonArray, 9, 7, &["[aa,bb]", "[cc]"]),
        ];
        for (framing, max_events, max_bytes, expected) in cases {
            let found = bodies(
                &mut batch(framing, max_events, max_bytes),
                &["aa", "bb", "cc"],
            );
            assert_eq!(found, expected, "{framing:?} {max_events} {max_bytes}");
        }
    }

    #[test]
    fn without_events_there_is_no_request() {
        assert_eq!(batch(Framing::JsonArray, 1, 1).take(), None);
    }
}
