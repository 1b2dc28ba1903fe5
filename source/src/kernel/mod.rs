//! The only code that talks to `bpf(2)`.
//!
//! [`probe`] asks (facts), [`plan`] decides (pure), [`load`] and [`attach`] obey; [`hooks`] is the one table of what
//! needs which kernel. [`tracefs`] sets breakpoints, [`existing`] looks for older sockets. [`btf`] and [`offsets`] read the running kernel's type information, [`drain`]
//! empties the maps without losing a byte, [`syscall`] wraps what aya does not offer. The rest of the
//! crate sees [`Kernel`], behind the trait [`Counters`].

mod attach;
mod btf;
mod cgroup;
mod counters;
mod drain;
mod error;
mod existing;
mod hooks;
mod load;
mod networks;
mod offsets;
mod plan;
mod probe;
#[cfg(test)]
#[cfg(feature = "real-kernel")]
mod race;
mod report;
mod syscall;
mod tracefs;

pub(crate) use counters::{Counters, Drained};
pub use error::KernelError;
pub(crate) use load::Kernel;
pub use report::{Fact, FactState, KernelReport, examine};
pub(crate) use syscall::{monotonic_ns, tick_ns};
