//! What must hold on a real kernel. Run by `cargo xtask test`, as root.

mod audit;
mod bad_input;
mod churn;
mod exact;
mod filters;
mod hostile_names;
mod identity;
mod kernel_threads;
mod older_sockets;
mod regressions;
mod reload;
mod rights;
mod shutdown;
mod storm;
mod stream;
mod tools;
