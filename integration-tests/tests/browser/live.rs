//! Rates follow what is sent.

use std::time::Duration;

use nettally_integration_tests::harness::browser::Browser;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::wait;

/// Text of the table row that shows the process of this name, or null.
fn row_of(browser: &Browser, name: &str) -> Option<String> {
    let rows = browser.run("return [...document.querySelectorAll('tr')].map(row => row.innerText)");
    let rows = rows.as_array()?.clone();
    rows.iter()
        .filter_map(|row| row.as_str())
        .find(|row| row.contains(name))
        .map(str::to_owned)
}

#[test]
fn shows_who_is_sending_now_and_the_rate_changes() {
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 0.5,
        ..Setup::default()
    });
    let slow = Drip::start("drip-page", 1000, Duration::from_millis(20));
    let browser = Browser::start();
    browser.open(&format!("http://{}/", daemon.api));

    let first = wait::until(wait::PATIENCE, || {
        row_of(&browser, "drip-page")
            .filter(|row| row.contains("B/s"))
            .ok_or_else(|| browser.text())
    });
    // The same name sends ten times as much.
    let fast = Drip::start("drip-page", 10_000, Duration::from_millis(20));
    let second = wait::until(wait::PATIENCE, || {
        row_of(&browser, "drip-page")
            .filter(|row| rate(row) > 3.0 * rate(&first))
            .ok_or_else(|| format!("was {first:?}\n{}", browser.text()))
    });
    println!("{first:?} became {second:?}");
    drop((slow, fast));
    // It goes back to nothing, or out of the page.
    wait::until(wait::PATIENCE, || match row_of(&browser, "drip-page") {
        Some(row) if rate(&row) > 0.0 => Err(row),
        Some(_) | None => Ok(()),
    });
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_course_of_a_remote_begins_before_the_page() {
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 0.1,
        ..Setup::default()
    });
    let _drip = Drip::start("drip-before", 1000, Duration::from_millis(10));
    let browser = Browser::start();
    std::thread::sleep(Duration::from_secs(10));
    browser.open(&format!("http://{}/", daemon.api));
    let windows = wait::until(wait::PATIENCE, || {
        // Others, such as this page, may be in the first row.
        let lines = "return Math.max(...[...document.querySelectorAll('[data-testid=\"address-row\"] \
                     .spark-sent')].map((path) => path.getAttribute('d').split('M').length - 1))";
        browser.run(lines).as_u64().ok_or_else(|| browser.text())
    });
    let seen_secs = browser
        .run("return performance.now() / 1000")
        .as_f64()
        .expect("a number");
    println!("{windows} windows of 0.1 s in a page of {seen_secs} s");
    // Ten seconds are a hundred windows; the page alone has seen so many less.
    assert!(
        windows > 70 && seen_secs < 7.0,
        "{windows} in {seen_secs} s"
    );
}

/// The first rate in a row, in bytes per second.
fn rate(row: &str) -> f64 {
    let words: Vec<&str> = row.split_whitespace().collect();
    words
        .windows(2)
        .find_map(|pair| {
            let factor = match pair[1] {
                "B/s" => 1.0,
                "KB/s" | "kB/s" => 1e3,
                "MB/s" => 1e6,
                _ => return None,
            };
            Some(pair[0].parse::<f64>().ok()? * factor)
        })
        .unwrap_or(0.0)
}
