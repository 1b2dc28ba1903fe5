//! Pictures of every view, light and dark, narrow and wide.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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

/// What the README shows: name of the file, scheme, height, address. The second half of the course is
/// compared with the first.
const SHOWN: [(&str, &str, u32, &str); 2] = [
    ("now", "light", 920, "#now?by=process&q=user%3Dnobody"),
    ("past", "dark", 890, "#past?by=process&where=user%3Dnobody"),
];

/// CSS pixels.
const SHOWN_WIDTH: u32 = 1264;

/// Client, server, address, bytes per second that the client sends and receives, seconds of a wave.
const PAIRS: [(&str, &str, &str, u32, u32, u32); 6] = [
    ("firefox", "nginx", "127.0.1.10", 90_000, 1_400_000, 150),
    ("firefox", "nginx", "127.0.1.11", 40_000, 600_000, 70),
    ("backup", "object-store", "127.0.2.20", 900_000, 30_000, 200),
    ("mail-sync", "imap", "127.0.3.30", 70_000, 190_000, 45),
    ("video-call", "turn", "127.0.4.40", 240_000, 260_000, 400),
    ("dns-cache", "resolver", "127.0.5.50", 2_000, 9_000, 20),
];

/// Half of what the pictures of the README tell of.
const HALF: Duration = Duration::from_secs(125);

/// `cargo xtask screenshots`. `NETTALLY_PAGE` names a page that is there already, such as
/// `http://127.0.0.1:9797`, to be taken instead of one of a few made-up processes.
#[test]
fn pictures_of_every_view() {
    let directory = directory("../target/screenshots");
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

/// `cargo xtask screenshots --write`.
#[test]
fn pictures_that_the_readme_shows() {
    let directory = directory("../standalone/screenshots");
    let browser = Browser::start();
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 1.0,
        ..Setup::default()
    });
    let mut pairs = PAIRS.map(Pair::start);
    std::thread::sleep(HALF);
    let middle = time_of(&browser);
    std::thread::sleep(HALF);
    let end = time_of(&browser);
    assert!(pairs.iter_mut().all(Pair::is_running));
    for (name, scheme, height, address) in SHOWN {
        look_as(&browser, scheme, SHOWN_WIDTH, height);
        let range = format!("&since={middle}&until={end}");
        let address = format!("http://{}/{address}{range}", daemon.api);
        picture(&browser, &address, &directory.join(format!("{name}.png")));
    }
}

fn time_of(browser: &Browser) -> String {
    let time = browser.run("return new Date().toISOString()");
    time.as_str().expect("a time").to_owned()
}

fn directory(path: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::create_dir_all(&directory).expect("our own directory");
    directory
}

fn take(browser: &Browser, page: &str, directory: &Path) {
    for scheme in ["light", "dark"] {
        for (width, height) in SIZES {
            look_as(browser, scheme, width, height);
            for (name, address) in VIEWS {
                let file = directory.join(format!("{name}-{scheme}-{width}.png"));
                picture(browser, &format!("{page}/{address}"), &file);
                let wide = browser.run("return document.documentElement.scrollWidth - innerWidth");
                assert!(
                    wide.as_i64() <= Some(0),
                    "{name} is {wide} too wide at {width}"
                );
            }
        }
    }
}

fn look_as(browser: &Browser, scheme: &str, width: u32, height: u32) {
    let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
    browser.devtools(
        "Emulation.setEmulatedMedia",
        &json!({ "features": [feature] }),
    );
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", &size);
    browser.devtools("Emulation.setScrollbarsHidden", &json!({ "hidden": true }));
}

fn picture(browser: &Browser, address: &str, file: &Path) {
    browser.open("about:blank");
    browser.open(address);
    std::thread::sleep(ANSWERS);
    std::fs::write(file, browser.picture()).expect("our own directory");
    println!("{}", file.display());
}

/// Two processes that move bytes both ways, as `pair.py` tells. Dropping it ends them.
struct Pair(Child);

impl Pair {
    fn start(
        (client, server, address, sent, received, wave): (&str, &str, &str, u32, u32, u32),
    ) -> Self {
        let child = Command::new("python3")
            .args(["-c", include_str!("screenshots/pair.py")])
            .args([client, server, address])
            .args([sent, received, wave].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .spawn();
        Self(child.expect("`python3` is installed; `cargo xtask setup` does it"))
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("it is our child").is_none()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It fails if it has ended already, which is as well.
        drop(self.0.wait());
    }
}
