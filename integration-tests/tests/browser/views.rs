//! Every view, reached as people reach it, with the numbers that the API has.

use std::time::Duration;

use nettally_integration_tests::harness::browser::Browser;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::wait;
use serde_json::Value;

use super::{PATIENCE, click, find, open, until};

/// Bytes that a process has sent according to the API.
fn sent_bytes(daemon: &Daemon, name: &str) -> u64 {
    let path = format!("/api/v1/usage?since=-1h&process={name}");
    let answer = daemon.get(&path).expect("it answers");
    answer["total"]["sent_bytes"].as_u64().expect("a number")
}

/// A process that has ended, all of whose bytes are stored.
fn ended(daemon: &Daemon, name: &str) -> u64 {
    let drip = Drip::start(name, 1234, Duration::from_millis(5));
    wait::until(PATIENCE, || match drip.sent_bytes() {
        0..100_000 => Err("not enough yet".to_owned()),
        _ => Ok(()),
    });
    // Stopped, it counts no further; the send under way may be missing in its own figure.
    let at_least = drip.sent_bytes();
    drop(drip);
    let mut before = 0;
    wait::until(PATIENCE, || {
        std::thread::sleep(Duration::from_millis(600));
        let now = sent_bytes(daemon, name);
        let is_still = now >= at_least && now == std::mem::replace(&mut before, now);
        is_still
            .then_some(now)
            .ok_or_else(|| format!("{now} of {at_least}"))
    })
}

#[track_caller]
fn shows(browser: &Browser, expression: &str, expected: u64) {
    wait::until(PATIENCE, || {
        let shown = browser.run(&format!("return {expression}"));
        match shown.as_str().and_then(|text| text.parse::<u64>().ok()) {
            Some(bytes) if bytes == expected => Ok(()),
            _ => Err(format!("{shown}, not {expected}\n{}", browser.text())),
        }
    });
}

#[test]
fn the_past_has_the_numbers_of_the_api_and_leads_from_a_process_to_its_remotes_and_back() {
    let daemon = Daemon::start(&Setup::default());
    let expected = ended(&daemon, "past-page");
    let browser = Browser::start();
    open(&browser, &daemon, "#past?by=process&range=hour");
    let row = "document.querySelector('[data-testid=\"past-row\"][data-key=\"past-page\"]')";
    until(&browser, row);
    shows(&browser, &format!("{row}.dataset.sent"), expected);

    // Into the process: its remotes, which add up to it.
    drop(browser.run(&format!("{row}.querySelector('button').click()")));
    until(&browser, "location.hash.includes('process=past-page')");
    let sum = format!("{}?.dataset.bytes", find("sum-sent"));
    shows(&browser, &sum, expected);
    let remote = "document.querySelector('[data-testid=\"past-row\"][data-key=\"127.0.0.1\"]')";
    until(&browser, remote);
    shows(&browser, &format!("{remote}.dataset.sent"), expected);

    // Into the remote: who talked to it.
    drop(browser.run(&format!("{remote}.querySelector('button').click()")));
    until(&browser, "location.hash.includes('remote_ip=127.0.0.1')");
    until(
        &browser,
        "document.querySelectorAll('#chips li').length >= 2",
    );
    browser.back();
    browser.back();
    until(&browser, "!location.hash.includes('process=')");
    until(&browser, row);

    // By protocol it is the same number, under the same condition.
    open(
        &browser,
        &daemon,
        "#past?by=protocol&where=process%3Dpast-page",
    );
    let udp = "document.querySelector('[data-testid=\"past-row\"][data-key=\"udp\"]')";
    until(&browser, udp);
    shows(&browser, &format!("{udp}.dataset.sent"), expected);

    // What cannot be read is said, not shown as nothing.
    open(&browser, &daemon, "#past?where=process%3D");
    let problem = format!(
        "{}.textContent.includes('expected a value')",
        find("past-problem")
    );
    until(&browser, &problem);
}

