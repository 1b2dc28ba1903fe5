//! What sinks that push over the network share: batches, retries, several endpoints, TLS, figures.
//!
//! Read in this order: [`options`] (what can be set), `courier` (from events to batches), `post`
//! (one batch until it is delivered or given up), `failure` (what may be tried again), `endpoints`
//! (where to), `batch`, [`Delivered`] (figures), `transport` and `tls` (connections), `trouble`
//! (the log), [`secret`].
//!
//! A server that is slow or dead delays this sink alone: the queue before it has a bound and a
//! policy, and here is at most one open batch and one for each request under way.

mod batch;
mod courier;
mod delivered;
mod endpoints;
mod failure;
pub mod options;
mod post;
pub mod secret;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod trouble;

pub(crate) use batch::{Framing, Item};
pub(crate) use courier::{Courier, Itemize};
pub use delivered::Delivered;
pub(crate) use endpoints::Endpoints;
pub(crate) use failure::{Failure, FailureKind, is_reset};
pub(crate) use post::{Post, Push};
pub(crate) use transport::{Client, Protocols, client};
