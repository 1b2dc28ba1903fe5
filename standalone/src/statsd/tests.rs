use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use nettally_source::{
    Event, LossReason, Protocol, ShutdownSignal, Sink, SinkConfig, SinkContext, UsageBatch,
};
use proptest::prelude::*;

use super::encode::Encoder;
use super::*;
use crate::cardinality::{Label, SeriesConfig};
use crate::topology::Delivery as _;
use crate::topology::testing::{batch, row};

fn server() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

async fn build(address: &str) -> (Sink, Arc<Delivered>) {
    build_until(address, ShutdownSignal::never()).await
}

async fn build_until(address: &str, ending: ShutdownSignal) -> (Sink, Arc<Delivered>) {
    let statsd = Statsd {
        config: StatsdConfig {
            address: address.to_owned(),
            ..StatsdConfig::default()
        },
        delivered: Arc::default(),
        ending,
    };
    let context = SinkContext {
        key: "statsd".into(),
    };
    let (sink, _healthcheck) = statsd.build(context).await.unwrap();
    (sink, statsd.delivered)
}

async fn run(sink: Sink, batches: Vec<UsageBatch>) {
    let events = batches
        .into_iter()
        .map(|batch| Event::Usage(Arc::new(batch)));
    sink.run(stream::iter(events).boxed()).await.unwrap();
}

/// Sums of the counters in `text`.
fn counters<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let (name, rest) = line.split_once(':').unwrap();
        let value = rest.strip_suffix("|c").unwrap();
        *sums.entry(name.to_owned()).or_default() += value.parse::<u64>().unwrap();
    }
    sums
}

#[tokio::test]
async fn counters_in_the_datagrams_are_exact() {
    let (server, address) = server();
    let (sink, delivered) = build(&address).await;
    let windows = vec![
        batch(
            0,
            [
                row("curl", Protocol::Tcp, 1).moved(1_234_567_890_123, 1),
                row("curl", Protocol::Tcp, 2).moved(7, 0),
                row("curl", Protocol::Udp, 3).moved(50, 60),
                row("ping", Protocol::Icmp, 5).moved(64, 0),
                row("curl", Protocol::Packet, 0).moved(0, 8),
                row("a.b|c", Protocol::Tcp, 4).moved(0, 9),
            ],
        ),
        batch(1, [row("curl", Protocol::Tcp, 1).moved(3, 4)]),
    ];
    run(sink, windows).await;

    let mut text = String::new();
    let mut buffer = [0; 2000];
    while let Ok(length) = server.recv(&mut buffer) {
        text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        text.push('\n');
    }
    let expected = [
        ("nettally.process.a_b_c.tcp.received_bytes", 9),
        ("nettally.process.curl.packet.received_bytes", 8),
        ("nettally.process.curl.tcp.received_bytes", 5),
        ("nettally.process.curl.tcp.sent_bytes", 1_234_567_890_133),
        ("nettally.process.curl.udp.received_bytes", 60),
        ("nettally.process.curl.udp.sent_bytes", 50),
        ("nettally.process.ping.icmp.sent_bytes", 64),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    assert_eq!(counters(text.lines()), expected.into());
    assert_eq!(delivered.figures()["datagrams"], 2);
    assert!(delivered.losses().is_empty());
}

#[tokio::test]
async fn a_server_that_is_gone_does_not_end_the_sink_and_every_byte_is_counted() {
    let (server, address) = server();
    drop(server);
    let (sink, delivered) = build(&address).await;
    let windows = (0..5)
        .map(|second| batch(second, [row("curl", Protocol::Tcp, 1).moved(100, 10)]))
        .collect();
    run(sink, windows).await;
    let failed = delivered.losses().get(LossReason::SinkFailed);
    // The refusal of the last datagram is not asked for any more.
    assert_eq!((failed.sent_bytes, failed.received_bytes), (400, 40));
    assert_eq!(delivered.figures()["failed_datagrams"], 4);
}

#[tokio::test]
async fn a_server_that_cannot_be_found_is_named() {
    let config = StatsdConfig {
        address: "no.such.host.invalid:8125".to_owned(),
        ..StatsdConfig::default()
    };
    let error = config
        .build(SinkContext { key: "s".into() })
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("no.such.host.invalid:8125"));
}

