//! A CSV file has what is on the screen: each row and each number, and nothing else.

use std::path::Path;
use std::time::Duration;

use nettally_integration_tests::harness::browser::Browser;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::wait;
use serde_json::Value;
use tempfile::TempDir;

use super::{PATIENCE, find, open, until};

/// The file that a click on `name` makes the browser store.
pub(super) fn saved(browser: &Browser, name: &str) -> String {
    until(browser, &find(name));
    saved_with(browser, name, "null").0
}

/// The same, and what `seen` was in the same moment: between two tasks the screen may change.
fn saved_with(browser: &Browser, name: &str, seen: &str) -> (String, Value) {
    let directory = TempDir::new().expect("a directory for the test");
    browser.save_files_in(directory.path());
    let seen = browser.run(&format!(
        "const seen = {seen}; {}.click(); return seen",
        find(name)
    ));
    let file = wait::until(PATIENCE, || file_in(directory.path()));
    (file, seen)
}

fn file_in(directory: &Path) -> Result<String, String> {
    std::fs::read_dir(directory)
        .expect("our own directory")
        .map(|entry| entry.expect("our own directory").path())
        .find(|path| path.extension().is_some_and(|end| end == "csv"))
        .map(|path| std::fs::read_to_string(path).expect("the browser wrote it"))
        .ok_or_else(|| "no file".to_owned())
}

/// The rows of a file: of each the cells in `columns`.
#[track_caller]
fn rows(file: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let heads = reader.headers().expect("a first line").clone();
    let places: Vec<usize> = columns
        .iter()
        .map(|column| {
            let place = heads.iter().position(|head| head == *column);
            place.unwrap_or_else(|| panic!("no {column} in {heads:?}"))
        })
        .collect();
    let cells = |row: csv::StringRecord| places.iter().map(|&at| row[at].to_owned()).collect();
    reader
        .records()
        .map(|row| cells(row.expect("it is whole")))
        .collect()
}

/// What the screen had, as rows of cells.
fn cells(seen: &Value) -> Vec<Vec<String>> {
    serde_json::from_value(seen.clone()).unwrap_or_else(|error| panic!("{error}: {seen}"))
}

/// The cells as the page writes them: of each column `bytes`, `rateOrDash`, or nothing for a text.
fn written(browser: &Browser, rows: Vec<Vec<String>>, formats: &[&str]) -> Vec<Vec<String>> {
    let formats = serde_json::json!(formats);
    let rows = serde_json::json!(rows);
    let written = browser.run(&format!(
        "return import('/format.js').then((format) => {rows}.map((row) => row.map(
             (cell, at) => format[{formats}[at]]?.(cell === '' ? undefined : Number(cell)) ?? cell)))"
    ));
    cells(&written)
}

/// Of the rows that `selector` finds: what is in `data`, and the texts of the cells of these places.
fn table(selector: &str, data: &[&str], places: &[usize]) -> String {
    let data = serde_json::json!(data);
    let places = serde_json::json!(places);
    format!(
        "[...document.querySelectorAll('{selector}')].map((row) => [
             ...{data}.map((name) => row.dataset[name]),
             ...{places}.map((place) => row.cells[place].textContent)])"
    )
}

#[test]
fn each_file_has_the_rows_and_numbers_of_its_view() {
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 0.5,
        ..Setup::default()
    });
    let names = ["csv-first", "csv-second"];
    let _drips = names.map(|name| Drip::start(name, 3000, Duration::from_millis(20)));
    let browser = Browser::start();

    open(&browser, &daemon, "#now?by=process&q=csv-");
    until(
        &browser,
        "document.querySelectorAll('#processes tbody tr').length === 2",
    );
    let numbers = [
        "received_bytes_per_second",
        "sent_bytes_per_second",
        "received_bytes",
        "sent_bytes",
    ];
    let formats = ["", "", "rateOrDash", "rateOrDash", "bytes", "bytes"];
    let screen = table("#processes tbody tr", &["process", "pid"], &[3, 4, 6, 7]);
    let (file, seen) = saved_with(&browser, "processes-csv", &screen);
    let told = rows(&file, &[&["process", "pid"], &numbers[..]].concat());
    assert_eq!(written(&browser, told, &formats), cells(&seen), "{file}");

    // All remotes: the search would leave none.
    open(&browser, &daemon, "#now?by=process");
    until(&browser, &find("address-row"));
    let screen = table("#addresses tbody tr", &["remote"], &[2, 3, 5, 6]);
    let (file, seen) = saved_with(&browser, "addresses-csv", &screen);
    let columns = [
        "remote_ip",
        "remote_port",
        "received_bytes_per_second",
        "sent_bytes_per_second",
        "received_bytes_2_minutes",
        "sent_bytes_2_minutes",
    ];
    let told = rows(&file, &columns).into_iter().map(|mut row| {
        let port = row.remove(1);
        if port != "0" && !port.is_empty() {
            row[0] = format!("{}:{port}", row[0]);
        }
        row
    });
    let formats = ["", "rateOrDash", "rateOrDash", "bytes", "bytes"];
    assert_eq!(
        written(&browser, told.collect(), &formats),
        cells(&seen),
        "{file}"
    );

    open(&browser, &daemon, "#past?by=process&where=process~csv-");
    until(
        &browser,
        "document.querySelectorAll('#past-table tbody tr').length === 2",
    );
    let screen = table("#past-table tbody tr", &["key", "received", "sent"], &[]);
    let (file, seen) = saved_with(&browser, "past-csv", &screen);
    let told = rows(&file, &["process", "received_bytes", "sent_bytes"]);
    assert_eq!(told, cells(&seen), "{file}");
    let total =
        browser.run("return document.querySelector('[data-testid=\"sum-sent\"]').dataset.bytes");
    assert!(total.as_str().is_some_and(|bytes| bytes != "0"), "{total}");

    open(&browser, &daemon, "#state");
    until(
        &browser,
        "document.querySelectorAll('#state-database dt').length > 2",
    );
    let pairs = "['state-facts', 'state-database'].flatMap((id) =>
        [...document.querySelectorAll(`#${id} > div`)].map((row) =>
            [row.querySelector('dt').textContent, row.querySelector('dd').textContent]))";
    let (file, seen) = saved_with(&browser, "state-csv", pairs);
    assert!(!file.contains("[object"), "{file}");
    let parts = ["measuring", "database"];
    let told: Vec<_> = rows(&file, &["part", "name", "value"])
        .into_iter()
        .filter(|row| parts.contains(&row[0].as_str()))
        .map(|row| row[1..].to_vec())
        .collect();
    assert_eq!(told, cells(&seen), "{file}");
    let sinks = rows(&file, &["part", "name"]);
    let history = |row: &&Vec<String>| row[0] == "sink history";
    assert!(sinks.iter().filter(history).count() > 3, "{file}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
