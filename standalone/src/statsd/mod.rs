//! The sink `statsd`: what was moved, as counters in datagrams.
//!
//! `name` makes parts of metric names and tags, `encode` turns a window into datagrams (pure), `peer`
//! is the server's socket, `deliver` sends and counts what did not go out. Nothing is kept from one
//! window to the next, so memory is that of one window however many processes come and go.

mod config;
mod deliver;
mod encode;
mod name;
mod peer;

pub use config::{Statsd, StatsdConfig, Tags};
pub use deliver::Delivered;
pub use encode::{Datagram, Encoder};

#[cfg(test)]
mod tests;
