use std::num::NonZeroUsize;

use futures::FutureExt as _;
use nettally_source::{EventSink as _, Protocol, SendError};
use proptest::prelude::*;

use super::*;
use crate::topology::Fanout;
use crate::topology::testing::{batch, health, moved, row, second};

fn usage(batch: UsageBatch) -> Event {
    Event::Usage(Arc::new(batch))
}

/// A window in which `curl` sent 10 bytes and received 1.
fn window(number: i64) -> Event {
    usage(batch(number, [row("curl", Protocol::Tcp, 1).moved(10, 1)]))
}

async fn drained(queue: &Arc<Queue>) -> Vec<UsageBatch> {
    queue
        .outlet()
        .filter_map(async |event| match event {
            Event::Usage(batch) => Some((*batch).clone()),
            Event::Health(_) => None,
        })
        .collect()
        .await
}

#[tokio::test]
async fn events_come_out_in_order_and_the_stream_ends_with_the_last_inlet() {
    let queue = Queue::with_merged_rows(10, WhenFull::DropNewest, 10);
    let (first, second) = (Inlet::into(&queue), Inlet::into(&queue));
    let mut outlet = queue.outlet();
    assert!(outlet.next().now_or_never().is_none());
    first.put(window(0));
    drop(first);
    second.put(window(1));
    drop(second);
    let events: Vec<_> = outlet.collect().await;
    assert_eq!(events.len(), 2);
    assert_eq!(queue.stats().delivered_windows, 2);
}

#[tokio::test]
async fn the_end_is_known_while_windows_still_wait() {
    let queue = Queue::with_merged_rows(10, WhenFull::Block, 10);
    let (first, second) = (Inlet::into(&queue), Inlet::into(&queue));
    let ending = tokio::spawn(queue.ending());
    first.put(window(0));
    drop(first);
    tokio::task::yield_now().await;
    assert!(!ending.is_finished());
    drop(second);
    ending.await.unwrap();
    assert_eq!(queue.stats().waiting_windows, 1);
    queue.ending().await;
}

#[tokio::test]
async fn a_sleeping_receiver_is_woken() {
    let queue = Queue::with_merged_rows(1, WhenFull::Block, 10);
    let inlet = Inlet::into(&queue);
    let mut outlet = queue.outlet();
    let reader = tokio::spawn(async move { (outlet.next().await, outlet.next().await) });
    tokio::task::yield_now().await;
    inlet.put(window(0));
    drop(inlet);
    let (event, end) = reader.await.unwrap();
    assert!(event.is_some() && end.is_none());
}

#[tokio::test]
async fn drop_newest_keeps_what_waits_and_counts_rows_and_bytes() {
    let queue = Queue::with_merged_rows(2, WhenFull::DropNewest, 10);
    let inlet = Inlet::into(&queue);
    (0..5).for_each(|number| inlet.put(window(number)));
    drop(inlet);
    let stats = queue.stats();
    assert_eq!((stats.waiting_windows, stats.dropped_windows), (2, 3));
    let lost = queue.losses().get(LossReason::SinkQueueFull);
    assert_eq!(
        (lost.events, lost.sent_bytes, lost.received_bytes),
        (3, 30, 3)
    );
    let kept: Vec<_> = drained(&queue)
        .await
        .iter()
        .map(|b| b.window.start)
        .collect();
    assert_eq!(kept, [second(0), second(1)]);
}

#[tokio::test]
async fn block_merges_into_the_newest_and_loses_nothing() {
    let queue = Queue::with_merged_rows(2, WhenFull::Block, 10);
    let inlet = Inlet::into(&queue);
    (0..5).for_each(|number| inlet.put(window(number)));
    drop(inlet);
    assert_eq!(queue.stats().merged_windows, 3);
    assert!(queue.losses().is_empty());
    let windows = drained(&queue).await;
    assert_eq!(windows.len(), 2);
    assert_eq!(windows[1].window.start, second(1));
    assert_eq!(windows[1].window.end, second(5));
    assert_eq!(windows[1].usage.len(), 1);
    assert_eq!(windows[1].usage[0].last_activity, second(4));
    assert_eq!(
        windows.iter().map(moved).map(|(sent, _)| sent).sum::<u64>(),
        50
    );
}

