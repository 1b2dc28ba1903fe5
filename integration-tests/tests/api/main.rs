//! The HTTP API of a daemon that measures: what its document promises, and that nobody who asks can
//! hold up what measures.

mod crowd;
mod document;
