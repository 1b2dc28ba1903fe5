//! Which rows a question is about: the part that `usage` and `series` have in common.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nettally_source::Protocol;
use nettally_sqlite_sink::query::FilterError;
use nettally_sqlite_sink::{Field, Filter, TimeRange};

use super::endpoint::{Parameter, Takes};
use super::error::ApiError;
use super::params::Params;

/// When, as parameters.
pub(super) const WHEN: [Parameter; 2] = [
    Parameter {
        name: "since",
        meaning: "First instant: RFC 3339, Unix seconds, a time ago (`-15m`, `24h`, `7d`), or the \
                  start of a period (`today`, `month`, `2026-11`). Default 24 hours ago.",
        takes: Takes::Text,
    },
    Parameter {
        name: "until",
        meaning: "First instant after, in the same forms. Default now.",
        takes: Takes::Text,
    },
];

/// What, as parameters.
pub(super) const WHAT: [Parameter; 8] = [
    Parameter {
        name: "where",
        meaning: "Only what this filter is true of, such as \
                  `protocol=udp and remote_ip in 10.0.0.0/8 and not process~dns`.",
        takes: Takes::Text,
    },
    shortcut("app", "Only this app."),
    shortcut("process", "Only processes of this name."),
    Parameter {
        name: "pid",
        meaning: "Only the process of this number.",
        takes: Takes::Number {
            least: 0,
            most: u32::MAX,
        },
    },
    shortcut(
        "unit",
        "Only this systemd unit; `none` for what is in none.",
    ),
    shortcut(
        "container",
        "Only this container; `none` for what is in none.",
    ),
    Parameter {
        name: "protocol",
        meaning: "Only this protocol.",
        takes: Takes::Words(&PROTOCOLS),
    },
    shortcut(
        "remote_ip",
        "Only this remote address, or network such as `10.0.0.0/8`.",
    ),
];

/// The words for protocols.
pub(super) const PROTOCOLS: [&str; Protocol::ALL.len()] = {
    let mut names = [""; Protocol::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = Protocol::ALL[index].name();
        index += 1;
    }
    names
};

const fn shortcut(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter {
        name,
        meaning,
        takes: Takes::Text,
    }
}

/// When and what, and what else an endpoint takes.
pub(super) fn with(own: &[Parameter]) -> Vec<Parameter> {
    [&WHEN[..], &WHAT[..], own].concat()
}

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
    range_in(params, now, &TimeZone::system())
}

/// Reads them in a time zone.
pub(super) fn range_in(
    params: &Params,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<TimeRange, ApiError> {
    TimeRange::parse_in(params.text("since"), params.text("until"), now, zone)
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
            let params = Params::parse(&query, &WHAT);
            assert!(params.is_ok(), "{field}");
        }
    }

    #[test]
    fn a_shortcut_takes_any_text_as_it_is() {
        let params = Params::parse("app=a%27b%5C%22+or+true", &WHAT).unwrap();
        let expected = Filter::equals(Field::App, "a'b\\\" or true").unwrap();
        assert_eq!(filter(&params).unwrap(), Some(Filter::all(vec![expected])));
    }
}