#[tokio::test]
async fn rows_beyond_the_limit_of_a_merge_go_to_other_and_are_counted() {
    let queue = Queue::with_merged_rows(1, WhenFull::Block, 2);
    let inlet = Inlet::into(&queue);
    for port in 1..=5 {
        inlet.put(usage(batch(
            0,
            [row("curl", Protocol::Tcp, port).moved(10, 1)],
        )));
    }
    drop(inlet);
    let folded = queue.stats().folded;
    assert_eq!(
        (folded.events, folded.sent_bytes, folded.received_bytes),
        (3, 30, 3)
    );
    let windows = drained(&queue).await;
    let rows: Vec<_> = windows[0]
        .usage
        .iter()
        .map(|row| (row.process.name.as_str(), row.sent_bytes))
        .collect();
    assert_eq!(rows, [("curl", 10), ("curl", 10), ("[other]", 30)]);
}

#[tokio::test]
async fn only_the_newest_report_of_each_source_waits() {
    let queue = Queue::with_merged_rows(1, WhenFull::Block, 2);
    let inlet = Inlet::into(&queue);
    for (source, windows) in [("a", 1), ("b", 1), ("a", 2), ("a", 3)] {
        inlet.put(Event::Health(Arc::new(health(source, windows))));
    }
    drop(inlet);
    let reports: Vec<_> = queue
        .outlet()
        .map(|event| match event {
            Event::Health(report) => (report.source.clone(), report.windows),
            Event::Usage(_) => unreachable!("none was put in"),
        })
        .collect()
        .await;
    assert_eq!(reports, [("b".to_owned(), 1), ("a".to_owned(), 3)]);
}

#[tokio::test]
async fn what_comes_to_a_dead_sink_is_counted_and_not_kept() {
    let queue = Queue::with_merged_rows(10, WhenFull::Block, 10);
    let inlet = Inlet::into(&queue);
    inlet.put(window(0));
    drop(queue.outlet());
    inlet.put(window(1));
    let stats = queue.stats();
    assert_eq!((stats.waiting_windows, stats.dropped_windows), (0, 2));
    assert_eq!(stats.dropped.sent_bytes, 20);
}

#[tokio::test]
async fn a_slow_sink_delays_neither_the_source_nor_another_sink() {
    let slow = Queue::with_merged_rows(1, WhenFull::Block, 10);
    let quick = Queue::with_merged_rows(1, WhenFull::DropNewest, 10);
    let _slow_outlet = slow.outlet();
    let mut quick_outlet = quick.outlet();
    let mut fanout = Fanout::new(vec![Inlet::into(&slow), Inlet::into(&quick)]);
    for number in 0..100 {
        let sent = fanout.send_batch(vec![window(number)]).now_or_never();
        assert_eq!(sent, Some(Ok(())));
        assert!(quick_outlet.next().await.is_some());
    }
    assert_eq!(slow.stats().merged_windows, 99);
    assert_eq!(quick.stats().delivered_windows, 100);
}

#[tokio::test]
async fn a_source_whose_sinks_are_all_gone_is_told() {
    let queue = Queue::with_merged_rows(1, WhenFull::Block, 10);
    let mut fanout = Fanout::new(vec![Inlet::into(&queue)]);
    drop(queue.outlet());
    assert_eq!(
        fanout.send_batch(vec![window(0)]).await,
        Err(SendError::Closed)
    );
}

#[tokio::test]
async fn a_million_flows_that_nobody_takes_are_told_apart_up_to_a_bound() {
    let queue = Queue::new(NonZeroUsize::new(3).unwrap(), WhenFull::Block);
    let inlet = Inlet::into(&queue);
    let _outlet = queue.outlet();
    for number in 0..100_u16 {
        let rows = (0..10_000).map(|flow| {
            let process = ["a", "b", "c", "d"][usize::from(number) % 4];
            row(process, Protocol::Tcp, flow)
                .remote(u32::from(number))
                .moved(10, 1)
        });
        inlet.put(usage(batch(i64::from(number), rows)));
    }
    let rows = queue.state().rows;
    // Two windows as they came, and one that is merged, with a row for what exceeds it.
    assert_eq!(rows, 2 * 10_000 + MERGED_ROWS + 1);
    drop(inlet);
    let folded = queue.stats().folded;
    let expected = 1_000_000 - 2 * 10_000 - MERGED_ROWS as u64;
    assert_eq!(
        (folded.events, folded.sent_bytes),
        (expected, 10 * expected)
    );
    let windows = drained(&queue).await;
    let (sent, received) = windows
        .iter()
        .map(moved)
        .fold((0, 0), |sum, moved| (sum.0 + moved.0, sum.1 + moved.1));
    assert_eq!((sent, received), (10_000_000, 1_000_000));
    assert_eq!(windows[2].window.end, second(100));
}

