//! Who: from a kernel key to a process as a person would name it.
//!
//! [`table`] keeps what was found, [`proc`] reads `/proc`, [`user`] names users.

mod app;
mod arguments;
mod cgroup;
mod facts;
mod proc;
mod table;
mod user;

pub(crate) use facts::Snapshot;
pub(crate) use proc::ProcFolder;
pub(crate) use table::{ProcessTable, others};