#[test]
fn a_part_of_the_chart_is_zoomed_into_by_keys() {
    let daemon = Daemon::start(&Setup::default());
    let _expected = ended(&daemon, "zoom-page");
    let browser = Browser::start();
    open(&browser, &daemon, "#past?range=hour");
    let chart = format!("{}.querySelector('svg')", find("past-chart"));
    until(&browser, &format!("{chart}.querySelector('.area')"));
    drop(browser.run(&format!("{chart}.focus()")));
    browser.keys(&["End"]);
    drop(browser.run(&format!(
        "for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowLeft']) {chart}.dispatchEvent(
             new KeyboardEvent('keydown', {{ key, shiftKey: true }}))"
    )));
    browser.keys(&["Enter"]);
    until(&browser, "location.hash.includes('since=')");
    let seconds = browser.run(
        "const given = new URLSearchParams(location.hash.split('?')[1]);
         return (Date.parse(given.get('until')) - Date.parse(given.get('since'))) / 1000",
    );
    // Four of the steps of 30 seconds, less what the last one has still to come.
    let seconds = seconds.as_f64().unwrap();
    assert!((85.0..=121.0).contains(&seconds), "{seconds}");
    browser.back();
    until(&browser, "!location.hash.includes('since=')");
}

#[test]
fn every_view_is_reached_by_keys_and_by_clicks_and_complains_about_nothing() {
    let daemon = Daemon::start(&Setup::default());
    let drip = Drip::start("view-page", 5000, Duration::from_millis(20));
    let browser = Browser::start();
    open(&browser, &daemon, "");
    let row = "document.querySelector('[data-testid=\"process-row\"][data-process=\"view-page\"]')";
    click(&browser, "by-process");
    until(&browser, row);
    until(&browser, &find("address-row"));

    // One process in depth.
    drop(browser.run(&format!("{row}.querySelector('button.name').click()")));
    let facts = format!("{}.textContent", find("detail-facts"));
    until(
        &browser,
        &format!("{facts}.includes('traffic drip view-page')"),
    );
    until(&browser, &format!("{facts}.includes('Started by')"));
    until(&browser, &find("remote-row"));
    let hash = browser.run("return location.hash");
    let pid = drip.pid().to_string();
    assert!(hash.as_str().unwrap().contains(&pid), "{hash}");
    browser.back();
    until(&browser, &format!("{}.hidden", find("detail")));

    // A condition is the server's: the same words as on the command line.
    browser.keys(&["/"]);
    browser.keys(&["process=view-page and remote_ip in 127.0.0.0/8"]);
    let rows = "[...document.querySelectorAll('#processes tbody tr')]";
    until(
        &browser,
        &format!("{rows}.length === 1 && {rows}[0].dataset.process === 'view-page'"),
    );
    let search = find("search");
    drop(browser.run(&format!(
        "{search}.value = 'process=view-page and pid<0'; {search}.dispatchEvent(new Event('input'))"
    )));
    until(&browser, &format!("{rows}.length === 0"));

    drop(browser.run(&format!(
        "{search}.value = ''; {search}.dispatchEvent(new Event('input')); {search}.blur()"
    )));
    until(&browser, row);
    browser.keys(&["s"]);
    let state = format!("{}.textContent", find("state-facts"));
    until(&browser, &format!("{state}.includes('Backend')"));
    let health = daemon.get("/api/v1/health").unwrap();
    let backend = health["backend"].as_str().unwrap();
    until(&browser, &format!("{state}.includes('{backend}')"));
    for part in ["state-sinks", "state-database", "state-losses"] {
        until(&browser, &format!("{}.textContent.length > 5", find(part)));
    }
    let told = browser.run(&format!(
        "return {}.querySelectorAll('li').length",
        find("state-degradations")
    ));
    let degradations = health["degradations"].as_array().map_or(0, Vec::len);
    assert_eq!(told, Value::from(degradations.max(1)));

    browser.keys(&["p"]);
    until(&browser, &find("past-row"));
    for view in [
        "range-today",
        "range-yesterday",
        "range-week",
        "range-month",
        "range-hour",
    ] {
        click(&browser, view);
        until(&browser, &format!("{}.ariaPressed === 'true'", find(view)));
    }
    browser.keys(&["?"]);
    until(&browser, &format!("{}.open", find("help")));
    click(&browser, "help-close");
    click(&browser, "view-now");
    until(&browser, row);
    // On a busy machine keys come so slowly that a condition is asked for when half of it is typed.
    let half_typed = |complaint: &String| {
        complaint.contains("where=") && complaint.contains("400 (Bad Request)")
    };
    let mut complaints = browser.complaints();
    complaints.retain(|complaint| !half_typed(complaint));
    assert_eq!(complaints, Vec::<String>::new());
}
