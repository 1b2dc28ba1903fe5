//! Processes and threads that begin or end in an odd way.

use std::io;
use std::time::Duration;

use crate::traffic::process::Child;
use crate::traffic::sys::check;

/// Does `work` in a thread of that name.
pub(super) fn thread(
    name: &str,
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(work)?.join().expect("it does not panic")
}

/// Ends the first thread, and does `work` in another, which ends the process.
pub(super) fn outlive_first_thread(
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    std::thread::Builder::new().spawn(move || {
        let done = wait_for_end_of_first_thread().and_then(|()| work());
        std::process::exit(i32::from(done.is_err()))
    })?;
    // SAFETY: ends this thread alone. Nothing on its stack is used by the other one.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("the thread has ended")
}

fn wait_for_end_of_first_thread() -> io::Result<()> {
    let pid = std::process::id();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{pid}/stat"))?;
        if stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.starts_with(" Z"))
        {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Does `work` in a child and waits for it.
pub(super) fn child(work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: a process that gets here has one thread, so the child may do what the parent may do.
    let pid = check(unsafe { libc::fork() } as isize)?;
    parent_or_child(pid, work)
}

/// Does `work` in a child with that number, which must be free.
pub(super) fn twin(pid: u32, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: numbers alone, for which zero means nothing.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    let wanted: libc::pid_t = pid.cast_signed();
    arguments.exit_signal = libc::SIGCHLD.cast_unsigned().into();
    arguments.set_tid = (&raw const wanted) as u64;
    arguments.set_tid_size = 1;
    // SAFETY: both structures outlive the call; without a stack of its own, the child has a copy of
    // ours, as after `fork`, and this process has one thread.
    let pid = check(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of::<libc::clone_args>(),
        )
    } as isize)?;
    parent_or_child(pid, work)
}

fn parent_or_child(pid: usize, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    if pid > 0 {
        Child::of(pid.try_into().expect("a pid fits")).wait()?;
        std::process::exit(0);
    }
    let status = match work() {
        Ok(()) => 0,
        Err(error) => {
            let line = format!("speck: {error}\n");
            // Nothing is left to do about it where even standard error is gone.
            drop(crate::traffic::sys::write_once(
                libc::STDERR_FILENO,
                line.as_bytes(),
            ));
            1
        }
    };
    std::process::exit(status)
}
