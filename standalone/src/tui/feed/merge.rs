//! Two windows as one. Pure.

use std::collections::HashMap;

use nettally_source::{ProcessId, Protocol, Remote, Usage, UsageBatch, Window};

/// What tells one flow from another.
type Flow = (ProcessId, Protocol, u16, Remote);

/// Adds `newer` to `older`: no byte and no loss disappears, only the border between the windows.
pub(crate) fn merge(older: &mut UsageBatch, newer: &UsageBatch) {
    let mut rows: HashMap<Flow, usize> = older
        .usage
        .iter()
        .enumerate()
        .map(|(row, usage)| (flow(usage), row))
        .collect();
    for usage in &newer.usage {
        match rows.get(&flow(usage)) {
            Some(&row) => add(&mut older.usage[row], usage),
            None => {
                rows.insert(flow(usage), older.usage.len());
                older.usage.push(usage.clone());
            }
        }
    }
    older.losses.merge(&newer.losses);
    older.window = Window {
        start: older.window.start.min(newer.window.start),
        end: older.window.end.max(newer.window.end),
    };
}

fn flow(usage: &Usage) -> Flow {
    (
        usage.process.id,
        usage.protocol,
        usage.local_port,
        usage.remote,
    )
}

fn add(older: &mut Usage, newer: &Usage) {
    // The newer name is the better one: a process may have called exec in between.
    older.process = newer.process.clone();
    older.sent_bytes = older.sent_bytes.saturating_add(newer.sent_bytes);
    older.received_bytes = older.received_bytes.saturating_add(newer.received_bytes);
    older.first_activity = older.first_activity.min(newer.first_activity);
    older.last_activity = older.last_activity.max(newer.last_activity);
}

#[cfg(test)]
mod tests {
    use nettally_source::{LossCount, LossReason};

    use super::*;
    use crate::tui::testing::{batch, process, tcp, udp};

    #[test]
    fn a_flow_in_both_windows_becomes_one_row() {
        let curl = process(7, "curl");
        let mut merged = batch(0, vec![tcp(&curl, "192.0.2.1:443", 10, 1)]);
        let mut newer = batch(
            1,
            vec![
                tcp(&curl, "192.0.2.1:443", 20, 2),
                udp(&curl, "192.0.2.1:443", 5, 0),
            ],
        );
        let lost = LossCount {
            events: 1,
            sent_bytes: 9,
            received_bytes: 0,
        };
        newer.losses.add(LossReason::FlowsFull, lost);

        merge(&mut merged, &newer);

        let bytes: Vec<_> = merged
            .usage
            .iter()
            .map(|usage| (usage.protocol, usage.sent_bytes, usage.received_bytes))
            .collect();
        assert_eq!(bytes, [(Protocol::Tcp, 30, 3), (Protocol::Udp, 5, 0)]);
        assert_eq!(merged.losses.get(LossReason::FlowsFull), lost);
        assert_eq!(merged.window.end, newer.window.end);
        assert_eq!(merged.window.start, batch(0, vec![]).window.start);
    }
}
