//! Who: from a kernel key to a process as a person would name it.
//!
//! [`table`] keeps what was found, [`proc`] reads `/proc`, [`user`] names users.

mod proc;
mod table;
mod user;

pub(crate) use proc::ProcFolder;
pub(crate) use table::{ProcessTable, others};
