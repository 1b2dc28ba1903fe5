//! Which rows a question is about: the part that `usage` and `series` have in common.

use jiff::Timestamp;
use nettally_sqlite_sink::query::FilterError;
use nettally_sqlite_sink::{Field, Filter, TimeRange};

use super::error::ApiError;
use super::params::Params;

/// Names of the parameters read here.
pub(super) const PARAMETERS: [&str; 10] = [
    "since",
    "until",
    "where",
    "app",
    "process",
    "pid",
    "unit",
    "container",
    "protocol",
    "remote_ip",
];

/// Parameters that are fields which must have the value given.
const SHORTCUTS: [Field; 7] = [
    Field::App,
    Field::Process,
    Field::Pid,
    Field::Unit,
    Field::Container,
    Field::Protocol,
    Field::RemoteIp,
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
    for field in SHORTCUTS {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shortcut_is_a_parameter() {
        for field in SHORTCUTS {
            let query = format!("{field}=7");
            let params = Params::parse(&query, &PARAMETERS);
            assert!(params.is_ok(), "{field}");
        }
    }

    #[test]
    fn a_shortcut_takes_any_text_as_it_is() {
        let params = Params::parse("app=a%27b%5C%22+or+true", &PARAMETERS).unwrap();
        let expected = Filter::equals(Field::App, "a'b\\\" or true").unwrap();
        assert_eq!(filter(&params).unwrap(), Some(Filter::all(vec![expected])));
    }
}
