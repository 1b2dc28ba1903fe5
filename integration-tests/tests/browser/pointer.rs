//! What is done with the pointer and with the buttons of Now.

use std::time::Duration;

use nettally_integration_tests::harness::browser::{Browser, Pointer};
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::talker::talk;
use serde_json::Value;

use super::{click, find, open, until};

/// Where the chart of Past is, in CSS pixels: left, right and middle of its height.
fn plot(browser: &Browser) -> [f64; 3] {
    // Its margins are those of chart.js.
    let place = browser.run(&format!(
        "const chart = {}.querySelector('svg'); chart.scrollIntoView({{ block: 'center' }});
         const {{ left, right, top, bottom }} = chart.getBoundingClientRect();
         return [left + 68, right - 8, (top + bottom) / 2]",
        find("past-chart")
    ));
    serde_json::from_value(place).expect("three numbers")
}

/// Presses at one share of the chart's width, moves to another in steps, and lets go.
fn drag(browser: &Browser, from: f64, to: f64) {
    let [left, right, y] = plot(browser);
    let x = |share: f64| left + (right - left) * share;
    let steps = (1..=8).map(|step| Pointer::Move(x(from + (to - from) * f64::from(step) / 8.0), y));
    browser.point(&[Pointer::Move(x(from), y), Pointer::Down]);
    browser.point(&steps.collect::<Vec<_>>());
    // While it is held, what is marked is seen.
    let marked = browser.run(&format!(
        "return Number({}.querySelector('.mark').getAttribute('width'))",
        find("past-chart")
    ));
    let wanted = (right - left) * (to - from).abs();
    let marked = marked.as_f64().expect("a width");
    assert!((marked - wanted).abs() < 30.0, "{marked}, not {wanted}");
    browser.point(&[Pointer::Up]);
}

/// Seconds that the address of the view is about, and how long ago they end.
fn chosen(browser: &Browser) -> (f64, f64) {
    let times = browser.run(
        "const given = new URLSearchParams(location.hash.split('?')[1]);
         const [since, until] = ['since', 'until'].map((name) => Date.parse(given.get(name)) / 1000);
         return [until - since, Date.now() / 1000 - until]",
    );
    serde_json::from_value(times).expect("two numbers")
}

#[test]
fn a_part_of_the_chart_is_dragged_over_and_looked_at_closer() {
    let daemon = Daemon::start(&Setup::default());
    let _drip = Drip::start("drag-page", 1234, Duration::from_millis(20));
    let browser = Browser::start();
    open(
        &browser,
        &daemon,
        "#past?range=hour&process=drag-page&by=protocol",
    );
    let row = "document.querySelector('[data-testid=\"past-row\"][data-key=\"udp\"]')";
    until(&browser, row);
    until(&browser, "document.querySelector('#past-chart .area')");

    // A press without a move is no wish to look closer.
    let [left, _, y] = plot(&browser);
    browser.point(&[Pointer::Move(left + 200.0, y), Pointer::Down, Pointer::Up]);
    assert_eq!(
        browser.run("return location.hash.includes('since=')"),
        false
    );

    // From right to left, over the end of the hour, where the drip is.
    drag(&browser, 0.99, 0.75);
    until(&browser, "location.hash.includes('since=')");
    let (seconds, ago) = chosen(&browser);
    assert!((800.0..=960.0).contains(&seconds), "{seconds}");
    assert!((0.0..=140.0).contains(&ago), "{ago}");
    until(
        &browser,
        "document.getElementById('past-chart').textContent.length > 0",
    );
    browser.back();
    until(&browser, "!location.hash.includes('since=')");
    until(&browser, row);

    // From left to right, where there is nothing, which is said.
    drag(&browser, 0.25, 0.5);
    until(&browser, "location.hash.includes('since=')");
    let (seconds, ago) = chosen(&browser);
    assert!((840.0..=990.0).contains(&seconds), "{seconds}");
    assert!((1700.0..=1900.0).contains(&ago), "{ago}");
    let empty = find("past-empty");
    until(
        &browser,
        &format!("!{empty}.hidden && {empty}.textContent.includes('Nothing was moved')"),
    );

    // Closer once more: what was dragged over is a part of the part.
    let outer = seconds;
    let before = browser.run("return location.hash");
    drag(&browser, 0.2, 0.6);
    until(&browser, &format!("location.hash !== {before}"));
    let (seconds, _) = chosen(&browser);
    assert!(
        (0.3 * outer..=0.5 * outer).contains(&seconds),
        "{seconds} of {outer}"
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_protocol_that_is_chosen_is_the_only_one_in_both_tables_and_in_the_sums() {
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 0.5,
        ..Setup::default()
    });
    drop(talk("both-page", 300_000, 20_000));
    let browser = Browser::start();
    open(&browser, &daemon, "#now?by=process");
    let row = "document.querySelector('[data-testid=\"process-row\"][data-process=\"both-page\"]')";
    let sent = format!("{row}?.querySelector('[data-testid=\"sent-total\"]').textContent");
    let protocols = "[...new Set([...document.querySelectorAll('#addresses tbody tr')]
        .map((row) => row.cells[1].textContent))].sort().join()";
    for (button, total, remotes) in [
        ("filter-all", "320 KB", "TCP,UDP"),
        ("filter-tcp", "300 KB", "TCP"),
        ("filter-udp", "20.0 KB", "UDP"),
        ("filter-all", "320 KB", "TCP,UDP"),
    ] {
        click(&browser, button);
        until(
            &browser,
            &format!("{}.ariaPressed === 'true'", find(button)),
        );
        until(&browser, &format!("{sent} === '{total}'"));
        until(&browser, &format!("{protocols} === '{remotes}'"));
    }
    // The address has it: a link to it shows the same.
    click(&browser, "filter-udp");
    let hash = browser.run("return location.hash");
    assert!(
        hash.as_str()
            .is_some_and(|hash| hash.contains("protocol=udp")),
        "{hash}"
    );
    browser.open("about:blank");
    open(&browser, &daemon, hash.as_str().unwrap_or_default());
    until(&browser, &format!("{sent} === '20.0 KB'"));
    // One that nobody uses is said to be so.
    open(&browser, &daemon, "#now?protocol=sctp");
    let empty = format!("{}.textContent", find("empty"));
    until(
        &browser,
        &format!("{empty} === 'Nothing moved over SCTP in the last two minutes.'"),
    );
    let rows = browser.run("return document.querySelectorAll('#processes tbody tr').length");
    assert_eq!(rows, Value::from(0));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
