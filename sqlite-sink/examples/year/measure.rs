//! What the kernel says of this process and its threads.

use std::error::Error;
use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Most memory that this process ever had, in bytes.
pub(crate) fn peak_memory_bytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|text| text.split_whitespace().next())
        .ok_or("the kernel does not say VmHWM")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// Time on a processor of the thread that writes.
pub(crate) fn writer_time() -> Result<Duration> {
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == "sqlite-writer" {
            let schedstat = fs::read_to_string(task.join("schedstat"))?;
            let nanoseconds = schedstat.split(' ').next().ok_or("schedstat is empty")?;
            return Ok(Duration::from_nanos(nanoseconds.parse()?));
        }
    }
    Err("the thread that writes has ended".into())
}

/// How long something took each time.
#[derive(Default)]
pub(crate) struct Times {
    passed: Vec<Duration>,
    /// Of that, on a processor: the same on a busy machine.
    used: Vec<Duration>,
}

impl Times {
    /// Does it once more.
    pub(crate) fn time<T, E>(
        &mut self,
        work: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let (begin, used_before) = (Instant::now(), thread_time());
        let done = work()?;
        self.passed.push(begin.elapsed());
        self.used.push(thread_time().saturating_sub(used_before));
        Ok(done)
    }
}

impl Times {
    /// Of most and least, the middle.
    pub(crate) fn median(&self) -> Duration {
        middle(&self.passed)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worst = self.passed.iter().max().copied().unwrap_or_default();
        write!(
            f,
            "{:.1?}, worst {worst:.1?}, {:.1?} of a processor",
            middle(&self.passed),
            middle(&self.used)
        )
    }
}

fn middle(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
