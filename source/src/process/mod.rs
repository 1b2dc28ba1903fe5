//! Who: from a kernel key to a process as a person would name it.
//!
//! [`table`] keeps what was found. It takes what the kernel recorded ([`facts`]) or else reads
//! [`proc`], which gives the same facts, and asks [`user`] and [`tunnel`]. [`naming`] turns facts into
//! what is told, with [`cgroup`] (where it runs), [`arguments`] (without secrets) and [`app`] (what it
//! belongs to); these four are pure.

mod app;
mod arguments;
mod cgroup;
mod facts;
mod naming;
mod proc;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod tunnel;
mod user;

pub(crate) use facts::Snapshot;
pub(crate) use naming::Naming;
pub(crate) use proc::ProcFolder;
pub(crate) use table::{ProcessTable, others};
