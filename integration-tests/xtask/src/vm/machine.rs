//! One boot of QEMU, without hardware support so that it works inside any other machine.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::kernels::Kernel;

/// What lines of the machine's own talk start with; see `init.sh`.
const MARK: &str = "::nettally-vm ";

/// How a boot went.
#[derive(Debug)]
pub(crate) struct Session {
    /// Until the first command.
    pub(crate) boot: Duration,
    /// In the order they ran.
    pub(crate) commands: Vec<Outcome>,
}

/// How a command in the machine ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) status: i32,
    pub(crate) output: String,
}

/// Boots, runs every command in the image, and shows what they print as it comes. What the kernel
/// says is in the file `console`.
pub(super) fn boot(
    kernel: &Kernel,
    image: &Path,
    initramfs: &Path,
    console: &Path,
    time_limit: Duration,
) -> Result<Session> {
    let start = Instant::now();
    // In turns: where they run side by side, QEMU 7.2 of Debian 12 may let a processor see an
    // instruction that another has patched by half.
    let mut machine = Command::new("qemu-system-x86_64")
        .args([
            "-accel",
            "tcg,thread=single",
            "-cpu",
            kernel.processor,
            "-smp",
            "2",
            "-m",
            "2048",
        ])
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none", "-nic", "none"])
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(initramfs)
        // A panic ends the machine at once.
        .args([
            "-append",
            "console=ttyS0 panic=-1 oops=panic mitigations=off",
        ])
        .arg("-serial")
        .arg(format!("file:{}", console.display()))
        .args(["-serial", "stdio"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start qemu-system-x86_64; `cargo xtask setup` installs it")?;
    let output = machine.stdout.take().expect("piped just now");
    let followed = follow(kernel.name, &lines(output), start, time_limit);
    if followed.is_err() {
        // It may have ended by itself.
        drop(machine.kill());
    }
    let status = machine.wait().context("cannot wait for QEMU")?;
    let session = followed.with_context(|| last_words(console))?;
    if !status.success() {
        bail!("QEMU: {status}");
    }
    Ok(session)
}

/// Lines as they come, from a thread that ends with the output.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1000);
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n') {
            // A command may print anything; an error is the end as well.
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line);
            if sender.send(line.trim_end_matches('\r').to_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Reads to the end.
fn follow(
    name: &str,
    lines: &Receiver<String>,
    start: Instant,
    time_limit: Duration,
) -> Result<Session> {
    let mut reader = Reader {
        machine: name.to_owned(),
        ..Reader::default()
    };
    loop {
        let left = time_limit.saturating_sub(start.elapsed());
        match lines.recv_timeout(left) {
            Ok(line) => reader.line(&line, start.elapsed())?,
            Err(RecvTimeoutError::Disconnected) => return reader.end(),
            Err(RecvTimeoutError::Timeout) => bail!(
                "the time limit of {} s is over {}",
                time_limit.as_secs(),
                reader.place()
            ),
        }
    }
}

/// Where we are in what the machine tells.
#[derive(Debug, Default)]
struct Reader {
    /// Several machines may run at a time: the name goes before what each says.
    machine: String,
    boot: Option<Duration>,
    running: Option<(String, Vec<String>)>,
    commands: Vec<Outcome>,
}

impl Reader {
    fn line(&mut self, line: &str, now: Duration) -> Result<()> {
        let Some(mark) = line.strip_prefix(MARK) else {
            println!("{}: {line}", self.machine);
            if let Some((_name, output)) = &mut self.running {
                output.push(line.to_owned());
            }
            return Ok(());
        };
        let words: Vec<&str> = mark.split(' ').collect();
        match (words.as_slice(), self.running.take()) {
            (["ready"], None) => self.boot = Some(now),
            (["begin", name], None) => self.running = Some(((*name).to_owned(), Vec::new())),
            (["end", ended, status], Some((name, mut output))) if *ended == name => {
                // `init.sh` puts a line feed before the mark, in case the last line had none.
                if output.last().is_some_and(String::is_empty) {
                    output.pop();
                }
                self.commands.push(Outcome {
                    name,
                    status: status
                        .parse()
                        .with_context(|| format!("`{line}` has no status"))?,
                    output: output.join("\n"),
                });
            }
            (_, running) => bail!("the machine says `{line}` while {running:?} runs"),
        }
        Ok(())
    }

    fn place(&self) -> String {
        match (&self.running, self.boot) {
            (Some((name, _output)), _) => format!("during `{name}`"),
            (None, None) => "before the first command".to_owned(),
            (None, Some(_)) => "between commands".to_owned(),
        }
    }

    fn end(self) -> Result<Session> {
        let Self {
            boot: Some(boot),
            running: None,
            commands,
            machine: _,
        } = self
        else {
            bail!("the machine has ended {}", self.place());
        };
        Ok(Session { boot, commands })
    }
}

/// The end of what the kernel said.
fn last_words(console: &Path) -> String {
    const LINES: usize = 40;
    let said = std::fs::read(console).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    format!(
        "all that the kernel said is in {}, the end is\n{}",
        console.display(),
        last.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Session> {
        let mut reader = Reader::default();
        for line in text.lines() {
            reader.line(line, Duration::from_secs(2))?;
        }
        reader.end()
    }

    #[test]
    fn output_and_status_of_each_command_are_told_apart() {
        let session = read(
            "hello\n::nettally-vm ready\n\
             ::nettally-vm begin a\none\n\ntwo\n\n::nettally-vm end a 0\n\
             ::nettally-vm begin b\n\n::nettally-vm end b 3\n",
        )
        .unwrap();
        let outcome = |name: &str, status, output: &str| Outcome {
            name: name.to_owned(),
            status,
            output: output.to_owned(),
        };
        assert_eq!(session.boot, Duration::from_secs(2));
        assert_eq!(
            session.commands,
            [outcome("a", 0, "one\n\ntwo"), outcome("b", 3, "")]
        );
    }

    #[test]
    fn a_machine_that_ends_early_has_not_succeeded() {
        assert!(read("").is_err());
        let during = read("::nettally-vm ready\n::nettally-vm begin a\n").unwrap_err();
        assert!(during.to_string().contains("during `a`"), "{during}");
        assert!(read("::nettally-vm ready\n::nettally-vm begin a\n::nettally-vm begin b").is_err());
    }
}