#[test]
fn a_line_longer_than_a_datagram_is_sent_alone() {
    let window = batch(0, [row("x", Protocol::Tcp, 1).moved(1, 2)]);
    let config = StatsdConfig {
        prefix: "p".to_owned(),
        max_packet_bytes: 20,
        ..StatsdConfig::default()
    };
    assert_eq!(
        payloads(&config, &window),
        [
            "p.process.x.tcp.sent_bytes:1|c",
            "p.process.x.tcp.received_bytes:2|c"
        ]
    );
}

fn payloads(config: &StatsdConfig, window: &UsageBatch) -> Vec<String> {
    let encoder = Encoder::new(config).unwrap();
    let datagrams = encoder.encode(window).into_iter();
    datagrams
        .map(|datagram| String::from_utf8(datagram.payload).unwrap())
        .collect()
}

#[test]
fn labels_are_in_the_name_or_in_tags() {
    let window = batch(0, [row("a b,c", Protocol::Tcp, 1).moved(7, 0)]);
    let labels = vec![
        Label::User,
        Label::Process,
        Label::Remote,
        Label::Container,
        Label::Protocol,
    ];
    let config = |tags| StatsdConfig {
        tags,
        series: SeriesConfig {
            labels: labels.clone(),
            ..SeriesConfig::default()
        },
        ..StatsdConfig::default()
    };
    let in_name =
        "nettally.process.a_b_c.user.root.container._.remote.127_0_0_1.tcp.sent_bytes:7|c";
    assert_eq!(payloads(&config(Tags::None), &window), [in_name]);
    let in_tags = "nettally.sent_bytes:7|c|#process:a_b_c,user:root,remote:127.0.0.1,protocol:tcp";
    assert_eq!(payloads(&config(Tags::DogStatsd), &window), [in_tags]);
}

#[test]
fn beyond_the_largest_there_is_one_more_series() {
    let window = batch(
        0,
        [
            row("small", Protocol::Tcp, 1).moved(1, 0),
            row("large", Protocol::Tcp, 2).moved(9, 0),
            row("tiny", Protocol::Udp, 3).moved(0, 2),
        ],
    );
    let config = StatsdConfig {
        series: SeriesConfig {
            top: Some(1),
            ..SeriesConfig::default()
        },
        ..StatsdConfig::default()
    };
    let expected = "nettally.process.large.tcp.sent_bytes:9|c\n\
                    nettally.process.other.tcp.sent_bytes:1|c\n\
                    nettally.process.other.udp.received_bytes:2|c";
    assert_eq!(payloads(&config, &window), [expected]);
}

#[test]
fn what_no_server_takes_at_once_is_told_in_parts() {
    let window = batch(0, [row("x", Protocol::Tcp, 1).moved(u64::MAX, 0)]);
    let line = "nettally.process.x.tcp.sent_bytes:";
    let found = payloads(&StatsdConfig::default(), &window).join("\n");
    let parts: Vec<u128> = found
        .lines()
        .map(|found| {
            let value = found
                .strip_prefix(line)
                .unwrap()
                .strip_suffix("|c")
                .unwrap();
            u128::try_from(value.parse::<i64>().unwrap()).unwrap()
        })
        .collect();
    assert_eq!(parts.iter().sum::<u128>(), u128::from(u64::MAX));
}

