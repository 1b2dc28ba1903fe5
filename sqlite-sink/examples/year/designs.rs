//! Other ways to store the same, to compare with.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use nettally_source::pipeline::{Remote, UsageBatch};
use rusqlite::{Connection, params};

use crate::measure::Times;
use crate::picosnitch;
use crate::questions::{QUESTIONS, Question};
use crate::traffic::Traffic;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Tables, and how a row gets into them.
pub(crate) struct Design {
    pub(crate) name: &'static str,
    /// Its tables, indices, and a table or view `traffic` of what the questions are about.
    tables: Tables,
    insert: fn(&Connection, &UsageBatch) -> rusqlite::Result<()>,
}

/// Where the statements that make a file come from.
enum Tables {
    Here(&'static str),
    /// Made of a folder to keep things in.
    From(fn(&Path) -> Result<String>),
}

/// What it took.
pub(crate) struct Outcome {
    pub(crate) rows: u64,
    pub(crate) size_bytes: u64,
    pub(crate) rows_per_second: f64,
    /// Of each question.
    pub(crate) answers: Vec<Times>,
}

pub(crate) const DESIGNS: [Design; 2] = [
    Design {
        name: "one table, names as text, an index on time",
        tables: Tables::Here(
            "CREATE TABLE traffic (
                     time INTEGER NOT NULL, process TEXT NOT NULL, pid INTEGER NOT NULL,
                     user TEXT, exe TEXT, protocol TEXT NOT NULL, local_port INTEGER,
                     remote TEXT NOT NULL, remote_port INTEGER,
                     sent INTEGER NOT NULL, received INTEGER NOT NULL);
                 CREATE INDEX traffic_time ON traffic (time);",
        ),
        insert: insert_text,
    },
    // A table of 16 numbers, names in three others, and an index by time, and by time of each of three
    // executables; the executable of parents is as many different ones as that of processes here.
    Design {
        name: "picosnitch's own tables",
        tables: Tables::From(picosnitch::tables),
        insert: insert_numbers,
    },
];

/// Stores the traffic up to a time, a transaction for every five seconds or window, then asks.
pub(crate) fn try_out(
    design: &Design,
    path: &Path,
    mut traffic: Traffic,
    until: i64,
) -> Result<Outcome> {
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let mut file = Connection::open(path)?;
    file.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    match design.tables {
        Tables::Here(tables) => file.execute_batch(tables)?,
        Tables::From(tables) => {
            file.execute_batch(&tables(path.parent().unwrap_or(Path::new(".")))?)?;
        }
    }
    let mut rows = 0;
    let mut storing = Duration::ZERO;
    while traffic.now() < until {
        let batch = traffic.next_batch();
        rows += batch.usage.len() as u64;
        let begin = Instant::now();
        let transaction = file.transaction()?;
        (design.insert)(&transaction, &batch)?;
        transaction.commit()?;
        storing += begin.elapsed();
    }
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()))?;
    drop(file);
    let answers = QUESTIONS
        .iter()
        .map(|question| {
            let mut times = Times::default();
            for _ in 0..3 {
                times.time(|| ask(question, &Connection::open(path)?, until))?;
            }
            Ok(times)
        })
        .collect::<Result<_>>()?;
    Ok(Outcome {
        rows,
        size_bytes: std::fs::metadata(path)?.len(),
        rows_per_second: rows as f64 / storing.as_secs_f64(),
        answers,
    })
}

fn ask(question: &Question, file: &Connection, until: i64) -> rusqlite::Result<usize> {
    let group = question.sql_group.replace("{time}", "time");
    let mut statement = file.prepare(&format!(
        "SELECT {group}, sum(sent), sum(received) FROM traffic
          WHERE time >= ? AND time < ? AND {} GROUP BY {group}
          ORDER BY sum(sent) + sum(received) DESC",
        question.sql_where
    ))?;
    let mut rows = statement.query([until - question.back_secs, until])?;
    let mut count = 0;
    while rows.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn insert_text(file: &Connection, batch: &UsageBatch) -> rusqlite::Result<()> {
    let mut insert =
        file.prepare_cached("INSERT INTO traffic VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for row in &batch.usage {
        let Remote::Address { ip, port } = row.remote else {
            continue;
        };
        insert.execute(params![
            batch.window.start.as_second(),
            row.process.name,
            row.process.id.pid,
            row.process.user,
            row.process.exe,
            row.protocol.name(),
            row.local_port,
            ip.to_string(),
            port,
            row.sent_bytes.cast_signed(),
            row.received_bytes.cast_signed(),
        ])?;
    }
    Ok(())
}

fn insert_numbers(file: &Connection, batch: &UsageBatch) -> rusqlite::Result<()> {
    let mut add_executable = file.prepare_cached(
        "INSERT OR IGNORE INTO executables (exe, name, cmdline, sha256) VALUES (?, ?, '', ?)",
    )?;
    let mut executable = file.prepare_cached(
        "SELECT id FROM executables WHERE exe = ? AND name = ? AND cmdline = '' AND sha256 = ?",
    )?;
    let mut add_address =
        file.prepare_cached("INSERT OR IGNORE INTO addresses (addr) VALUES (?)")?;
    let mut address = file.prepare_cached("SELECT id FROM addresses WHERE addr = ?")?;
    let mut insert = file.prepare_cached(
        "INSERT INTO connections VALUES (?, ?, ?, 1, ?, ?, ?, ?, 2, ?, ?, ?, 0, ?, 0, 4026531840)",
    )?;
    for row in &batch.usage {
        let Remote::Address { ip, port } = row.remote else {
            continue;
        };
        let program = params![
            row.process.exe,
            row.process.name,
            format!("{:064}", row.process.name.len())
        ];
        add_executable.execute(program)?;
        let executable: i64 = executable.query_row(program, |row| row.get(0))?;
        let ip = ip.to_string();
        add_address.execute([&ip])?;
        let address: i64 = address.query_row([&ip], |row| row.get(0))?;
        insert.execute(params![
            batch.window.start.as_second(),
            row.sent_bytes.cast_signed(),
            row.received_bytes.cast_signed(),
            executable,
            executable % 20,
            executable % 5,
            row.process.uid,
            i64::from(row.protocol.name() == "udp"),
            row.local_port,
            port,
            address,
        ])?;
    }
    Ok(())
}
