//! What the kernel itself moves through sockets.

use std::collections::BTreeMap;

use nettally_integration_tests::harness::stream::{Row, Stream};
use nettally_integration_tests::traffic::Lack;
use nettally_integration_tests::traffic::nbd::{self, Disk};

/// A disk over TCP: its replies are received by workers of the kernel, its requests are sent by them
/// or by whoever wants the blocks, as the kernel sees fit.
#[test]
fn what_a_thread_of_the_kernel_moves_is_told_as_its_own() {
    if let Err(Lack(sentence)) = nbd::needs() {
        println!("left out: {sentence}");
        return;
    }
    let stream = Stream::start(0.5, &[]);
    let mut disk = Disk::attach().expect("the kernel takes the connection");
    let client = disk.client;
    disk.write(0, 1 << 20).expect("the server takes it");
    disk.read(8 << 20, 1 << 20).expect("the server gives it");
    let served = disk.detach().expect("the server has seen all");

    let is_clients = |row: &&Row| row.protocol == "tcp" && row.local_port == client.port();
    let rows = stream.until(|told| {
        let rows: Vec<Row> = told.rows.iter().filter(is_clients).cloned().collect();
        let (sent, received) = sums(&rows);
        let is_exact = sent == served.received_bytes && received == served.sent_bytes;
        is_exact
            .then(|| rows.clone())
            .ok_or_else(|| format!("sent {sent}, received {received}, served {served:?}: {rows:?}"))
    });
    let mut by_name = BTreeMap::<&str, (u64, u64)>::new();
    for row in &rows {
        let sum = by_name.entry(&row.process).or_default();
        sum.0 += row.sent_bytes;
        sum.1 += row.received_bytes;
    }
    println!("{served:?}; sent and received at the kernel's end: {by_name:?}");
    let is_kernel = |row: &&Row| row.process.starts_with("[kernel: ") && row.process.ends_with(']');
    let of_kernel: Vec<Row> = rows.iter().filter(is_kernel).cloned().collect();
    assert_eq!(sums(&of_kernel).1, served.sent_bytes, "{rows:?}");
    for row in &of_kernel {
        let nothing = (&row.exe, &row.command_line, &row.container);
        assert_eq!(nothing, (&None, &None, &None), "{row:?}");
    }
    // The rest is of this process, which wanted the blocks.
    for row in rows.iter().filter(|row| !is_kernel(row)) {
        assert_eq!(row.pid, std::process::id(), "{row:?}");
    }
}

fn sums(rows: &[Row]) -> (u64, u64) {
    let sent = rows.iter().map(|row| row.sent_bytes).sum();
    (sent, rows.iter().map(|row| row.received_bytes).sum())
}
