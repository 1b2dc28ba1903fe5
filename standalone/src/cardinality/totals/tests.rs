use std::collections::BTreeMap;

use nettally_source::Usage;
use proptest::prelude::*;

use super::*;
use crate::cardinality::testing::{config, usage, usages};
use crate::live::Moved;
use crate::live::testing::{batch, flow};

fn totals(top: usize, remembered: usize, expire_secs: Option<f64>) -> Totals {
    let config = SeriesConfig {
        expire_secs,
        ..SeriesConfig::default()
    };
    Totals::with_memory(&config, top, remembered)
}

fn add_second(totals: &mut Totals, second: i64, names: &[(&str, u64)]) {
    let usage = names
        .iter()
        .map(|(name, sent)| flow(name, 1, "192.0.2.1", *sent, 0));
    totals.add(&batch(second, usage.collect()));
}

/// The series with their bytes, and what is set aside.
fn told(totals: &Totals) -> (Vec<(String, u64)>, u64) {
    let series = totals.told().into_iter();
    let series = series.map(|total| (total.values.join(" "), both(&total.protocols)));
    (series.collect(), both(&totals.set_aside()))
}

fn series(series: &[(&str, u64)], set_aside: u64) -> (Vec<(String, u64)>, u64) {
    let owned = series
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), *bytes));
    (owned.collect(), set_aside)
}

#[test]
fn one_that_becomes_large_later_begins_at_0_and_one_that_comes_back_goes_on() {
    let mut totals = totals(2, 10, None);
    add_second(&mut totals, 0, &[("a", 100), ("b", 10), ("late", 5)]);
    assert_eq!(
        told(&totals),
        series(&[("a", 100), ("b", 10), ("other", 5)], 0)
    );
    add_second(&mut totals, 1, &[("late", 20)]);
    assert_eq!(
        told(&totals),
        series(&[("a", 100), ("late", 0), ("other", 25)], 10)
    );
    add_second(&mut totals, 2, &[("late", 1), ("b", 50)]);
    assert_eq!(
        told(&totals),
        series(&[("a", 100), ("b", 10), ("other", 75)], 1)
    );
    add_second(&mut totals, 3, &[("b", 1)]);
    assert_eq!(
        told(&totals),
        series(&[("a", 100), ("b", 11), ("other", 75)], 1)
    );
}

#[test]
fn of_equals_the_one_that_has_a_series_keeps_it() {
    let mut totals = totals(1, 10, None);
    add_second(&mut totals, 0, &[("z", 5)]);
    add_second(&mut totals, 1, &[("a", 5)]);
    assert_eq!(told(&totals), series(&[("z", 5), ("other", 5)], 0));
}

#[test]
fn a_silent_series_leaves_and_goes_on_where_it_was() {
    let mut totals = totals(2, 10, Some(60.0));
    add_second(&mut totals, 0, &[("a", 100), ("b", 10)]);
    let start = totals.told()[0].since;
    add_second(&mut totals, 60, &[("b", 1)]);
    assert_eq!(
        told(&totals),
        series(&[("a", 100), ("b", 11), ("other", 0)], 0)
    );
    add_second(&mut totals, 61, &[("b", 1)]);
    assert_eq!(told(&totals), series(&[("b", 12), ("other", 0)], 100));
    add_second(&mut totals, 500, &[("a", 7)]);
    assert_eq!(told(&totals), series(&[("a", 107), ("other", 0)], 12));
    assert_eq!(totals.told()[0].since, start);
}

#[test]
fn a_silent_series_makes_room_for_another() {
    let mut totals = totals(1, 10, Some(60.0));
    add_second(&mut totals, 0, &[("a", 100)]);
    add_second(&mut totals, 1, &[("b", 3)]);
    add_second(&mut totals, 100, &[("b", 2)]);
    assert_eq!(told(&totals), series(&[("b", 2), ("other", 3)], 100));
}

#[test]
fn one_that_is_called_as_the_rest_is_the_rest() {
    let mut totals = totals(5, 10, None);
    add_second(&mut totals, 0, &[("other", 3), ("a", 1)]);
    assert_eq!(told(&totals), series(&[("a", 1), ("other", 3)], 0));
}

proptest! {
    #[test]
    fn no_byte_is_missing_and_no_counter_goes_down(
        windows in prop::collection::vec((usages(20), 1..200_i64), 1..12),
        config in config(),
        expires in prop::option::of(1..300_u32),
        forgetful in any::<bool>(),
    ) {
        let config = SeriesConfig { expire_secs: expires.map(f64::from), ..config };
        let top = config.top.unwrap_or(ALL);
        let remembered = if forgetful { top + 2 } else { REMEMBERED };
        let mut totals = Totals::with_memory(&config, top, remembered);
        let mut expected = ByProtocol::default();
        let mut before = BTreeMap::<Vec<String>, ByProtocol>::new();
        let mut second = 0;
        for (flows, pause) in windows {
            second += pause;
            let usage: Vec<Usage> = flows.iter().map(usage).collect();
            for flow in &usage {
                expected[flow.protocol as usize] += Moved {
                    sent_bytes: flow.sent_bytes,
                    received_bytes: flow.received_bytes,
                };
            }
            totals.add(&batch(second, usage));

            let told = totals.told();
            prop_assert!(told.len() <= top.saturating_add(1));
            prop_assert!(totals.groups.len() <= remembered.max(top));
            let mut sum = totals.set_aside();
            for total in told {
                add(&mut sum, &total.protocols);
                let last = before.insert(total.values.clone(), total.protocols).unwrap_or_default();
                let is_rest = is_other(&total.values);
                for (then, now) in last.iter().zip(total.protocols) {
                    let grows = then.sent_bytes <= now.sent_bytes
                        && then.received_bytes <= now.received_bytes;
                    prop_assert!(grows || (forgetful && !is_rest), "{:?}", total.values);
                }
            }
            prop_assert_eq!(sum, expected);
        }
    }
}
