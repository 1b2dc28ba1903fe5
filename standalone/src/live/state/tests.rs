use super::*;
use crate::live::testing::{batch, flow, frames, instant};

const fn moved(sent_bytes: u64, received_bytes: u64) -> Moved {
    Moved {
        sent_bytes,
        received_bytes,
    }
}

fn curl(sent: u64, received: u64) -> nettally_source::Usage {
    flow("curl", 1, "10.0.0.1", sent, received)
}

#[test]
fn a_process_has_its_window_and_its_total() {
    let mut state = State::default();
    state.update(&batch(0, vec![curl(10, 1)]));
    let frame = state.update(&batch(1, vec![curl(5, 2)]));
    let [process] = &frame.processes[..] else {
        panic!("one process, not {:?}", frame.processes)
    };
    assert_eq!(process.moved(), moved(5, 2));
    assert_eq!(process.total(), moved(15, 3));
    assert_eq!(process.since, instant(0));
    assert_eq!(frame.since_start, moved(15, 3));
}

#[test]
fn a_rate_divides_by_the_length_of_the_window() {
    let mut slow = batch(0, vec![curl(3_000, 0)]);
    slow.window.end = instant(2);
    let frame = State::default().update(&slow);
    assert!((frame.per_second(frame.moved.sent_bytes) - 1_500.0).abs() < 1e-9);
    assert!(Frame::default().per_second(1).abs() < f64::EPSILON);
}

#[test]
fn a_snapshot_has_the_course_of_a_process_that_is_idle_now() {
    let mut state = State::default();
    state.update(&batch(0, vec![curl(10, 0)]));
    state.update(&batch(1, vec![]));
    state.update(&batch(2, vec![flow("wget", 2, "10.0.0.2", 1, 0)]));
    let snapshot = state.snapshot();
    let course: Vec<_> = snapshot
        .processes
        .iter()
        .map(|p| {
            let sent: Vec<_> = p
                .recent
                .iter()
                .map(|protocols| protocols[0].sent_bytes)
                .collect();
            (&*p.process.name, p.moved().sent_bytes, sent)
        })
        .collect();
    assert_eq!(
        course,
        [("wget", 1, vec![0, 0, 1]), ("curl", 0, vec![10, 0, 0])]
    );
}

#[test]
fn old_windows_go_by_number_and_by_age() {
    let limits = Limits {
        windows: 3,
        ..Limits::default()
    };
    let mut state = State::with_limits(limits);
    for second in 0..10 {
        state.update(&batch(second, vec![curl(1, 0)]));
    }
    assert_eq!(state.kept_windows(), 3);
    state.update(&batch(1_000, vec![]));
    assert_eq!(state.kept_windows(), 1);
    assert_eq!(state.frame().since_start, moved(10, 0));
}

#[test]
fn the_longest_quiet_process_is_forgotten_first_and_counted() {
    let limits = Limits {
        known_processes: 10,
        ..Limits::default()
    };
    let mut state = State::with_limits(limits);
    for pid in 0..11 {
        state.update(&batch(
            i64::from(pid),
            vec![flow("p", pid, "10.0.0.1", 9, 0)],
        ));
    }
    assert_eq!((state.known_processes(), state.folds.forgotten), (9, 2));
    assert_eq!(state.frame().since_start, moved(99, 0));
    let pids: Vec<_> = state
        .snapshot()
        .processes
        .iter()
        .map(|p| p.process.id.pid)
        .collect();
    assert_eq!(pids, [10, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_folded_process_keeps_its_total() {
    let limits = Limits {
        processes_per_window: 1,
        ..Limits::default()
    };
    let mut state = State::with_limits(limits);
    state.update(&batch(
        0,
        vec![curl(1, 0), flow("big", 2, "10.0.0.1", 9, 0)],
    ));
    let frame = state.update(&batch(1, vec![curl(1, 0)]));
    assert_eq!(frame.processes[0].total(), moved(2, 0));
}

#[test]
fn remotes_of_a_process_add_up_to_what_it_moved() {
    let mut state = State::default();
    state.update(&batch(
        0,
        vec![curl(1, 0), flow("curl", 1, "10.0.0.2", 2, 0)],
    ));
    state.update(&batch(
        1,
        vec![curl(4, 0), flow("wget", 2, "10.0.0.1", 9, 9)],
    ));
    let choice = FlowChoice {
        pid: Some(1),
        name: Some("curl".to_owned()),
        protocol: Some(Protocol::Tcp),
        ..FlowChoice::default()
    };
    let remotes = state.remotes(&choice, 1);
    assert_eq!(remotes.rows[0].remote.ip_text(), "10.0.0.1");
    assert_eq!(remotes.rows[0].now, moved(4, 0));
    assert_eq!(remotes.rows[0].recent, moved(5, 0));
    assert_eq!(remotes.other, moved(2, 0));
    let rows = state.remotes_with_history(&choice, 9).rows;
    assert_eq!(rows[0].history, [moved(1, 0), moved(4, 0)]);
    assert_eq!(rows[1].history, [moved(2, 0), moved(0, 0)]);
    let nobody = FlowChoice {
        pid: Some(1),
        name: Some("wget".to_owned()),
        ..FlowChoice::default()
    };
    assert_eq!(state.remotes(&nobody, 9).rows, []);
    let nothing = state.remotes(
        &FlowChoice {
            protocol: Some(Protocol::Udp),
            ..FlowChoice::default()
        },
        9,
    );
    assert_eq!((nothing.rows, nothing.other), (vec![], moved(0, 0)));
}

#[test]
fn frames_are_in_no_total_and_not_lost() {
    let limits = Limits {
        processes_per_window: 2,
        ..Limits::default()
    };
    let mut state = State::with_limits(limits);
    let rows = vec![
        curl(10, 1),
        frames("curl", 7, 5, 6),
        flow("dig", 8, "10.0.0.2", 2, 2),
        // Folded, being the smallest.
        frames("tcpdump", 9, 0, 9_000),
    ];
    let frame = state.update(&batch(0, rows));
    assert_eq!(
        (frame.moved, frame.since_start),
        (moved(12, 3), moved(12, 3))
    );
    assert_eq!((frame.other, frame.outside), (moved(0, 0), moved(5, 9_006)));
    let listed: Vec<_> = frame
        .processes
        .iter()
        .map(|now| (&*now.process.name, now.moved(), now.total(), now.remotes))
        .collect();
    assert_eq!(
        listed,
        [
            ("curl", moved(10, 1), moved(10, 1), 1),
            ("dig", moved(2, 2), moved(2, 2), 1)
        ]
    );
    let frame = state.update(&batch(1, vec![frames("tcpdump", 9, 1, 0)]));
    assert_eq!(frame.since_start, moved(12, 3));
    assert_eq!(frame.outside, moved(1, 0));
    assert_eq!(frame.outside_since_start, moved(6, 9_006));

    let remotes = |protocol| {
        let choice = FlowChoice {
            protocol,
            ..FlowChoice::default()
        };
        let found = state.remotes(&choice, 10);
        let each = found.rows.iter().map(|row| row.recent);
        (found.rows.len(), each.sum::<Moved>(), found.other)
    };
    assert_eq!(remotes(None), (2, moved(12, 3), moved(0, 0)));
    // One remote, which is none; what the folded process moved is not among the kept.
    assert_eq!(remotes(Some(Protocol::Packet)).0, 1);
}
