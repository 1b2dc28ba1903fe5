//! The sink `http`: events as JSON to any server that takes them by HTTP.
//!
//! `config` is what can be set and builds the sink, `auth` how this machine says who it is, `push`
//! makes requests, `answer` says what their answers mean. The lines are those of
//! [`crate::encode`], retries and batches are in [`crate::delivery`].

mod answer;
mod auth;
mod config;
mod push;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use auth::{AuthConfig, Strategy};
pub use config::{Encoding, Http, HttpConfig, Method};

pub(crate) use answer::retry_after;
pub(crate) use config::{endpoint, header_problems};
pub(crate) use push::{HttpPush, PushOptions};
