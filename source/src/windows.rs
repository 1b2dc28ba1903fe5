//! From kernel rows to usage: pure.

use jiff::{SignedDuration, Timestamp};
use nettally_ebpf::flow::{FLAG_FOLDED, FLAG_NO_REMOTE, FlowCounters, FlowKey, protocol};

use crate::pipeline::{LossCount, LossReason, Losses, Protocol, Remote, Window};

/// Times of one reading of the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clocks {
    /// Wall clock.
    pub(crate) wall: Timestamp,
    /// `CLOCK_MONOTONIC`, nanoseconds, which the kernel side stamps with.
    pub(crate) monotonic_ns: u64,
}

/// Largest difference between the two clocks' ideas of a window that is not a jump of the wall clock.
const TOLERANCE: SignedDuration = SignedDuration::from_millis(500);

/// The window between two readings. Windows follow each other without a gap; after a jump of the wall
/// clock (or sleep of the machine) the window is as long as it really was, and ends now.
pub(crate) fn window(last: Clocks, now: Clocks) -> Window {
    let elapsed = nanoseconds(now.monotonic_ns.saturating_sub(last.monotonic_ns));
    let jumped = (now.wall.duration_since(last.wall) - elapsed).abs() > TOLERANCE;
    let start = if jumped {
        now.wall.checked_sub(elapsed).unwrap_or(last.wall)
    } else {
        last.wall
    };
    // Even a window that the clocks say was empty is one.
    let end = now.wall.max(
        start
            .checked_add(SignedDuration::from_nanos(1))
            .unwrap_or(start),
    );
    Window { start, end }
}

/// First and last activity of a row as wall-clock time inside `window`. The last is known to a tick
/// of the kernel, which is `tick_ns` long.
pub(crate) fn activity(
    counters: &FlowCounters,
    tick_ns: u64,
    now: Clocks,
    window: Window,
) -> (Timestamp, Timestamp) {
    let FlowCounters {
        first_activity,
        first_jiffies,
        last_jiffies,
        ..
    } = *counters;
    let wall = |stamp_ns: u64| {
        let age = nanoseconds(now.monotonic_ns.saturating_sub(stamp_ns));
        now.wall
            .checked_sub(age)
            .unwrap_or(window.start)
            .clamp(window.start, window.end)
    };
    let ticks = u64::from(last_jiffies.wrapping_sub(first_jiffies));
    let first = wall(first_activity);
    (
        first,
        wall(first_activity.saturating_add(ticks.saturating_mul(tick_ns))).max(first),
    )
}

fn nanoseconds(nanoseconds: u64) -> SignedDuration {
    SignedDuration::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
}

/// The far end of a row.
pub(crate) fn remote(key: &FlowKey) -> Remote {
    match key.flags {
        0 => Remote::folded(key.remote_address.octets(), key.remote_port),
        FLAG_FOLDED => Remote::Other,
        FLAG_NO_REMOTE => Remote::None,
        _ => Remote::Unresolved,
    }
}

/// The protocol of a row; `None` for a number that this build does not know.
pub(crate) fn protocol_of(key: &FlowKey) -> Option<Protocol> {
    match key.protocol {
        protocol::TCP => Some(Protocol::Tcp),
        protocol::UDP => Some(Protocol::Udp),
        protocol::UDPLITE => Some(Protocol::UdpLite),
        protocol::ICMP => Some(Protocol::Icmp),
        protocol::RAW => Some(Protocol::Raw),
        protocol::SCTP => Some(Protocol::Sctp),
        protocol::PACKET => Some(Protocol::Packet),
        _ => None,
    }
}

/// Sent and received bytes of a row. A late correction may exceed what the flow moved in the window:
/// the excess was over-reported in an earlier one, and is said so.
pub(crate) fn bytes(counters: &FlowCounters, losses: &mut Losses) -> (u64, u64) {
    let FlowCounters {
        sent_bytes,
        received_bytes,
        ..
    } = *counters;
    let excess = |bytes: i64| if bytes < 0 { bytes.unsigned_abs() } else { 0 };
    let over = LossCount {
        events: 0,
        sent_bytes: excess(sent_bytes),
        received_bytes: excess(received_bytes),
    };
    if !over.is_zero() {
        losses.add(LossReason::OverReported, LossCount { events: 1, ..over });
    }
    (
        sent_bytes.max(0).unsigned_abs(),
        received_bytes.max(0).unsigned_abs(),
    )
}

#[cfg(test)]
mod tests {
    use nettally_ebpf::flow::Address;
    use proptest::prelude::*;

    use super::*;

    fn clocks(wall_ms: i64, monotonic_ms: u64) -> Clocks {
        Clocks {
            wall: Timestamp::from_millisecond(wall_ms).unwrap(),
            monotonic_ns: monotonic_ms * 1_000_000,
        }
    }

    fn span(window: Window) -> (i64, i64) {
        (window.start.as_millisecond(), window.end.as_millisecond())
    }

    #[test]
    fn windows_follow_each_other() {
        assert_eq!(
            span(window(clocks(5000, 100), clocks(6003, 1100))),
            (5000, 6003)
        );
    }

    #[test]
    fn after_a_jump_of_the_clock_a_window_is_as_long_as_it_was() {
        let back = window(clocks(100_000, 1000), clocks(40_000, 2000));
        assert_eq!(span(back), (39_000, 40_000));
        let forward = window(clocks(100_000, 1000), clocks(200_000, 2000));
        assert_eq!(span(forward), (199_000, 200_000));
    }

