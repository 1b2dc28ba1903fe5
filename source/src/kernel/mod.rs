//! The only code that talks to `bpf(2)`.
//!
//! [`probe`] asks (facts), [`plan`] decides (pure), [`load`] and [`attach`] obey; [`hooks`] is the one table of what
//! needs which kernel. [`tracefs`] sets breakpoints, [`existing`] looks for older sockets, [`rings`] for those
//! that no hook sees. [`btf`], [`offsets`] and [`identity_offsets`] read the running kernel's type information,
//! [`drain`] empties the maps without losing a byte, [`snapshot`] reads who a process is, [`syscall`] wraps what aya does not offer. The rest of the
//! crate sees [`Kernel`], behind the trait [`Counters`].

mod attach;
mod btf;
mod cgroup;
mod counters;
mod drain;
mod error;
mod existing;
mod hooks;
mod identity_offsets;
mod load;
mod networks;
mod offsets;
mod plan;
mod probe;
#[cfg(test)]
#[cfg(feature = "real-kernel")]
mod race;
#[cfg(test)]
#[cfg(feature = "real-kernel")]
mod recorded;
mod report;
mod rings;
mod snapshot;
mod syscall;
mod tracefs;

pub(crate) use counters::{Counters, Drained};
pub use error::KernelError;
pub(crate) use load::Kernel;
pub use report::{Fact, FactState, KernelReport, examine};
pub(crate) use syscall::{monotonic_ns, tick_ns};
