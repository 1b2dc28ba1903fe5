//! Programs of others that take what nettally tells. Run by `cargo xtask test`, as root.

mod collectd;
mod statsd;
