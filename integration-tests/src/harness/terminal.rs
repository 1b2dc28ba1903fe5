//! A real terminal: a tmux server of our own with one window.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::wait;

/// Ended when dropped.
#[derive(Debug)]
pub struct Terminal {
    directory: TempDir,
}

impl Terminal {
    /// Runs `command` in a window of that size. The settings of the terminal are noted before and
    /// after, and how the command ended.
    ///
    /// # Panics
    /// tmux is not installed, or does not start.
    #[must_use]
    pub fn start(width: u16, height: u16, command: &[&str]) -> Self {
        let terminal = Self {
            directory: TempDir::new().expect("a directory for the test"),
        };
        let quoted: Vec<String> = command
            .iter()
            .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
            .collect();
        let script = format!(
            "cd {}; stty -g >before; sh -c 'echo $$ >pid; exec \"$@\"' sh {}; echo $? >status; \
             stty -g >after; exec sleep 600",
            terminal.directory.path().display(),
            quoted.join(" "),
        );
        terminal.tmux(&[
            "new-session",
            "-d",
            "-x",
            &width.to_string(),
            "-y",
            &height.to_string(),
            &script,
        ]);
        terminal
    }

    /// Presses keys, as tmux names them.
    ///
    /// # Panics
    /// tmux does not know the key.
    pub fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Types text as it is.
    ///
    /// # Panics
    /// tmux is gone.
    pub fn type_text(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// What is on the screen, without colours.
    ///
    /// # Panics
    /// tmux is gone.
    #[must_use]
    pub fn picture(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// What is on the screen, with colours and attributes.
    ///
    /// # Panics
    /// tmux is gone.
    #[must_use]
    pub fn coloured_picture(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Whether the alternate screen is in use, and whether the cursor is shown: `1 0`.
    ///
    /// # Panics
    /// tmux is gone.
    #[must_use]
    pub fn state(&self) -> String {
        let format = "#{alternate_on} #{cursor_flag}";
        self.tmux(&["display-message", "-p", format])
            .trim()
            .to_owned()
    }

    /// Waits until the screen is as it should be.
    ///
    /// # Panics
    /// It never is; the message is the screen.
    #[track_caller]
    pub fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        wait::until(Duration::from_secs(30), || {
            let picture = self.picture();
            if holds(&picture) {
                Ok(picture)
            } else {
                Err(format!("no {what}:\n{picture}"))
            }
        })
    }

    /// What was noted: `pid`, `before`, `after` or `status`; `None` before that.
    #[must_use]
    pub fn note(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.directory.path().join(name)).ok()?;
        text.ends_with('\n').then(|| text.trim().to_owned())
    }

    /// Waits for the end of the command; its exit status.
    ///
    /// # Panics
    /// It does not end.
    #[track_caller]
    pub fn end(&self) -> String {
        wait::until(Duration::from_secs(20), || {
            self.note("after")
                .and_then(|_| self.note("status"))
                .ok_or_else(|| format!("it has not ended:\n{}", self.picture()))
        })
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .env_remove("TMUX")
            .env("LC_ALL", "C.UTF-8")
            .args(["-f", "/dev/null", "-u", "-S"])
            .arg(socket(self.directory.path()))
            .args(arguments)
            .output()
            .expect("`tmux` is installed; `cargo xtask setup` does it");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {complaint}");
        text
    }
}

fn socket(directory: &Path) -> std::path::PathBuf {
    directory.join("socket")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.tmux(&["kill-server"]);
            return;
        }
        let mut end = Command::new("tmux");
        end.arg("-S").arg(socket(self.directory.path()));
        drop(end.arg("kill-server").status());
    }
}
