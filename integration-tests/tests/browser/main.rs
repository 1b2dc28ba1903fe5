//! The page, opened in a real browser.
//!
//! - [`live`]: rates follow what is sent.
//! - [`views`]: every view by keys, clicks and address; its numbers are those of the API.
//! - [`pointer`]: dragging over the chart, and the buttons of the protocols.
//! - [`downloads`]: CSV files have what is on the screen.
//! - [`document`]: the description of the API, shown without anybody else's help.
//! - [`hostile`]: names and command lines of processes are text, in every view and in CSV files.
//! - [`absence`]: the page says that the daemon is gone, and finds it again.
//! - [`cost`]: what the page weighs, how soon it is seen, and that its memory does not grow.
//! - `screenshots`: pictures of every view, when asked for.
#![expect(clippy::print_stdout, reason = "measurements are read in the log")]

mod absence;
mod cost;
mod document;
mod downloads;
mod hostile;
mod live;
mod pointer;
#[cfg(feature = "screenshots")]
mod screenshots;
mod views;

use std::time::Duration;

use nettally_integration_tests::harness::browser::Browser;
use nettally_integration_tests::harness::daemon::Daemon;
use nettally_integration_tests::harness::wait;

/// How long a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens a view by its address.
fn open(browser: &Browser, daemon: &Daemon, view: &str) {
    browser.open(&format!("http://{}/{view}", daemon.api));
}

/// Waits until an expression is true in the page.
#[track_caller]
fn until(browser: &Browser, expression: &str) {
    wait::until(PATIENCE, || {
        let is_so = browser.run(&format!("return Boolean({expression})")) == true;
        let failure = || format!("{expression}\n{}", browser.text());
        is_so.then_some(()).ok_or_else(failure)
    });
}

/// Clicks what has this `data-testid`.
#[track_caller]
fn click(browser: &Browser, name: &str) {
    until(browser, &find(name));
    drop(browser.run(&format!("{}.click()", find(name))));
}

/// The expression for what has this `data-testid`.
fn find(name: &str) -> String {
    format!("document.querySelector('[data-testid=\"{name}\"]')")
}
