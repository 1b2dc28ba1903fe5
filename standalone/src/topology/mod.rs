//! One bounded queue per sink.
