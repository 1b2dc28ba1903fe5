//! Traffic of exactly known size.
//!
//! A *case* is a server and a client, each a process with a name of its own (see [`process`]). They
//! call the kernel through [`sys`], add every returned count to a [`Ledger`], and print it as one
//! line of JSON when they end. What was requested counts for nothing.

pub mod before;
pub mod churn;
pub mod datagrams;
pub mod drip;
pub mod endings;
pub mod held;
pub mod icmp;
pub mod identity;
mod ledger;
pub mod mapped;
pub mod namespaces;
pub mod nbd;
pub mod needs;
mod netfilter;
pub mod nothing;
pub mod packet;
pub mod place;
pub mod process;
pub mod program;
pub mod raw;
pub mod sctp;
pub mod storm;
pub mod sys;
pub mod tcp;
pub mod udp;
pub mod udplite;

pub use ledger::{Ledger, Moved, Protocol};

use std::io;

use place::Place;

/// One way of moving bytes: a row of the coverage matrix.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its processes are called `c-` and `s-` with this name, so it has 13 characters at most.
    pub name: &'static str,
    /// What it is called in the table that users read.
    pub title: &'static str,
    /// Whether this kernel can do it at all.
    pub needs: fn() -> Result<(), Lack>,
    /// Whether the tracepoint backend may leave the remote unresolved; bytes are exact all the same.
    pub remote_needs_trampolines: bool,
    /// Runs both sides and returns when both have ended.
    pub run: fn(&'static str, &Place) -> io::Result<()>,
}

/// What a kernel lacks for a case, and what shows that: `no MPTCP: CONFIG_MPTCP is not set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack(pub String);

impl Case {
    /// One that every kernel can do.
    #[must_use]
    pub const fn new(
        name: &'static str,
        title: &'static str,
        run: fn(&'static str, &Place) -> io::Result<()>,
    ) -> Self {
        assert!(name.len() <= 13, "the processes' names are cut off");
        Self {
            name,
            title,
            needs: || Ok(()),
            remote_needs_trampolines: false,
            run,
        }
    }

    /// The same, for kernels that can do it.
    #[must_use]
    pub const fn needing(self, needs: fn() -> Result<(), Lack>) -> Self {
        Self { needs, ..self }
    }

    /// The same, with a remote that no tracepoint shows.
    #[must_use]
    pub const fn without_remote_on_tracepoint(self) -> Self {
        Self {
            remote_needs_trampolines: true,
            ..self
        }
    }
}

/// All cases, TCP first.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let groups = tcp::GROUPS.iter().chain(udp::GROUPS).copied();
    let others = [
        udplite::CASES,
        icmp::CASES,
        raw::CASES,
        sctp::CASES,
        packet::CASES,
        nothing::CASES,
    ];
    groups.chain(others).flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_rows_have_a_name_or_title_in_common() {
        let names: BTreeSet<&str> = cases().map(|case| case.name).collect();
        let titles: BTreeSet<&str> = cases().map(|case| case.title).collect();
        assert_eq!(names.len(), cases().count());
        assert_eq!(titles.len(), cases().count());
    }
}
