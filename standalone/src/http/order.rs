//! Which rows come first.

use nettally_sqlite_sink::{Field, Order, OrderBy};

use super::error::ApiError;
use super::params::Params;

/// Reads `order_by`: `sent_bytes`, `process:asc`; without a direction, bytes go down and names go up.
/// `why` says which are the `fields` that are allowed.
pub(super) fn order(params: &Params, fields: &[Field], why: &str) -> Result<Order, ApiError> {
    let Some(text) = params.text("order_by") else {
        return Ok(Order::default());
    };
    let refused = |what: &str| {
        let fields: String = fields.iter().map(|field| format!(", {field}")).collect();
        let message = format!(
            "cannot order by `{what}`; allowed: total_bytes, sent_bytes, received_bytes{fields} \
             ({why}), each with :asc or :desc"
        );
        Err(ApiError::parameter("order_by", message))
    };
    let (name, direction) = match text.split_once(':') {
        Some((name, direction)) => (name, Some(direction)),
        None => (text, None),
    };
    let by = match name {
        "total_bytes" => OrderBy::TotalBytes,
        "sent_bytes" => OrderBy::SentBytes,
        "received_bytes" => OrderBy::ReceivedBytes,
        name => match fields.iter().find(|field| field.name() == name) {
            Some(field) => OrderBy::Field(*field),
            None => return refused(name),
        },
    };
    let descending = match direction {
        None => !matches!(by, OrderBy::Field(_)),
        Some("asc") => false,
        Some("desc") => true,
        Some(_) => return refused(text),
    };
    Ok(Order { by, descending })
}
