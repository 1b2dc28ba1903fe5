//! The filter language: `protocol=udp and remote_ip in 10.0.0.0/8 and process~fire`.

use std::str::FromStr;

/// A condition on usage rows, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {}

/// Why a text is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the filter at character {position}: {message}")]
pub struct FilterError {
    /// Characters before the problem.
    pub position: usize,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(_text: &str) -> Result<Self, FilterError> {
        Ok(Self {})
    }
}
