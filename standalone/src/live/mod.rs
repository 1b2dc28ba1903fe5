//! The last windows, in memory.
