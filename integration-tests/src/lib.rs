//! Tests of nettally on a real kernel.
//!
//! Two halves that share nothing but the type of the truth:
//!
//! - [`traffic`] moves bytes and writes down what every system call returned. The program
//!   `traffic` runs it, in processes of its own with names of their own.
//! - [`harness`] runs the daemon, asks all its faces, and compares.
//!
//! The tests are in `tests/`, behind the features `real-kernel` and `browser`. They need root, and
//! fail with a sentence without it: a test that is skipped has found out nothing.

pub mod harness;
pub mod traffic;
