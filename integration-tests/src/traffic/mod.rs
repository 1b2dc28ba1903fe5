//! Traffic of exactly known size.
//!
//! A *case* is a server and a client, each a process with a name of its own (see [`process`]). They
//! call the kernel through [`sys`], add every returned count to a [`Ledger`], and print it as one
//! line of JSON when they end. What was requested counts for nothing.

pub mod churn;
pub mod drip;
pub mod endings;
pub mod held;
mod ledger;
pub mod mapped;
pub mod place;
pub mod process;
pub mod program;
pub mod raw;
pub mod storm;
pub mod sys;
pub mod tcp;
pub mod udp;

pub use ledger::{Ledger, Moved, Protocol};

use std::io;

use place::Place;

/// One way of moving bytes.
pub struct Case {
    /// Its processes are called `c-` and `s-` with this name.
    pub name: &'static str,
    /// Runs both sides and returns when both have ended.
    pub run: fn(&'static str, &Place) -> io::Result<()>,
}

/// All cases, TCP first.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let groups = [tcp::CASES, endings::CASES, udp::CASES, raw::CASES];
    groups.into_iter().flatten()
}
