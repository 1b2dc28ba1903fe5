//! The text as a server reads it.

use std::collections::HashMap;

use futures::{FutureExt as _, StreamExt as _};
use nettally_source::{Event, Protocol, Usage};

use super::*;
use crate::http::ApiState;
use crate::live::Live;
use crate::live::testing::{batch, degraded_health, flow, frames, instant};

async fn scraped(events: Vec<Event>) -> (String, Arc<Live>) {
    let live = Live::new();
    let input = futures::stream::iter(events).boxed();
    live.sink().run(input).await.unwrap();
    let state = ApiState {
        live: Arc::clone(&live),
        database: None,
        roster: Arc::default(),
        reloads: Arc::default(),
        started: instant(0),
        token: None,
        limit: None,
    };
    let never = futures::future::pending().boxed().shared();
    let api = Arc::new(Api::new(state, [127, 0, 0, 1].into(), never));
    let response = warp::test::request()
        .path("/metrics")
        .header("host", "localhost:9797")
        .reply(&super::super::routes::routes(
            api,
            crate::http::guard::Origin::Network,
        ))
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], FORMAT);
    assert_eq!(response.headers()["cache-control"], "no-store");
    (String::from_utf8(response.body().to_vec()).unwrap(), live)
}

fn usage(second: i64, rows: Vec<Usage>) -> Event {
    Event::Usage(Arc::new(batch(second, rows)))
}

/// Every sample: what is before its value, and that.
fn samples(text: &str) -> HashMap<&str, f64> {
    let samples: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').unwrap())
        .collect();
    let read: HashMap<_, _> = samples
        .iter()
        .map(|(series, value)| (*series, value.parse().unwrap()))
        .collect();
    assert_eq!(read.len(), samples.len(), "a series is there twice: {text}");
    read
}

fn sum(samples: &HashMap<&str, f64>, family: &str) -> u64 {
    let parts = samples.iter().filter(|(series, _)| {
        series
            .split_once('{')
            .is_some_and(|(name, _)| name == family)
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small whole numbers"
    )]
    let sum = parts.map(|(_, value)| *value as u64).sum();
    sum
}

#[tokio::test]
async fn counters_are_by_name_and_protocol() {
    let mut udp = flow("curl", 8, "192.0.2.2", 1, 2);
    udp.protocol = Protocol::Udp;
    let first = usage(0, vec![flow("curl", 7, "192.0.2.1", 10, 0), udp]);
    let second = usage(
        1,
        vec![
            flow("curl", 9, "192.0.2.1", 5, 0),
            frames("curl", 9, 0, 800),
        ],
    );
    let (text, _) = scraped(vec![first, second]).await;
    let expected = "\
# HELP host_process_network_transmit_bytes_total Payload bytes that these processes sent. Sum without packet, which holds what others do.
# TYPE host_process_network_transmit_bytes_total counter
host_process_network_transmit_bytes_total{process=\"curl\",protocol=\"tcp\"} 15
host_process_network_transmit_bytes_total{process=\"curl\",protocol=\"udp\"} 1
host_process_network_transmit_bytes_total{process=\"curl\",protocol=\"packet\"} 0
# HELP host_process_network_receive_bytes_total Payload bytes that these processes received. Sum without packet, which holds what others do.
# TYPE host_process_network_receive_bytes_total counter
host_process_network_receive_bytes_total{process=\"curl\",protocol=\"tcp\"} 0
host_process_network_receive_bytes_total{process=\"curl\",protocol=\"udp\"} 2
host_process_network_receive_bytes_total{process=\"curl\",protocol=\"packet\"} 800
";
    assert!(text.starts_with(expected), "{text}");
}

#[tokio::test]
async fn the_sum_over_processes_is_what_was_moved_however_many_they_are() {
    let windows = (0..20).map(|second| {
        let rows = (0..150)
            .map(|number| {
                let name = format!("process {}", u64::from(number) * 13 % 140);
                let size = u64::from(number) + u64::try_from(second).unwrap();
                flow(&name, number, "192.0.2.1", size, size / 3)
            })
            .collect();
        usage(second, rows)
    });
    let (text, live) = scraped(windows.collect()).await;
    let samples = samples(&text);
    let moved = live.snapshot().since_start;
    let found = ["transmit", "receive"].map(|way| {
        let aside = format!("nettally_metrics_set_aside_bytes{{direction=\"{way}\"}}");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small whole number"
        )]
        let aside = samples[aside.as_str()] as u64;
        aside + sum(&samples, &format!("host_process_network_{way}_bytes_total"))
    });
    assert_eq!(found, [moved.sent_bytes, moved.received_bytes]);
    let names = samples
        .keys()
        .filter(|series| series.contains("_transmit_"));
    assert_eq!(names.count(), 101, "a hundred and the rest");
}

#[tokio::test]
async fn a_name_can_neither_forge_a_series_nor_double_that_of_the_rest() {
    let hostile = "\"} 9\nup 1\\";
    let rows = vec![
        flow(hostile, 1, "192.0.2.1", 7, 0),
        flow("other", 2, "192.0.2.1", 5, 0),
        flow("", 3, "192.0.2.1", 3, 0),
    ];
    let (text, _) = scraped(vec![usage(0, rows)]).await;
    let samples = samples(&text);
    let sent = |process: &str| {
        let series = format!(
            "host_process_network_transmit_bytes_total{{process=\"{process}\",protocol=\"tcp\"}}"
        );
        samples.get(series.as_str()).copied()
    };
    assert_eq!(sent(r#"\"} 9\nup 1\\"#), Some(7.0), "{text}");
    assert_eq!((sent("other"), sent("")), (Some(5.0), Some(3.0)), "{text}");
    assert!(!samples.contains_key("up"));
}

#[tokio::test]
async fn the_program_tells_of_itself() {
    let (text, _) = scraped(vec![Event::Health(Arc::new(degraded_health()))]).await;
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("nettally_build_info{{version=\"{version}\"}} 1");
    let loss = "kind=\"source\",component=\"network\",reason=\"flows_full\"";
    for line in [
        &*build,
        "nettally_start_time_seconds 1700000000",
        "nettally_source_info{source=\"network\",backend=\"tracepoint\",kernel=\"6.18.0\"} 1",
        "nettally_source_degraded{source=\"network\",code=\"cgroup_hooks_missing\"} 1",
        "nettally_source_windows_total{source=\"network\"} 1",
        "nettally_source_flows{source=\"network\"} 1",
        "nettally_source_flows_capacity{source=\"network\"} 65536",
        "nettally_source_drain_seconds{source=\"network\"} 0.0005",
        &format!("nettally_losses_total{{{loss}}} 2"),
        &format!("nettally_loss_bytes_total{{{loss},direction=\"transmit\"}} 100"),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn the_database_has_its_size_and_how_far_it_goes() {
    let stored = |flushed_until| StoreStats {
        path: "/var/lib/nettally/nettally.db".into(),
        size_bytes: 4096,
        rows: 7,
        oldest: None,
        flushed_until,
    };
    let text = |stored| {
        let mut text = Exposition::default();
        database(&mut text, &stored);
        text.finish()
    };
    let empty = text(stored(None));
    assert_eq!(
        samples(&empty),
        HashMap::from([
            ("nettally_database_size_bytes", 4096.0),
            ("nettally_database_rows", 7.0),
        ])
    );
    let begun = text(stored(Some(instant(0))));
    assert!(
        begun.ends_with("\nnettally_database_stored_until_timestamp_seconds 1700000000\n"),
        "{begun}"
    );
}
