//! A process that sends on and on, and lets anyone see how much so far.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use super::place::{Family, Place, client_socket};
use super::{process, sys};

/// Sends `bytes` over UDP every `interval` in a process called `name`, until it is killed. After
/// each send it writes the sum into `progress`, eight bytes in native order.
///
/// # Errors
/// A send failed.
pub fn run(
    name: &str,
    bytes: usize,
    interval: Duration,
    progress: &Path,
    place: &Place,
) -> io::Result<()> {
    process::set_name(name)?;
    let (_receiver, address) = place.bind(Family::V4)?;
    let sender = client_socket(Family::V4)?;
    let progress = File::create(progress)?;
    let payload = vec![b'x'; bytes];
    let mut sum = 0;
    loop {
        // Nobody reads them: the receive buffer fills up, and sending goes on all the same.
        let sent = sys::send_to(&sender, &payload, 0, address)?;
        sum += sent as u64;
        progress.write_all_at(&sum.to_ne_bytes(), 0)?;
        std::thread::sleep(interval);
    }
}
