//! The StatsD emitter.
