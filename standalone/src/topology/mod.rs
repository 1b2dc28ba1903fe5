//! One bounded queue per sink.

pub mod status;
