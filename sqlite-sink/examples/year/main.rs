//! A year of one busy host, made up, through the real sink: how fast it is stored, how large it
//! gets, and how soon questions are answered while more comes.
//!
//! `cargo run --release -p nettally-sqlite-sink --example year -- [--days N] [--rows N]
//! [--folder DIR] [--short-processes N] [--design-rows N]`. By default a week of 1 000 000 rows, in a
//! minute or two; the full size is `--days 365 --rows 50000000`. What traffic it is says [`traffic`];
//! retention and all else is as by default.
//!
//! - `--folder`: where the file is, and stays. One that is there already is asked, not filled.
//! - `--short-processes`: how many processes live for one flow each day, instead of one of twenty flows.
//! - `--design-rows`: about how many rows of the newest of the same traffic other designs store, to be
//!   asked the same. Default 1 000 000; 0 leaves them out.
#![expect(clippy::print_stdout, reason = "an example shows its results")]

mod designs;
mod measure;
mod picosnitch;
mod questions;
mod traffic;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream;
use nettally_source::pipeline::{ComponentKey, Event, StreamSink as _};
use nettally_sqlite_sink::{
    Order, Reader, SqliteConfig, TimeRange, UsageQuery, WriterCounters, WriterStats,
};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc;

use designs::DESIGNS;
use measure::{Times, mebibytes, peak_memory_bytes, writer_time};
use questions::QUESTIONS;
use traffic::{BEGIN, Traffic, at};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Windows of the year, in seconds.
const WINDOW_SECS: i64 = 10;

/// Rows a second of a host whose writer's use of a processor is measured, in windows of a second.
const FEED_ROWS: f64 = 200.0;

/// How much faster than life it is fed: a transaction of five seconds every tenth of one.
const FEED_STEP: Duration = Duration::from_millis(100);
const FEED_STEP_WINDOWS: usize = 5;

/// Seconds of simulated time that it is fed at least.
const FEED_SECS: i64 = 600;

/// How often each question is asked.
const TIMES_ASKED: usize = 21;

struct Options {
    days: i64,
    rows: u64,
    folder: Option<PathBuf>,
    short_processes: Option<u32>,
    design_rows: u64,
}

fn main() -> Result<()> {
    let options = options()?;
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    let path = folder.join("year.db");
    let windows = options.days * 86_400 / WINDOW_SECS;
    let rows_per_window = options.rows as f64 / windows as f64;
    let until = BEGIN + options.days * 86_400;

    let is_there = path.exists();
    let opening = Instant::now();
    let feed = Feed::open(&path)?;
    let found = if is_there {
        println!(
            "opened, and upgraded if it was older, in {:.1?}",
            opening.elapsed()
        );
        Some(stored(&path)?)
    } else {
        None
    };
    let begin = found.map_or(BEGIN, |(until, _sent_bytes)| until);
    let mut traffic = Traffic::new(begin, rows_per_window, WINDOW_SECS, options.short_processes);
    let sent_before = match found {
        Some((_until, sent_bytes)) => sent_bytes,
        None => fill(&feed, &mut traffic, until)?,
    };
    show_size(&path, options.days)?;
    let (ours, sent_fed) = answer_while_fed(&feed, &mut traffic, &path, until)?;
    let counters = feed.close()?;
    println!("most memory: {:.0} MiB", mebibytes(peak_memory_bytes()?));
    check_total(&path, sent_before + sent_fed, &counters)?;

    if options.design_rows == 0 {
        return Ok(());
    }
    // As much a day as above, for fewer days.
    let share = options.design_rows as f64 / options.rows as f64;
    let days = ((options.days as f64 * share).round() as i64).clamp(1, options.days);
    println!("\nother designs, the same traffic for {days} days:");
    for (number, design) in DESIGNS.iter().enumerate() {
        let begin = until - days * 86_400;
        let traffic = Traffic::new(begin, rows_per_window, WINDOW_SECS, options.short_processes);
        let path = folder.join(format!("design-{number}.db"));
        let outcome = match designs::try_out(design, &path, traffic, until) {
            Ok(outcome) => outcome,
            Err(error) => {
                println!("{}: not measured: {error}", design.name);
                continue;
            }
        };
        let row_bytes = outcome.size_bytes as f64 / outcome.rows as f64;
        println!(
            "{}: {:.0} rows/s, {} rows in {:.1} MiB, {row_bytes:.0} bytes a row; all {} rows would take some {:.0} MiB",
            design.name,
            outcome.rows_per_second,
            outcome.rows,
            mebibytes(outcome.size_bytes),
            options.rows,
            row_bytes * options.rows as f64 / f64::from(1 << 20),
        );
        for ((question, times), ours) in QUESTIONS.iter().zip(outcome.answers).zip(&ours) {
            let held = if question.back_secs > days * 86_400 {
                format!(", of the {days} days it holds")
            } else {
                String::new()
            };
            println!(
                "  {}: {times}, {:.1} times as long as ours{held}",
                question.name,
                times.median().as_secs_f64() / ours.median().as_secs_f64().max(1e-9),
            );
        }
    }
    Ok(())
}

