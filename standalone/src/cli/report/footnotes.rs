//! What was lost in the range of a table: below it, in words.

use std::collections::BTreeMap;

use nettally_source::{LossCount, LossReason};

use crate::text::{human_bytes, printable};

/// A line for each reason that a person should know of.
pub(super) fn text(losses: &BTreeMap<String, LossCount>) -> String {
    let lines = losses.iter().filter_map(|(name, count)| line(name, *count));
    lines.collect()
}

/// None for what a healthy machine has now and then.
fn line(name: &str, count: LossCount) -> Option<String> {
    let LossCount {
        events,
        sent_bytes,
        received_bytes,
    } = count;
    let cost = format!(
        "{}: {events} times, {} sent and {} received by all processes",
        printable(name),
        human_bytes(sent_bytes),
        human_bytes(received_bytes)
    );
    let known = LossReason::ALL
        .into_iter()
        .find(|reason| reason.name() == name);
    match known {
        // Of a version that knew other reasons.
        None => Some(format!("lost: {cost}\n")),
        Some(reason) if reason.is_trouble() => Some(format!(
            "{}: {cost}: {}\n",
            reason.class().title(),
            reason.meaning()
        )),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_and_routine_is_not() {
        let count = LossCount {
            events: 12,
            sent_bytes: 3400,
            received_bytes: 0,
        };
        let losses = ["flows_full", "remote_unresolved", "from_the_future"];
        let losses = losses.map(|name| (name.to_owned(), count)).into();
        let cost = "12 times, 3.40 KB sent and 0 B received by all processes";
        let expected = format!(
            "detail is reduced: flows_full: {cost}: {}\nlost: from_the_future: {cost}\n",
            LossReason::FlowsFull.meaning()
        );
        assert_eq!(text(&losses), expected);
    }
}
