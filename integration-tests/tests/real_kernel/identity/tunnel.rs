//! Whoever holds a tunnel sends once more what others send.

use nettally_integration_tests::harness::stream::Stream;

use std::process::{Command, Stdio};

use super::{Specks, rows_of, text};

#[test]
fn a_process_that_holds_a_tun_device_is_marked() {
    let specks = Specks::new();
    let holder = specks.link("tunnel/speck-tunnel");
    let other = specks.link("other/speck-other");
    let stream = Stream::start(0.5, &[]);
    let start = |program, steps: &[&str]| {
        Command::new(program)
            .args(steps)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program starts")
    };
    // It lives on, as those that hold tunnels do.
    let mut children = [
        start(
            &holder,
            &[
                "unshare:net",
                "tun:ntun0",
                "udp:100",
                "wait",
                "udp:10",
                "wait",
            ],
        ),
        start(&other, &["unshare:net", "udp:60", "wait", "udp:6", "wait"]),
    ];
    let of = |exe| {
        move |row: &nettally_integration_tests::harness::stream::Row| {
            row.exe.as_deref() == Some(exe)
        }
    };
    let (holder, other) = (text(&holder), text(&other));
    rows_of(&stream, 100, of(holder));
    for child in &mut children {
        next(child);
    }
    let held = rows_of(&stream, 110, of(holder));
    let last = held.last().expect("bytes came");
    assert!(last.tunnel, "{held:?}");
    let rows = rows_of(&stream, 66, of(other));
    assert!(rows.iter().all(|row| !row.tunnel), "{rows:?}");
    for mut child in children {
        next(&mut child);
        assert!(child.wait().expect("our own child").success());
    }
}

fn next(child: &mut std::process::Child) {
    use std::io::Write as _;
    let input = child.stdin.as_mut().expect("piped");
    input.write_all(b"\n").expect("it waits for it");
}
