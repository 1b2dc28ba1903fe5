//! Made-up sources and real pipes.

use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::FutureExt as _;
use nettally_source::{Problem, Source};
use serde_json::Value;

use super::*;
use crate::encode::{Format, Origin};
use crate::live::testing::{batch, flow, health, instant};

const MANY: u64 = 5_000;

/// So many that the flows of all, merged into one window, are more text than a pipe holds.
const PROCESSES: u64 = 1_000;

/// Sends `windows` windows at once, then one more when it is asked to end.
#[derive(Clone, Debug, Default)]
struct MadeUp {
    windows: u64,
    fails: bool,
    sent: Arc<AtomicU64>,
}

#[async_trait]
impl SourceConfig for MadeUp {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn build(&self, cx: SourceContext) -> nettally_source::Result<Source> {
        Ok(self.clone().run(cx).boxed())
    }
}

impl MadeUp {
    async fn run(self, cx: SourceContext) -> Result<(), ()> {
        let SourceContext {
            key: _,
            shutdown,
            mut out,
        } = cx;
        for window in 0..self.windows {
            let events = vec![self.window(window), Event::Health(Arc::new(health()))];
            out.send_batch(events).await.map_err(|_gone| ())?;
        }
        if self.fails {
            return Err(());
        }
        shutdown.await;
        out.send_batch(vec![self.window(self.windows)])
            .await
            .map_err(|_gone| ())
    }

    /// Of one process, each in turn.
    fn window(&self, number: u64) -> Event {
        let (sent, pid) = (number + 1, u32::try_from(number % PROCESSES).unwrap());
        self.sent.fetch_add(sent, Ordering::SeqCst);
        let usage = flow(&format!("process {pid}"), pid, "192.0.2.1", sent, 0);
        Event::Usage(Arc::new(batch(i64::try_from(number).unwrap(), vec![usage])))
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

fn encoder(format: Format) -> Encoder {
    let origin = Origin {
        host: "h1".to_owned(),
        pid: 1,
    };
    Encoder::new(format, false, origin)
}

fn records(reader: PipeReader) -> Vec<Value> {
    BufReader::new(reader)
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

fn sum(records: &[Value]) -> u64 {
    let json = records.iter().filter_map(|r| r["sent_bytes"].as_u64());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small whole numbers"
    )]
    let native = records
        .iter()
        .filter_map(|r| r["metric"]["counter"]["value"].as_f64())
        .map(|value| value as u64);
    json.chain(native).sum()
}

async fn run_with(
    source: &MadeUp,
    writer: PipeWriter,
    format: Format,
    once: bool,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let collecting = Collecting::start(source).await?;
    collecting
        .write_to(Box::new(writer), encoder(format), once, stop, || instant(0))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_reader_bounds_memory_and_gets_every_byte_once_it_reads() {
    for format in [Format::Json, Format::NativeJson] {
        let source = MadeUp {
            windows: MANY,
            ..MadeUp::default()
        };
        let (reader, writer) = std::io::pipe().unwrap();
        let collecting = Collecting::start(&source).await.unwrap();
        let queue = Arc::clone(&collecting.queue);
        let reader = Mutex::new(Some(reader));
        let (to_records, from_reader) = oneshot::channel();
        let stop = async {
            while source.sent() < (1..=MANY).sum() {
                tokio::task::yield_now().await;
            }
            let stats = queue.stats();
            assert!(stats.waiting_windows <= WAITING_WINDOWS.get(), "{stats:?}");
            assert!(stats.merged_windows > 0, "the pipe was not full: {stats:?}");
            let reader = reader.lock().unwrap().take().unwrap();
            std::thread::spawn(move || to_records.send(records(reader)));
        };
        collecting
            .write_to(Box::new(writer), encoder(format), false, stop, || {
                instant(0)
            })
            .await
            .unwrap();
        let records = from_reader.await.unwrap();
        assert_eq!(sum(&records), source.sent(), "{format:?}");
        assert!(source.sent() > (1..=MANY).sum(), "the last window is in it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_gone_is_no_error() {
    let source = MadeUp {
        windows: 1,
        ..MadeUp::default()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let never = std::future::pending();
    run_with(&source, writer, Format::Json, false, never)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn once_is_one_window() {
    let source = MadeUp {
        windows: 1,
        ..MadeUp::default()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    let never = std::future::pending();
    run_with(&source, writer, Format::Json, true, never)
        .await
        .unwrap();
    assert_eq!(sum(&records(reader)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_is_an_error_after_all_it_sent_is_written() {
    let source = MadeUp {
        windows: 3,
        fails: true,
        ..MadeUp::default()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    let never = std::future::pending();
    let error = run_with(&source, writer, Format::Json, false, never)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ended by an error"), "{error:#}");
    let records = records(reader);
    assert_eq!(sum(&records), source.sent());
    let told = &records.last().unwrap();
    assert_eq!(
        (&told["type"], &told["level"]),
        (&"failure".into(), &"error".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_never_reads_is_given_up() {
    let source = MadeUp {
        windows: MANY,
        ..MadeUp::default()
    };
    let (_unread, writer) = std::io::pipe().unwrap();
    let enough = async {
        while source.sent() < (1..=MANY).sum() {
            tokio::task::yield_now().await;
        }
    };
    let error = run_with(&source, writer, Format::Json, false, enough)
        .await
        .unwrap_err();
    let expected = "nobody reads standard output; ";
    assert!(error.to_string().starts_with(expected), "{error:#}");
}
