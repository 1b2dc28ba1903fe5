//! Processes with names. Those that fork have a single thread, so that it is safe.

use std::ffi::CString;
use std::io;

use super::ledger::Ledger;
use super::sys::check;

/// A forked process, to be waited for.
#[must_use = "wait for it"]
#[derive(Debug)]
pub struct Child(libc::pid_t);

impl Child {
    /// One that was made already.
    pub(super) fn of(pid: libc::pid_t) -> Self {
        Self(pid)
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.cast_unsigned()
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// It did not end with status 0.
    pub fn wait(self) -> io::Result<()> {
        let mut status = 0;
        // SAFETY: `status` is ours and outlives the call.
        check(unsafe { libc::waitpid(self.0, &raw mut status, 0) } as isize)?;
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::other(format!(
                "child {} ended with wait status {status:#x}",
                self.0
            )))
        }
    }
}

/// Runs `work` in a process called `name` and prints its ledger.
///
/// # Errors
/// The process could not be made.
pub fn fork(name: &str, work: impl FnOnce(&mut Ledger) -> io::Result<()>) -> io::Result<Child> {
    // SAFETY: a process that gets here has one thread, so the child may do what the parent may do.
    let pid = check(unsafe { libc::fork() } as isize)?;
    if pid > 0 {
        return Ok(Child(pid.try_into().expect("a pid fits")));
    }
    let done = set_name(name).and_then(|()| {
        let mut ledger = Ledger::default();
        work(&mut ledger)?;
        ledger.print()
    });
    let status = match done {
        Ok(()) => 0,
        Err(error) => {
            let line = format!("traffic: {name}: {error}\n");
            // Nothing is left to do about it where even standard error is gone.
            drop(super::sys::write_once(libc::STDERR_FILENO, line.as_bytes()));
            1
        }
    };
    // SAFETY: ends the process without running what the parent has registered to run at exit.
    unsafe { libc::_exit(status) }
}

/// Runs a server and a client and waits for both. The server's sockets must be bound already.
///
/// # Errors
/// One of them failed.
pub fn pair(
    case: &str,
    server: impl FnOnce(&mut Ledger) -> io::Result<()>,
    client: impl FnOnce(&mut Ledger) -> io::Result<()>,
) -> io::Result<()> {
    let server = fork(&format!("s-{case}"), server)?;
    let client = fork(&format!("c-{case}"), client)?;
    client.wait()?;
    server.wait()
}

/// Names the calling process, 15 bytes at most.
///
/// # Errors
/// The name has a zero byte.
pub fn set_name(name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    // SAFETY: the kernel reads the string, which ends with a zero.
    check(unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) } as isize).map(drop)
}

/// Name of the calling process.
#[must_use]
pub fn name() -> String {
    let mut name = [0u8; 16];
    // SAFETY: the kernel writes 16 bytes at most.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    let length = name.iter().position(|&byte| byte == 0).unwrap_or(16);
    String::from_utf8_lossy(&name[..length]).into_owned()
}
