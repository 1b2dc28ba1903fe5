//! The standalone binary, as a library so that tests can drive its parts.
#![forbid(unsafe_code)]

pub mod cli;
