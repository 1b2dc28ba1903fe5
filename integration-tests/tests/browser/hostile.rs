//! Any process may call itself anything.

use std::time::Duration;

use nettally_integration_tests::harness::browser::Browser;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::wait;

use super::downloads::saved;
use super::{PATIENCE, open, until};

/// Names, and how they are to be seen. A name has 15 bytes at most; the command line has it whole.
const NAMES: [(&str, &str); 4] = [
    ("<img onerror=1>", "<img onerror=1>"),
    ("<script>x()", "<script>x()"),
    ("=cmd()", "=cmd()"),
    ("\u{202e}b\u{1b}[31m\u{7}", "\\u{202e}b\\u{1b}[31m\\u{7}"),
];

#[test]
fn hostile_names_are_text_in_every_view_and_no_formula_in_any_file() {
    let daemon = Daemon::start(&Setup::default());
    let _drips = NAMES.map(|(name, _)| Drip::start(name, 1000, Duration::from_millis(20)));
    let browser = Browser::start();
    for (view, file) in [
        ("#now?by=process", "processes-csv"),
        ("#past?by=process", "past-csv"),
    ] {
        open(&browser, &daemon, view);
        wait::until(PATIENCE, || {
            let text = browser.text();
            let missing = NAMES.iter().find(|(_, shown)| !text.contains(shown));
            missing.map_or(Ok(()), |missing| Err(format!("{missing:?}: {text}")))
        });
        let file = saved(&browser, file);
        for (_, shown) in NAMES {
            assert!(file.contains(shown), "{view} {shown}: {file}");
        }
        // A cell that begins as a formula would is made text.
        assert!(file.contains("'=cmd()"), "{file}");
        let cells = file.lines().flat_map(|line| line.split(','));
        let formula = cells.map(|cell| cell.trim_start_matches('"')).find(|cell| {
            cell.starts_with(['=', '+', '-', '@', '\t']) || cell.contains(['\u{202e}', '\u{1b}'])
        });
        assert_eq!(formula, None, "{file}");
    }
    // In depth: the command line has the name too, in quotes where a shell would need them.
    for (name, shown) in NAMES {
        let script = format!(
            "location.hash = 'now?' + new URLSearchParams({{ by: 'process', process: {} }})",
            serde_json::Value::from(name)
        );
        drop(browser.run(&script));
        let shown = serde_json::Value::from(shown);
        until(
            &browser,
            &format!(
                "document.getElementById('detail-name').textContent === {shown}
                     && document.getElementById('detail-facts').textContent.includes('drip ')"
            ),
        );
        assert_eq!(
            browser.run("return /[\\u202e\\u001b\\u0007]/.test(document.body.textContent)"),
            false,
            "{}",
            browser.text()
        );
    }
    let markup = "document.getElementById('detail-facts').textContent.includes('<img onerror=1>')";
    drop(
        browser.run(
            "location.hash = 'now?by=process&process=' + encodeURIComponent('<img onerror=1>')",
        ),
    );
    until(&browser, markup);
    assert!(saved(&browser, "detail-csv").contains("<img onerror=1>"));
    let found = browser.run(
        "return document.querySelector('img[onerror]') !== null
            || [...document.scripts].some(script => script.text.includes('x()'))",
    );
    assert_eq!(found, false, "{}", browser.text());
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