#[tokio::test]
async fn few_windows_with_many_rows_fill_a_queue_too() {
    let queue = Queue::new(NonZeroUsize::new(1000).unwrap(), WhenFull::DropNewest);
    let inlet = Inlet::into(&queue);
    let many = |number: i64| {
        let rows = (0..50_000).map(|flow| row("a", Protocol::Tcp, flow).moved(1, 0));
        usage(batch(number, rows))
    };
    (0..11).for_each(|number| inlet.put(many(number)));
    let stats = queue.stats();
    assert_eq!((stats.waiting_windows, stats.dropped_windows), (10, 1));
}

#[tokio::test]
async fn a_queue_that_is_handed_over_keeps_what_waits_for_the_next_receiver() {
    let queue = Queue::new(NonZeroUsize::new(2).unwrap(), WhenFull::Block);
    let inlet = Inlet::into(&queue);
    let mut first = queue.outlet();
    inlet.put(window(0));
    assert!(first.next().await.is_some());
    let waiting = tokio::spawn(async move { first.next().await.is_none() });
    tokio::task::yield_now().await;
    queue.hand_over();
    assert!(waiting.await.unwrap());
    (1..5).for_each(|number| inlet.put(window(number)));
    queue.change(NonZeroUsize::MIN, WhenFull::DropNewest);
    inlet.put(window(5));
    let second = queue.outlet();
    drop(inlet);
    let windows = second.collect::<Vec<_>>().await.len();
    let stats = queue.stats();
    assert_eq!(
        (windows, stats.merged_windows, stats.dropped_windows),
        (2, 2, 1)
    );
    assert_eq!(stats.taken.sent_bytes, 50);
}

proptest! {
    /// Whatever is merged, folded or not, the bytes of each protocol are what was put in.
    #[test]
    fn merging_keeps_every_byte(
        windows in prop::collection::vec(
            prop::collection::btree_map((any::<bool>(), 0_u16..6), (0_u64..1 << 40, 0_u64..1 << 40), 0..8),
            1..8,
        ),
        max_rows in 1_usize..12,
    ) {
        let batches: Vec<UsageBatch> = windows
            .iter()
            .zip(0..)
            .map(|(flows, number)| {
                batch(number, flows.iter().map(|(&(tcp, port), &(sent, received))| {
                    let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
                    row("curl", protocol, port).moved(sent, received)
                }))
            })
            .collect();
        let mut merged = Merged::of(&batches[0], max_rows);
        let mut folded = LossCount::default();
        for batch in &batches[1..] {
            let LossCount { events, .. } = merged.add(batch);
            folded.events += events;
        }
        let merged = merged.finish();
        for protocol in Protocol::ALL {
            let of = |batch: &UsageBatch| {
                let usage = batch.usage.iter().filter(|row| row.protocol == protocol);
                moved(&UsageBatch { usage: usage.cloned().collect(), ..batch.clone() })
            };
            let put = batches.iter().map(of).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
            prop_assert_eq!(of(&merged), put);
        }
        prop_assert_eq!(merged.window.start, second(0));
        prop_assert_eq!(merged.window.end, second(i64::try_from(batches.len()).unwrap()));
        // Two protocols, each with one row for what did not fit.
        prop_assert!(merged.usage.len() <= max_rows.max(batches[0].usage.len()) + 2);
        let other = merged.usage.iter().any(|row| row.process.name == "[other]");
        prop_assert_eq!(other, folded.events > 0);
    }
}
