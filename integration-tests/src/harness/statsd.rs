//! A StatsD server that adds up counters.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Statsd {
    /// Where datagrams go.
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    counters: BTreeMap<String, u64>,
    unreadable: Vec<String>,
}

impl Statsd {
    /// Starts it on a port of the kernel's choice.
    ///
    /// # Panics
    /// No ports are left.
    #[must_use]
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is left");
        let patience = Duration::from_millis(50);
        socket
            .set_read_timeout(Some(patience))
            .expect("it is not zero");
        let address = socket.local_addr().expect("it is bound");
        let seen = Arc::<Mutex<Seen>>::default();
        let end = Arc::<AtomicBool>::default();
        let thread = {
            let (seen, end) = (Arc::clone(&seen), Arc::clone(&end));
            std::thread::spawn(move || receive(&socket, &seen, &end))
        };
        Self {
            address,
            seen,
            end,
            thread: Some(thread),
        }
    }

    /// The sums so far.
    ///
    /// # Panics
    /// A datagram was no StatsD.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<String, u64> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.unreadable.is_empty(), "{:?}", seen.unreadable);
        seen.counters.clone()
    }
}

impl Drop for Statsd {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed already.
            drop(thread.join());
        }
    }
}

fn receive(socket: &UdpSocket, seen: &Mutex<Seen>, end: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while !end.load(Ordering::Relaxed) {
        let Ok(length) = socket.recv(&mut buffer) else {
            continue;
        };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&buffer[..length]);
        for line in text.lines() {
            match counter(line) {
                Some((name, value)) => *seen.counters.entry(name.to_owned()).or_default() += value,
                None if is_other_metric(line) => {}
                None => seen.unreadable.push(line.to_owned()),
            }
        }
    }
}

/// A line such as `name:123|c`, tags after it ignored.
fn counter(line: &str) -> Option<(&str, u64)> {
    let (name, rest) = line.split_once(':')?;
    let mut parts = rest.split('|');
    let value = parts.next()?.parse().ok()?;
    (parts.next()? == "c").then_some((name, value))
}

fn is_other_metric(line: &str) -> bool {
    let kind = line.split('|').nth(1);
    matches!(kind, Some("g" | "h" | "ms" | "d" | "s"))
}

/// A process's name as part of a metric's name.
#[must_use]
pub fn word(name: &str) -> String {
    name.chars()
        .map(|character| match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' => character,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_read_and_a_gauge_is_not() {
        assert_eq!(counter("a.b:12|c"), Some(("a.b", 12)));
        assert_eq!(counter("a.b:12|c|#x:y"), Some(("a.b", 12)));
        assert_eq!(counter("a.b:12|g"), None);
        assert!(is_other_metric("a.b:12|g"));
    }
}
