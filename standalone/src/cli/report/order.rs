//! The words of `--order-by`.

use anyhow::bail;
use nettally_sqlite_sink::{Field, Order, OrderBy};

/// Reads `what`, `what:asc` or `what:desc`. Bytes begin with the largest, fields with the smallest.
pub(super) fn parse(text: &str) -> anyhow::Result<Order> {
    let (what, direction) = match text.split_once(':') {
        Some((what, direction)) => (what, Some(direction)),
        None => (text, None),
    };
    let by = match what {
        "total_bytes" => OrderBy::TotalBytes,
        "sent_bytes" => OrderBy::SentBytes,
        "received_bytes" => OrderBy::ReceivedBytes,
        field => match field.parse::<Field>() {
            Ok(field) => OrderBy::Field(field),
            Err(_unknown) => bail!(
                "cannot order by `{field}`; allowed: total_bytes, sent_bytes, received_bytes, or \
                 a field of --group-by"
            ),
        },
    };
    let descending = match direction {
        None => !matches!(by, OrderBy::Field(_)),
        Some("asc") => false,
        Some("desc") => true,
        Some(other) => bail!("unknown direction `{other}`; allowed: asc, desc"),
    };
    Ok(Order { by, descending })
}

/// A field can order rows only if rows have it.
pub(super) fn check(order: Order, group_by: &[Field]) -> anyhow::Result<()> {
    match order.by {
        OrderBy::Field(field) if !group_by.contains(&field) => {
            bail!("cannot order by `{field}`, as rows do not have it; add it to --group-by")
        }
        OrderBy::Field(_) | OrderBy::TotalBytes | OrderBy::SentBytes | OrderBy::ReceivedBytes => {
            Ok(())
        }
    }
}