#[tokio::test]
async fn a_unix_socket_may_come_later_and_be_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statsd.sock");
    let mut peer = peer::Peer::open(peer::Address::Unix(path.clone()))
        .await
        .unwrap();
    let absent = peer.send(b"a:1|c").await.unwrap_err();
    assert!(absent.to_string().contains("statsd.sock"), "{absent}");
    for round in ["b:1|c", "c:1|c"] {
        let server = UnixDatagram::bind(&path).unwrap();
        peer.send(round.as_bytes()).await.unwrap();
        let mut buffer = [0; 100];
        let length = server.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], round.as_bytes());
        drop(server);
        std::fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn counters_by_a_unix_socket_are_exact_and_what_does_not_go_out_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statsd.sock");
    let server = UnixDatagram::bind(&path).unwrap();
    let (sink, delivered) = build(&format!("unix:{}", path.display())).await;
    let window = |second| batch(second, [row("curl", Protocol::Tcp, 1).moved(100, 10)]);
    run(sink, vec![window(0), window(1)]).await;
    let mut buffer = [0; 2000];
    for _window in 0..2 {
        let length = server.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert_eq!(counters(text.lines()).values().sum::<u64>(), 110);
    }
    assert!(delivered.losses().is_empty());

    drop(server);
    let (sink, delivered) = build(&format!("unix:{}", path.display())).await;
    run(sink, vec![window(2)]).await;
    let failed = delivered.losses().get(LossReason::SinkFailed);
    assert_eq!((failed.sent_bytes, failed.received_bytes), (100, 10));
}

/// Each of so many datagrams would be waited for by itself.
#[tokio::test]
async fn at_the_end_a_server_that_does_not_read_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statsd.sock");
    let server = UnixDatagram::bind(&path).unwrap();
    let full = UnixDatagram::unbound().unwrap();
    full.connect(&path).unwrap();
    full.set_nonblocking(true).unwrap();
    while full.send(b"full:1|c").is_ok() {}
    let (trigger, ending) = ShutdownSignal::wired();
    trigger.shut_down();
    let (sink, delivered) = build_until(&format!("unix:{}", path.display()), ending).await;
    let windows =
        (0..600).map(|second| batch(second, [row("curl", Protocol::Tcp, 1).moved(100, 10)]));
    let ended = tokio::time::timeout(Duration::from_secs(60), run(sink, windows.collect()));
    ended
        .await
        .expect("it does not wait a second for each of 600");
    let failed = delivered.losses().get(LossReason::SinkFailed);
    assert_eq!((failed.sent_bytes, failed.received_bytes), (60_000, 6000));
    drop(server);
}

#[test]
fn a_window_without_usage_has_no_datagram() {
    let encoder = Encoder::new(&StatsdConfig::default()).unwrap();
    assert!(encoder.encode(&batch(0, [])).is_empty());
}

proptest! {
    #[test]
    fn no_byte_is_lost_or_invented_and_datagrams_keep_their_limit(
        rows in prop::collection::vec(("[a-c .]{0,3}", any::<bool>(), 0..u64::from(u32::MAX), 0..u64::from(u32::MAX)), 0..60),
        limit in 128_usize..600,
    ) {
        let config = StatsdConfig { max_packet_bytes: limit, ..StatsdConfig::default() };
        let encoder = Encoder::new(&config).unwrap();
        let usage = rows
            .iter()
            .zip(1..)
            .map(|((name, tcp, sent, received), port)| {
                let protocol = if *tcp { Protocol::Tcp } else { Protocol::Udp };
                row(name, protocol, port).moved(*sent, *received)
            });
        let window = batch(0, usage);
        let datagrams = encoder.encode(&window);

        let text: Vec<String> = datagrams
            .iter()
            .map(|datagram| String::from_utf8(datagram.payload.clone()).unwrap())
            .collect();
        let sums = counters(text.iter().flat_map(|payload| payload.lines()));
        let of = |end: &str| -> u64 {
            sums.iter().filter(|(name, _)| name.ends_with(end)).map(|(_, sum)| sum).sum()
        };
        prop_assert_eq!(of(".sent_bytes"), rows.iter().map(|row| row.2).sum::<u64>());
        prop_assert_eq!(of(".received_bytes"), rows.iter().map(|row| row.3).sum::<u64>());
        prop_assert!(text.iter().all(|payload| payload.len() <= limit));
        let content: u64 = datagrams.iter().map(|datagram| datagram.content.sent_bytes).sum();
        prop_assert_eq!(content, of(".sent_bytes"));
    }
}
