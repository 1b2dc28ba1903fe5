//! Tiers end to end: what a writer rolls up, deletes and folds is what a reader would sum up from
//! windows.

mod billing;
mod calendar;
mod folding;
mod identity;
mod months;
mod processes;
mod reduced;
mod remotes;
mod retention;
mod rollup;
mod sums;

use nettally_source::pipeline::{Remote, UsageBatch, Window};
use proptest::prelude::*;
use rusqlite::types::Value;

use crate::testing::{History, at, batch, process, remote, usage};
use crate::writer::{Keep, Told, Writer};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// `at` counts from 14:13:20.
const NEXT_MINUTE: i64 = 40_000;

fn one_row(start: i64, length: i64) -> UsageBatch {
    let window = Window {
        start: at(start),
        end: at(start + length),
    };
    batch(
        window,
        vec![usage(process(7, "curl"), remote("192.0.2.1", 443), 10, 20)],
    )
}

fn count(history: &History, table: &str) -> Value {
    history.column(&format!("SELECT count(*) FROM {table}"))[0].clone()
}

fn keeping(hours: i64, days: i64) -> Keep {
    Keep {
        windows_ms: Some(hours * 60 * MINUTE),
        minutes_ms: Some(days * DAY),
        hours_ms: Some(2 * days * DAY),
        ..Keep::default()
    }
}

fn remotes(top_remotes: u32) -> Told {
    Told {
        top_remotes: Some(top_remotes),
        top_processes: None,
    }
}

/// Flushes until nothing is left to roll up or to delete.
fn settle(writer: &mut Writer) {
    loop {
        let before = writer.stats().snapshot();
        writer.flush();
        let after = writer.stats().snapshot();
        assert_eq!(after.last_error, None);
        if (before.rollups, before.deleted_rows) == (after.rollups, after.deleted_rows) {
            return;
        }
    }
}

/// Windows of some days or months, long and short, in the order they come: now and then a clock is set back.
fn any_batches() -> impl Strategy<Value = Vec<UsageBatch>> {
    let row = (
        1_u32..4,
        "[ab]",
        0_u8..4,
        1_u16..3,
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(|(pid, name, host, port, sent, received)| {
            let remote = match host {
                0 => Remote::Other,
                _ => remote(&format!("10.0.0.{host}"), port),
            };
            usage(
                process(pid, &name),
                remote,
                u64::from(sent),
                u64::from(received),
            )
        });
    let rows = prop::collection::vec(row, 0..6);
    let pause = prop_oneof![
        4 => 0..3_i64,
        4 => 0..3 * MINUTE,
        2 => 0..DAY,
        1 => 0..25 * DAY,
        1 => -2 * DAY..0,
    ];
    let length = prop_oneof![4 => 1..1500_i64, 1 => 1..3 * MINUTE, 1 => 1..DAY];
    prop::collection::vec((pause, length, rows), 1..40).prop_map(|windows| {
        let mut end = 0;
        windows
            .into_iter()
            .map(|(pause, length, rows)| {
                let start = end + pause;
                end = start + length;
                let window = Window {
                    start: at(start),
                    end: at(end),
                };
                batch(window, rows)
            })
            .collect()
    })
}
