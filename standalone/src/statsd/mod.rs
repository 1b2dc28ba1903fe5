//! The sink `statsd`: what each process moved, as counters by UDP.
//!
//! `name` makes metric names, `encode` turns a window into datagrams (pure), `deliver` sends
//! them and counts what did not go out. Nothing is kept from one window to the next, so memory is
//! that of one window however many processes come and go.

mod config;
mod deliver;
mod encode;
mod name;

pub use config::{Statsd, StatsdConfig};
pub use deliver::Delivered;

#[cfg(test)]
mod tests;
