//! The screen in a real terminal: tmux runs this test program with the made-up source of `demo`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A tmux server of our own with one window of 80x24, ended when dropped.
struct Tmux {
    dir: TempDir,
}

impl Tmux {
    /// Runs the demo. The state of the terminal is written to files before and after.
    fn start(environment: &str) -> Self {
        let tmux = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let program = std::env::current_exe().unwrap();
        let script = format!(
            "cd {dir}; stty -g >before; \
             sh -c 'echo $$ >pid; {environment} exec {program} --exact tui::demo::top --ignored \
             --nocapture'; echo $? >status; stty -g >after; exec sleep 60",
            dir = tmux.dir.path().display(),
            program = program.display(),
        );
        tmux.run(&["new-session", "-d", "-x", "80", "-y", "24", &script]);
        tmux
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .env_remove("TMUX")
            .args(["-f", "/dev/null", "-S"])
            .arg(self.dir.path().join("socket"))
            .args(arguments)
            .output()
            .expect("this test needs tmux: apt-get install tmux");
        let Ok(text) = String::from_utf8(output.stdout) else {
            panic!("tmux shows what is not UTF-8")
        };
        assert!(output.status.success(), "tmux {arguments:?}: {text}");
        text
    }

    fn picture(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    fn wait_for(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            let picture = self.picture();
            if holds(&picture) {
                return;
            }
            assert!(Instant::now() < patience, "no {what}:\n{picture}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn read(&self, file: impl AsRef<Path>) -> Option<String> {
        let text = fs::read_to_string(self.dir.path().join(file)).ok()?;
        text.ends_with('\n').then(|| text.trim().to_owned())
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

#[test]
fn the_terminal_is_as_before_however_the_screen_ends() {
    type End = fn(&Tmux);
    let cases: [(&str, &str, End, &str); 4] = [
        ("q", "", |tmux| drop(tmux.run(&["send-keys", "q"])), "0"),
        (
            "Ctrl-C",
            "",
            |tmux| drop(tmux.run(&["send-keys", "C-c"])),
            "0",
        ),
        (
            "SIGTERM",
            "",
            |tmux| {
                let pid = tmux.read("pid").unwrap();
                let killed = Command::new("kill").args(["-TERM", &pid]).status();
                assert!(killed.unwrap().success());
            },
            "0",
        ),
        // The test program's status for a failed test.
        ("a panic of the collector", "DEMO_PANIC=1", |_| {}, "101"),
    ];
    for (name, environment, end, status) in cases {
        let tmux = Tmux::start(environment);
        tmux.wait_for("table", |picture| {
            picture.contains("PROCESS") && picture.contains("chronyd")
        });
        end(&tmux);
        tmux.wait_for("end", |_| tmux.read("after").is_some());
        assert_eq!(tmux.read("status").as_deref(), Some(status), "{name}");
        assert_eq!(tmux.read("before"), tmux.read("after"), "{name}");
        let flags = tmux.run(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        assert_eq!(flags.trim(), "0 1", "{name}: alternate screen, cursor");
    }
}

#[test]
fn a_key_is_answered_before_the_next_window() {
    // An answer that waits for the next window takes minutes.
    let tmux = Tmux::start("DEMO_WINDOW_SECS=600");
    tmux.wait_for("table", |picture| picture.contains("total"));
    let keys = [
        ("c", "totals by pid"),
        ("g", "totals by app"),
        ("c", "rates by app"),
        ("g", "rates by name"),
        ("g", "rates by pid"),
        ("h", "MEASURED BY"),
        ("?", "nettally › keys"),
    ];
    for (key, shown) in keys {
        // A person's pace: only keys that come alone show whether they wake up the screen.
        std::thread::sleep(Duration::from_millis(350));
        tmux.run(&["send-keys", key]);
        tmux.wait_for(shown, |picture| picture.contains(shown));
    }
}
