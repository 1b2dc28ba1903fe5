//! The only code that talks to `bpf(2)`.

mod report;

pub use report::{Fact, FactState, KernelReport, examine};