fn options() -> Result<Options> {
    let mut options = Options {
        days: 7,
        rows: 1_000_000,
        folder: None,
        short_processes: None,
        design_rows: 1_000_000,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--days" => options.days = value.parse()?,
            "--rows" => options.rows = value.parse()?,
            "--folder" => options.folder = Some(value.into()),
            "--short-processes" => options.short_processes = Some(value.parse()?),
            "--design-rows" => options.design_rows = value.parse()?,
            _ => {
                return Err(format!(
                    "{name} is not known; use --days, --rows, --folder, --short-processes, --design-rows"
                )
                .into());
            }
        }
    }
    Ok(options)
}

/// The sink, run as a pipeline would, and the way into it.
struct Feed {
    events: mpsc::Sender<Event>,
    stats: Arc<WriterStats>,
    running: thread::JoinHandle<Result<()>>,
}

impl Feed {
    fn open(path: &Path) -> Result<Self> {
        let config = SqliteConfig {
            path: Some(path.to_owned()),
            flush_interval_secs: 0.1,
            ..SqliteConfig::default()
        };
        let (sink, stats) = config.open(&ComponentKey::from("history"))?;
        let (events, inbox) = mpsc::channel(64);
        let input = stream::unfold(inbox, |mut inbox| async move {
            inbox.recv().await.map(|event| (event, inbox))
        });
        let running = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()?
                .block_on(Box::new(sink.of_simulated_time()).run(input.boxed()))
                .map_err(|()| "the sink ended by a bug".into())
        });
        Ok(Self {
            events,
            stats,
            running,
        })
    }

    /// Hands over the next window; rows and bytes sent in it.
    fn step(&self, traffic: &mut Traffic) -> Result<(u64, u64)> {
        let batch = traffic.next_batch();
        let rows = batch.usage.len() as u64;
        let sent_bytes = batch.usage.iter().map(|row| row.sent_bytes).sum();
        self.events.blocking_send(Event::Usage(Arc::new(batch)))?;
        Ok((rows, sent_bytes))
    }

    /// Waits until all is stored, rolled up and, where it is too old, deleted.
    fn settle(&self) {
        let mut still = 0;
        let mut before = self.stats.snapshot();
        while still < 10 {
            thread::sleep(Duration::from_millis(200));
            let now = self.stats.snapshot();
            let moved = now.rows_held > 0
                || (now.rollups, now.deleted_rows) != (before.rollups, before.deleted_rows);
            still = if moved { 0 } else { still + 1 };
            before = now;
        }
    }

    fn close(self) -> Result<WriterCounters> {
        let Self {
            events,
            stats,
            running,
        } = self;
        drop(events);
        running
            .join()
            .map_err(|_panic| "the sink ended by a bug")??;
        Ok(stats.snapshot())
    }
}

fn fill(feed: &Feed, traffic: &mut Traffic, until: i64) -> Result<u64> {
    let (mut rows, mut sent_bytes) = (0, 0);
    let begin = Instant::now();
    while traffic.now() < until {
        let step = feed.step(traffic)?;
        rows += step.0;
        sent_bytes += step.1;
    }
    feed.settle();
    // Settling waits two seconds to see that nothing happens any more.
    let seconds = begin.elapsed().as_secs_f64() - 2.0;
    let rate = rows as f64 / seconds;
    println!(
        "{rows} rows stored, rolled up and cleaned up in {seconds:.0} s: {rate:.0} rows/s, {:.0} times the 1 000 of a busy host; {:.1} s of a processor",
        rate / 1000.0,
        writer_time()?.as_secs_f64(),
    );
    Ok(sent_bytes)
}

