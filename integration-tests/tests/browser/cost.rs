//! What the page costs the one who looks at it.

use std::time::Duration;

use nettally_integration_tests::harness::browser::Browser;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::wait;
use serde_json::json;

use super::{PATIENCE, find, open, until};

/// All files of the page together, before compression.
const MOST_WEIGHT: f64 = 250_000.0;

/// What the heap may grow by. A window that were kept whole would be 5 KB or more: 400 of them are
/// beyond this.
const MOST_GROWTH: f64 = 1_500_000.0;

/// What is shown changes, so the number of elements does, but within this.
const MOST_NEW_NODES: f64 = 1_500.0;

/// Windows until all that is kept for a while is full: the page keeps 120.
const WARM_UP_WINDOWS: u64 = 140;

#[test]
fn the_page_is_light() {
    let daemon = Daemon::start(&Setup::default());
    let browser = Browser::start();
    open(&browser, &daemon, "");
    until(
        &browser,
        "performance.getEntriesByName('first-contentful-paint').length",
    );
    until(
        &browser,
        &format!("{}.dataset.state !== 'starting'", find("state")),
    );
    let weight = browser.run(
        "const files = performance.getEntries().filter(entry =>
             ['navigation', 'resource'].includes(entry.entryType) && !entry.name.includes('/api/'));
         const sum = key => files.reduce((all, entry) => all + entry[key], 0);
         return { files: files.length, transferred: sum('transferSize'), decoded: sum('decodedBodySize'),
                  paint: performance.getEntriesByName('first-contentful-paint')[0].startTime }",
    );
    println!("page: {weight}");
    let decoded = weight["decoded"].as_f64().unwrap();
    assert!(decoded > 10_000.0 && decoded < MOST_WEIGHT, "{weight}");
}

/// Bytes of the heap and nodes, after everything that nobody holds is gone.
fn held(browser: &Browser) -> (f64, f64) {
    browser.devtools("HeapProfiler.collectGarbage", &json!({}));
    let heap = browser.devtools("Runtime.getHeapUsage", &json!({}));
    let nodes = browser.devtools("Memory.getDOMCounters", &json!({}));
    (
        heap["usedSize"].as_f64().expect("a number"),
        nodes["nodes"].as_f64().expect("a number"),
    )
}

fn windows(daemon: &Daemon) -> u64 {
    let health = daemon.get("/api/v1/health").expect("it answers");
    health["sources"][0]["windows"].as_u64().expect("a number")
}

/// `NETTALLY_PAGE_SECONDS` says how long; `cargo xtask soak` runs it for an hour.
#[test]
fn a_page_that_stays_open_does_not_grow() {
    let seconds = std::env::var("NETTALLY_PAGE_SECONDS")
        .map_or(180, |text| text.parse().expect("a number of seconds"));
    // Ten times as often as it is by default.
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 0.1,
        ..Setup::default()
    });
    let _drips: Vec<_> = (0..6_u64)
        .map(|index| Drip::start(&format!("grow-{index}"), 500, Duration::from_millis(30)))
        .collect();
    let browser = Browser::start();
    open(&browser, &daemon, "#now?by=process&process=grow-1");
    until(&browser, &find("remote-row"));
    let begun = windows(&daemon);
    wait::until(4 * PATIENCE, || match windows(&daemon) - begun {
        0..WARM_UP_WINDOWS => Err("warming up".to_owned()),
        _ => Ok(()),
    });
    let (heap, nodes) = held(&browser);
    let begun = windows(&daemon);
    std::thread::sleep(Duration::from_secs(seconds));
    let (heap_later, nodes_later) = held(&browser);
    let seen = windows(&daemon) - begun;
    println!(
        "page: {seen} windows in {seconds} s: heap {heap} to {heap_later} bytes, \
         nodes {nodes} to {nodes_later}"
    );
    assert!(
        seen > seconds,
        "{seen} windows are too few to tell anything"
    );
    assert!(heap_later - heap < MOST_GROWTH, "{heap} to {heap_later}");
    assert!(
        nodes_later - nodes < MOST_NEW_NODES,
        "{nodes} to {nodes_later}"
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
