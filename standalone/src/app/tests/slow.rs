//! Sinks that are slow, hang or are dead, and what that costs everybody else.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use nettally_source::Event;

use super::*;

/// Sends a window every 10 milliseconds, each with flows of its own, and notes how late it was.
#[derive(Clone, Debug, Default)]
struct Punctual {
    flows: u16,
    windows: Arc<AtomicU64>,
    /// Longest time that putting a window took, in microseconds.
    longest_put: Arc<AtomicU64>,
}

impl PartialEq for Punctual {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.windows, &other.windows)
    }
}

#[async_trait]
impl SourceConfig for Punctual {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn build(&self, mut cx: SourceContext) -> nettally_source::Result<Source> {
        let Self {
            flows,
            windows,
            longest_put,
        } = self.clone();
        Ok(async move {
            let mut is_last = false;
            loop {
                let number = windows.fetch_add(1, Ordering::SeqCst);
                let first = (number % 20) as u16;
                let usage = (0..flows).map(|flow| {
                    let port = first.wrapping_mul(flows).wrapping_add(flow);
                    row("curl", Protocol::Tcp, port).moved(10, 1)
                });
                let batch = batch(number.cast_signed(), usage);
                let begun = Instant::now();
                let sent = cx.out.send_batch(vec![Event::Usage(Arc::new(batch))]).await;
                sent.map_err(drop)?;
                let took = begun.elapsed().as_micros() as u64;
                longest_put.fetch_max(took, Ordering::SeqCst);
                if is_last {
                    return Ok(());
                }
                tokio::select! {
                    () = &mut cx.shutdown => is_last = true,
                    () = tokio::time::sleep(Duration::from_millis(10)) => {}
                }
            }
        }
        .boxed())
    }
}

/// Seconds that a test of this file may take; more where it is asked for.
fn seconds(default: u64) -> Duration {
    let asked = std::env::var("NETTALLY_DEAD_SINK_SECONDS");
    Duration::from_secs(
        asked
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default),
    )
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// In a process of its own, as memory is told of a process.
#[test]
fn dead_servers_cost_neither_time_nor_memory() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture"])
        .arg("app::tests::slow::child_with_dead_servers")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    println!("{said}");
    assert!(said.contains("1 passed"), "{}", output.status);
}

/// One server takes connections and never answers, the other is not there; what they should get is
/// held or merged, and dropped and counted.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of `dead_servers_cost_neither_time_nor_memory`"]
async fn child_with_dead_servers() {
    let folder = tempfile::tempdir().unwrap();
    let gone = listener().await.local_addr().unwrap();
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let yaml = format!(
        "data_dir: {}\napi: {{ enabled: false }}\nshutdown_deadline_secs: 5\nsinks:\n  \
         history: {{ type: sqlite, flush_interval_secs: 0.2 }}\n  \
         merges: {{ type: http, uri: 'http://{}/', buffer_windows: 5 }}\n  \
         drops: {{ type: vector, address: '{gone}', as: logs, buffer_windows: 5, when_full: drop_newest }}\n",
        folder.path().display(),
        hangs.local_addr().unwrap(),
    );
    let config = config::parse(&yaml, "test", &Overrides::default()).unwrap();
    let source = Punctual {
        flows: 200,
        ..Punctual::default()
    };
    let mut plan = Plan::from(config);
    plan.sources[0].config = Box::new(source.clone());
    let running = start(plan, noon).await.unwrap();
    let roster = Arc::clone(&running.roster);
    let spell = seconds(60);
    let stop = async {
        tokio::time::sleep(spell / 4).await;
        let early = (resident_bytes(), source.windows.load(Ordering::SeqCst));
        tokio::time::sleep(spell * 3 / 4).await;
        (early, resident_bytes())
    };
    let mut memory = None;
    let stopping = async { memory = Some(stop.await) };
    let begun = Instant::now();
    running.join(stopping).await.unwrap();
    let took = begun.elapsed() - spell;
    let ((early, early_windows), late) = memory.unwrap();
    let windows = source.windows.load(Ordering::SeqCst);
    let longest_put = source.longest_put.load(Ordering::SeqCst);
    println!(
        "{windows} windows in {spell:?}, longest put {longest_put} us, resident {early} bytes after \
         {early_windows} windows and {late} at the end, stopped in {took:?}"
    );
    let moved = windows * 200;
    assert_eq!(
        stored_until(&folder.path().join("nettally.db"), 1_000_000),
        (moved * 10, moved)
    );
    let sinks = roster.sinks();
    let of = |name: &str| sinks.iter().find(|sink| sink.name() == name).unwrap();
    for name in ["merges", "drops"] {
        let sink = of(name);
        let mut lost = 0;
        for count in sink.losses().0.values() {
            lost += count.sent_bytes;
        }
        let sent = sink.counters().sent.sent_bytes;
        assert_eq!((sent, lost), (0, moved * 10), "{name}: {}", sink.status());
    }
    let queue = &of("merges").status()["queue"];
    assert!(
        queue["merged_windows"].as_u64() > Some(windows / 2),
        "{queue}"
    );
    assert_eq!(queue["dropped_windows"], 0, "{queue}");
    // What waits is bounded, so that time does not make it more.
    assert!(late < early + (64 << 20), "{early} bytes became {late}");
    // A put is an entry in a queue, or a merge of 200 rows: seconds would be a wait for somebody.
    assert!(longest_put < 1_000_000, "{longest_put} us");
}
