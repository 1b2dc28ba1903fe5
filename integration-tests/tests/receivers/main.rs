//! Programs of others that take what nettally tells. Run by `cargo xtask test`, as root.

mod clickhouse;
mod collectd;
mod otlp;
mod prometheus;
mod statsd;
mod systemd;
mod vector_examples;
