//! The sink `vector`: events to the source `vector` of a Vector, by gRPC.
//!
//! `config` is what can be set and builds the sink, `push` makes requests, `status` says what their
//! answers mean. The messages are in [`crate::encode::protobuf`], retries and batches in
//! [`crate::delivery`].

mod config;
mod push;
mod status;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use config::{Vector, VectorConfig};
