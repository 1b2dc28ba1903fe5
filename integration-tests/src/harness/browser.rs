//! A browser without a screen, driven by the WebDriver protocol.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::daemon::free_address;
use super::wait;

/// A browser with one open page. Dropping it ends the browser and its driver.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    session: String,
}

/// One thing that a pointer does. What is pressed stays so from one call to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pointer {
    /// To these CSS pixels of what is seen of the page.
    Move(f64, f64),
    /// The first button is pressed.
    Down,
    /// It is let go.
    Up,
}

impl Browser {
    /// Starts `chromedriver` and, through it, a browser.
    ///
    /// # Panics
    /// They are not installed or do not start.
    #[must_use]
    pub fn start() -> Self {
        let port = free_address().port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`chromedriver` is installed; `cargo xtask setup` does it");
        let mut browser = Self {
            driver,
            session: String::new(),
        };
        let root = format!("http://127.0.0.1:{port}");
        wait::until(wait::PATIENCE, || {
            call("GET", &format!("{root}/status"), &Value::Null)
        });
        // Root's browser has no sandbox, and a container's shared memory may be small.
        let options = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": options },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let answer = call("POST", &format!("{root}/session"), &wanted).expect("a browser starts");
        let id = answer["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{root}/session/{id}");
        browser
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Panics
    /// The browser refuses.
    pub fn open(&self, address: &str) {
        self.command("url", &json!({ "url": address }));
    }

    /// Runs JavaScript in the page and returns its result.
    ///
    /// # Panics
    /// It throws.
    #[must_use]
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The text of the page as it is shown.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.run("return document.body.innerText");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Goes back as its button does.
    ///
    /// # Panics
    /// The browser refuses.
    pub fn back(&self) {
        self.command("back", &json!({}));
    }

    /// Presses keys where the focus is: each text is typed, `Enter` and `End` are keys.
    ///
    /// # Panics
    /// The browser refuses.
    pub fn keys(&self, texts: &[&str]) {
        let pressed = texts.iter().flat_map(|text| match *text {
            "Enter" => vec!['\u{e007}'],
            "End" => vec!['\u{e010}'],
            text => text.chars().collect(),
        });
        let actions: Vec<Value> = pressed
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let source = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.command("actions", &json!({ "actions": [source] }));
    }

    /// Does with a mouse what a person would, one thing after another.
    ///
    /// # Panics
    /// The browser refuses.
    pub fn point(&self, acts: &[Pointer]) {
        let act = |act: &Pointer| match *act {
            Pointer::Move(x, y) => json!({ "type": "pointerMove", "duration": 10,
                "x": x.round(), "y": y.round(), "origin": "viewport" }),
            Pointer::Down => json!({ "type": "pointerDown", "button": 0 }),
            Pointer::Up => json!({ "type": "pointerUp", "button": 0 }),
        };
        let actions: Vec<Value> = acts.iter().map(act).collect();
        let source = json!({ "type": "pointer", "id": "mouse", "actions": actions,
            "parameters": { "pointerType": "mouse" } });
        self.command("actions", &json!({ "actions": [source] }));
    }

    /// A command of the browser's own protocol for developers, and its answer.
    ///
    /// # Panics
    /// The browser refuses.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let asked = json!({ "cmd": command, "params": parameters });
        self.command("goog/cdp/execute", &asked)
    }

    /// Files that pages hand out are stored there from now on.
    ///
    /// # Panics
    /// The browser refuses.
    pub fn save_files_in(&self, directory: &Path) {
        let wanted = json!({ "behavior": "allow", "downloadPath": directory });
        self.devtools("Browser.setDownloadBehavior", &wanted);
    }

    /// What is seen now, as PNG.
    ///
    /// # Panics
    /// The browser refuses.
    #[must_use]
    pub fn picture(&self) -> Vec<u8> {
        let answer = self.devtools("Page.captureScreenshot", &json!({ "format": "png" }));
        let text = answer["data"].as_str().expect("a picture");
        BASE64_STANDARD.decode(text).expect("it is in base64")
    }

    /// Errors and warnings of the page so far.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().map(Value::to_string).collect()
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        call("POST", &format!("{}/{path}", self.session), body)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Fails if the browser never came up; the driver ends in any case.
        drop(call("DELETE", &self.session, &Value::Null));
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// One command; its value.
fn call(method: &str, url: &str, body: &Value) -> Result<Value, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let answer = match method {
        "GET" => agent.get(url).call(),
        "DELETE" => agent.delete(url).call(),
        _ => agent
            .post(url)
            .header("content-type", "application/json")
            .send(body.to_string()),
    };
    let mut answer = answer.map_err(|error| error.to_string())?;
    let text = answer
        .body_mut()
        .read_to_string()
        .map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    if answer.status().is_success() {
        Ok(value["value"].clone())
    } else {
        Err(value["value"].to_string())
    }
}
