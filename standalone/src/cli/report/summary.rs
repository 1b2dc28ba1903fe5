//! Above the table: of when it is, and all of it in a line.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nettally_sqlite_sink::{ByteTotals, TimeRange, UsageAnswer};

use super::table::{Style, amounts};

/// The range used, the totals, and how many of the rows are shown.
pub(super) fn text(answer: &UsageAnswer, shown_rows: usize, style: &Style) -> String {
    let TimeRange { since, until } = answer.range;
    let [sent, received, total] = amounts(answer.total, style.units);
    let unit = if style.units.shown(0) == "0" {
        " bytes"
    } else {
        ""
    };
    let rows = match answer.rows.len() {
        1 => "1 row".to_owned(),
        all if all == shown_rows => format!("{all} rows"),
        all => format!("{shown_rows} of {all} rows"),
    };
    let mut text = format!(
        "from {} to {}\nsent {sent}{unit}, received {received}{unit}, together {total}{unit}; {rows}\n",
        local(since, &style.zone),
        local(until, &style.zone),
    );
    if answer.rows.is_empty() && answer.total == ByteTotals::default() {
        text.push_str("no usage is stored of this time\n");
    }
    text
}

/// In a time zone, with its offset.
pub(super) fn local(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned_datetime(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}
