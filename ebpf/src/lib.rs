//! The contract between nettally's eBPF programs and user space: map keys and values, settings,
//! struct offsets, loss reasons. Every type is `repr(C)`, has no implicit padding, and has its size
//! asserted, because the same bytes are read on both sides.
//!
//! This crate never talks to the kernel; `nettally-source` does. Read in this order: [`flow`] (what
//! is counted), [`loss`] (what could not be), [`snapshot`] (who a process is), [`settings`] (what user space tells the programs).
//! The programs are in `src/kernel/`, compiled for `bpfel-unknown-none` by `cargo xtask ebpf`; the
//! compiled object is committed in `object/` and embedded as `OBJECT` with the feature `user`.

#![no_std]

pub mod flow;
pub mod loss;
#[cfg(feature = "user")]
mod object;
pub mod settings;
pub mod snapshot;

#[cfg(feature = "user")]
pub use object::{MANIFEST, OBJECT};
