//! Pictures of every view, light and dark, narrow and wide.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nettally_integration_tests::harness::browser::Browser;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Drip;
use serde_json::json;

/// Name and address of each.
const VIEWS: [(&str, &str); 4] = [
    ("now", "#now"),
    ("process", "#now?by=process&process=firefox"),
    ("past", "#past"),
    ("state", "#state"),
];

/// CSS pixels.
const SIZES: [(u32, u32); 3] = [(360, 780), (1440, 1000), (3840, 2160)];

/// Until live charts have something to show.
const COURSE: Duration = Duration::from_secs(20);

/// Until a view has its answers.
const ANSWERS: Duration = Duration::from_secs(4);

/// `cargo xtask screenshots`. `NETTALLY_PAGE` names a page that is there already, such as
/// `http://127.0.0.1:9797`, to be taken instead of one of a few made-up processes.
#[test]
fn pictures_of_every_view() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&directory).unwrap();
    let browser = Browser::start();
    if let Ok(page) = std::env::var("NETTALLY_PAGE") {
        take(&browser, &page, &directory);
        return;
    }
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 0.5,
        ..Setup::default()
    });
    let _drips = [
        ("firefox", 9000),
        ("backup", 4000),
        ("video-call", 1200),
        ("dns-cache", 90),
    ]
    .map(|(name, bytes)| Drip::start(name, bytes, Duration::from_millis(10)));
    std::thread::sleep(COURSE);
    take(&browser, &format!("http://{}", daemon.api), &directory);
}

fn take(browser: &Browser, page: &str, directory: &Path) {
    for scheme in ["light", "dark"] {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        browser.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [feature] }),
        );
        for (width, height) in SIZES {
            let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
            browser.devtools("Emulation.setDeviceMetricsOverride", &size);
            for (name, address) in VIEWS {
                browser.open("about:blank");
                browser.open(&format!("{page}/{address}"));
                std::thread::sleep(ANSWERS);
                let wide = browser.run("return document.documentElement.scrollWidth - innerWidth");
                assert!(
                    wide.as_i64() <= Some(0),
                    "{name} is {wide} too wide at {width}"
                );
                let file: PathBuf = directory.join(format!("{name}-{scheme}-{width}.png"));
                std::fs::write(&file, browser.picture()).expect("our own directory");
                println!("{}", file.display());
            }
        }
    }
}
