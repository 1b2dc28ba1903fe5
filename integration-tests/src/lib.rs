//! Harness for tests on a real kernel: traffic of known size, the daemon, peers.
