//! Which rows a question is about: the part that `usage` and `series` have in common.

use jiff::Timestamp;
use nettally_sqlite_sink::query::FilterError;
use nettally_sqlite_sink::{Field, Filter, TimeRange};

use super::error::ApiError;
use super::params::Params;

/// Names of the parameters read here.
pub(super) const PARAMETERS: [&str; 7] = [
    "since",
    "until",
    "where",
    "process",
    "pid",
    "protocol",
    "remote_ip",
];

/// Reads `since` and `until`.
pub(super) fn range(params: &Params, now: Timestamp) -> Result<TimeRange, ApiError> {
    TimeRange::parse(params.text("since"), params.text("until"), now)
        .map_err(|error| ApiError::parameter(error.parameter, error.message))
}

/// Reads `where` and the shortcuts; all must be true.
pub(super) fn filter(params: &Params) -> Result<Option<Filter>, ApiError> {
    let mut filters = Vec::new();
    if let Some(filter) = params.parsed::<Filter>("where")? {
        filters.push(filter);
    }
    for field in [Field::Process, Field::Pid, Field::Protocol, Field::RemoteIp] {
        if let Some(value) = params.text(field.name()) {
            let filter = equals(field, value)
                .map_err(|error| ApiError::parameter(field.name(), error.message))?;
            filters.push(filter);
        }
    }
    Ok((!filters.is_empty()).then(|| Filter::all(filters)))
}

/// An address may be a network.
fn equals(field: Field, value: &str) -> Result<Filter, FilterError> {
    if field == Field::RemoteIp && value.contains('/') {
        return format!("remote_ip in {value}").parse();
    }
    Filter::equals(field, value)
}