/// Asks while rows come; returns how long it took, and the bytes sent in them.
fn answer_while_fed(
    feed: &Feed,
    traffic: &mut Traffic,
    path: &Path,
    asked_at: i64,
) -> Result<(Vec<Times>, u64)> {
    let fed_from = traffic.now();
    traffic.keep_to(FEED_ROWS, 1);
    let done = AtomicBool::new(false);
    let (mut rows, mut sent_bytes) = (0, 0);
    let writer_before = writer_time()?;
    let answers: Result<Vec<Times>> = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let answers = ask_all(path, asked_at);
            done.store(true, Ordering::Release);
            answers
        });
        let feed_until = fed_from + FEED_SECS;
        while traffic.now() < feed_until || !done.load(Ordering::Acquire) {
            let begin = Instant::now();
            for _ in 0..FEED_STEP_WINDOWS {
                let step = feed.step(traffic)?;
                rows += step.0;
                sent_bytes += step.1;
            }
            thread::sleep(FEED_STEP.saturating_sub(begin.elapsed()));
        }
        asking.join().map_err(|_panic| "asking ended by a bug")?
    });
    feed.settle();
    let seconds = (traffic.now() - fed_from) as f64;
    let used = (writer_time()? - writer_before).as_secs_f64();
    println!(
        "fed {:.0} rows/s for {seconds:.0} s: the writer used {:.2} % of a processor",
        rows as f64 / seconds,
        used / seconds * 100.0,
    );
    println!("asked {TIMES_ASKED} times each while it wrote:");
    let answers = answers?;
    for (question, times) in QUESTIONS.iter().zip(&answers) {
        println!("  {}: {times}", question.name);
    }
    Ok((answers, sent_bytes))
}

/// All questions in turn, then again.
fn ask_all(path: &Path, now_secs: i64) -> Result<Vec<Times>> {
    let mut answers: Vec<Times> = QUESTIONS.iter().map(|_question| Times::default()).collect();
    for _ in 0..TIMES_ASKED {
        for (question, times) in QUESTIONS.iter().zip(&mut answers) {
            times.time(|| question.ask(path, now_secs))?;
        }
    }
    Ok(answers)
}

fn show_size(path: &Path, days: i64) -> Result<()> {
    let stats = Reader::open(path)?.stats()?;
    println!(
        "file: {:.1} MiB with its log, {:.0} bytes a day",
        mebibytes(stats.size_bytes),
        stats.size_bytes as f64 / days as f64
    );
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let file = Connection::open_with_flags(path, flags)?;
    let mut statement = file.prepare(
        "SELECT name, sum(pgsize), sum(ncell * (pagetype = 'leaf' OR pagetype = 'internal'))
           FROM dbstat GROUP BY name HAVING sum(pgsize) > 100000 ORDER BY 2 DESC",
    )?;
    let mut tables = statement.query([])?;
    while let Some(table) = tables.next()? {
        let name: String = table.get(0)?;
        let bytes: i64 = table.get(1)?;
        let cells: i64 = table.get(2)?;
        println!(
            "  {name}: {:.1} MiB, {cells} rows of {:.1} bytes",
            mebibytes(bytes.unsigned_abs()),
            bytes as f64 / cells.max(1) as f64
        );
    }
    Ok(())
}

/// Where a file of an earlier run ends, in Unix seconds, and the bytes sent in it.
fn stored(path: &Path) -> Result<(i64, u64)> {
    let until = Reader::open(path)?.stats()?.flushed_until;
    let until = until.ok_or("the file in the folder is empty; delete it")?;
    Ok((until.as_second(), sent_in(path)?))
}

fn sent_in(path: &Path) -> Result<u64> {
    let everything = UsageQuery {
        range: TimeRange {
            since: at(0),
            until: at(BEGIN * 2),
        },
        group_by: Vec::new(),
        filter: None,
        order: Order::default(),
        limit: None,
        offset: 0,
    };
    Ok(Reader::open(path)?.usage(&everything)?.total.sent_bytes)
}

/// No byte is missing, whatever was rolled up, folded or deleted.
fn check_total(path: &Path, sent_bytes: u64, counters: &WriterCounters) -> Result<()> {
    let found = sent_in(path)?;
    println!(
        "{found} bytes sent in the file, {sent_bytes} were handed over; {} rows deleted, {} given up",
        counters.deleted_rows, counters.dropped.events
    );
    if found == sent_bytes {
        Ok(())
    } else {
        Err("they are not the same".into())
    }
}