    /// The time that windows are measured by stands still while the machine sleeps.
    #[test]
    fn whatever_the_clock_does_windows_are_as_long_as_the_machine_ran() {
        const HOUR: i64 = 3_600_000;
        // What was added to the clock in each second.
        let cases: [(&str, &[i64]); 5] = [
            ("ran", &[0, 0, 0]),
            ("slept for a night", &[0, 8 * HOUR, 0, 0]),
            ("jumped back and forward", &[0, -HOUR, 0, HOUR, -HOUR, HOUR]),
            ("slept and was set back", &[8 * HOUR, -HOUR, 0]),
            ("was adjusted by a little", &[20, -30, 400, -400]),
        ];
        for (clock, steps) in cases {
            let mut last = clocks(100 * HOUR, 1000);
            for &step in steps {
                let wall = last.wall.as_millisecond() + 1000 + step;
                let now = clocks(wall, last.monotonic_ns / 1_000_000 + 1000);
                let (start, end) = span(window(last, now));
                assert_eq!(end, wall, "{clock}");
                if step.abs() >= HOUR {
                    assert_eq!(end - start, 1000, "{clock}");
                } else {
                    assert_eq!(start, last.wall.as_millisecond(), "{clock}: no gap");
                }
                last = now;
            }
        }
    }

    #[test]
    fn no_window_is_empty() {
        let same = clocks(5000, 100);
        let Window { start, end } = window(same, same);
        assert!(start < end);
    }

    #[test]
    fn activity_is_inside_the_window() {
        let (last, now) = (clocks(5000, 100), clocks(6000, 1100));
        let window = window(last, now);
        let times = |first_ms: u64, ticks: u32| {
            let counters = FlowCounters {
                first_activity: first_ms * 1_000_000,
                first_jiffies: u32::MAX,
                last_jiffies: u32::MAX.wrapping_add(ticks),
                ..FlowCounters::default()
            };
            let (first, last) = activity(&counters, 4_000_000, now, window);
            (first.as_millisecond(), last.as_millisecond())
        };
        assert_eq!(times(600, 25), (5500, 5600));
        assert_eq!(times(96, 0), (5000, 5000));
        assert_eq!(times(1100, 25), (6000, 6000));
    }

    #[test]
    fn a_negative_delta_is_no_usage_and_is_said() {
        let mut losses = Losses::default();
        let counters = FlowCounters {
            sent_bytes: 10,
            received_bytes: -1,
            ..FlowCounters::default()
        };
        assert_eq!(bytes(&counters, &mut losses), (10, 0));
        let expected = LossCount {
            events: 1,
            sent_bytes: 0,
            received_bytes: 1,
        };
        assert_eq!(losses.get(LossReason::OverReported), expected);
    }

    fn any_clocks() -> impl Strategy<Value = Clocks> {
        let (first, last) = (Timestamp::MIN, Timestamp::MAX);
        let seconds = prop_oneof![first.as_second()..=last.as_second(), 0..=3_i64];
        let monotonic = prop_oneof![any::<u64>(), 0..=3_000_000_000_u64];
        (seconds, monotonic).prop_map(|(seconds, monotonic_ns)| Clocks {
            wall: Timestamp::from_second(seconds).unwrap(),
            monotonic_ns,
        })
    }

    /// A row as the kernel could write it, whatever is in the memory.
    fn any_row() -> impl Strategy<Value = (FlowKey, FlowCounters)> {
        let counters = (any::<i64>(), any::<i64>(), any::<u64>(), any::<[u32; 2]>());
        let key = (any::<[u8; 16]>(), any::<[u16; 2]>(), any::<[u8; 2]>());
        (key, counters).prop_map(|(key, counters)| {
            let (address, [remote_port, local_port], [protocol, flags]) = key;
            let (sent_bytes, received_bytes, first_activity, jiffies) = counters;
            let [first_jiffies, last_jiffies] = jiffies;
            let key = FlowKey {
                remote_address: Address::from_octets(address),
                remote_port,
                local_port,
                protocol,
                flags,
                ..FlowKey::default()
            };
            let counters = FlowCounters {
                sent_bytes,
                received_bytes,
                first_activity,
                first_jiffies,
                last_jiffies,
            };
            (key, counters)
        })
    }

    proptest! {
        #[test]
        fn any_row_at_any_time_is_in_its_window(
            (key, counters) in any_row(),
            last in any_clocks(),
            now in any_clocks(),
            tick_ns in prop_oneof![any::<u64>(), Just(4_000_000)],
        ) {
            let window = window(last, now);
            prop_assert!(window.start < window.end || window.end == Timestamp::MAX);
            let (first, last) = activity(&counters, tick_ns, now, window);
            prop_assert!(window.start <= first && first <= last && last <= window.end);

            let mut losses = Losses::default();
            let (sent, received) = bytes(&counters, &mut losses);
            let over = losses.get(LossReason::OverReported);
            let balance = |usage: u64, over: u64| i128::from(usage) - i128::from(over);
            prop_assert_eq!(balance(sent, over.sent_bytes), i128::from(counters.sent_bytes));
            prop_assert_eq!(balance(received, over.received_bytes), i128::from(counters.received_bytes));

            if let Remote::Address { ip, port } = remote(&key) {
                prop_assert_eq!((key.flags, key.remote_port), (0, port));
                prop_assert_eq!(ip, ip.to_canonical());
            }
            let known = [1, 6, 17, 132, 136, 253, 255].contains(&key.protocol);
            prop_assert_eq!(protocol_of(&key).is_some(), known);
        }
    }
}
