//! Events between two nettallys of one machine: all that is in them, as lines of JSON.
//!
//! A process is told once and then goes by a number; rows come in parts, and [`Message::Window`] ends
//! a window. Both ends forget a process after the same number of windows without it.

use std::collections::HashMap;
use std::sync::Arc;

use nettally_source::{
    Event, HealthReport, Losses, Process, ProcessId, Protocol, Remote, Usage, UsageBatch, Window,
};
use serde::{Deserialize, Serialize};

/// Windows without a process after which it is forgotten.
const KEPT_WINDOWS: u64 = 100;

/// Rows of one line.
const ROWS: usize = 500;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    /// From now on, this number is this process.
    Process(u64, Box<Process>),
    /// Rows of the window that comes to its end next.
    Rows(Vec<Row>),
    Window {
        window: Window,
        losses: Losses,
    },
    Health(Box<HealthReport>),
}

/// Process, protocol, local port, remote, bytes sent and received.
type Row = (u64, Protocol, u16, FarEnd, u64, u64);

/// The other end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FarEnd {
    Unresolved,
    Other,
    None,
    #[serde(untagged)]
    Address(std::net::IpAddr, u16),
}

impl From<Remote> for FarEnd {
    fn from(remote: Remote) -> Self {
        match remote {
            Remote::Address { ip, port } => Self::Address(ip, port),
            Remote::Unresolved => Self::Unresolved,
            Remote::Other => Self::Other,
            Remote::None => Self::None,
        }
    }
}

impl From<FarEnd> for Remote {
    fn from(far: FarEnd) -> Self {
        match far {
            FarEnd::Address(ip, port) => Self::Address { ip, port },
            FarEnd::Unresolved => Self::Unresolved,
            FarEnd::Other => Self::Other,
            FarEnd::None => Self::None,
        }
    }
}

/// Turns events into lines.
#[derive(Debug, Default)]
pub struct Writer {
    told: HashMap<ProcessId, Told>,
    next: u64,
    windows: u64,
}

#[derive(Debug)]
struct Told {
    number: u64,
    process: Arc<Process>,
    /// When it was last in one.
    window: u64,
}

impl Writer {
    /// The lines of one event; each ends with a line feed.
    pub fn lines(&mut self, event: &Event) -> Vec<String> {
        let mut lines = Vec::new();
        match event {
            Event::Health(report) => {
                lines.push(line(&Message::Health(Box::new((**report).clone()))))
            }
            Event::Usage(batch) => {
                let UsageBatch {
                    window,
                    usage,
                    losses,
                } = &**batch;
                for part in usage.chunks(ROWS) {
                    let rows = part.iter().map(|row| self.row(row, &mut lines)).collect();
                    lines.push(line(&Message::Rows(rows)));
                }
                lines.push(line(&Message::Window {
                    window: *window,
                    losses: losses.clone(),
                }));
                self.windows += 1;
                let now = self.windows;
                self.told
                    .retain(|_, told| now - told.window <= KEPT_WINDOWS);
            }
        }
        lines
    }

    fn row(&mut self, usage: &Usage, lines: &mut Vec<String>) -> Row {
        let Usage {
            process,
            protocol,
            local_port,
            remote,
            sent_bytes,
            received_bytes,
            first_activity: _,
            last_activity: _,
        } = usage;
        let known = self
            .told
            .get_mut(&process.id)
            .filter(|told| Arc::ptr_eq(&told.process, process) || told.process == *process);
        let number = if let Some(told) = known {
            told.window = self.windows;
            told.number
        } else {
            let number = self.next;
            self.next += 1;
            lines.push(line(&Message::Process(
                number,
                Box::new((**process).clone()),
            )));
            let told = Told {
                number,
                process: Arc::clone(process),
                window: self.windows,
            };
            self.told.insert(process.id, told);
            number
        };
        let remote = (*remote).into();
        (
            number,
            *protocol,
            *local_port,
            remote,
            *sent_bytes,
            *received_bytes,
        )
    }
}

fn line(message: &Message) -> String {
    let mut line =
        serde_json::to_string(message).expect("texts, finite numbers, and keys that are texts");
    line.push('\n');
    line
}

/// Why lines are not understood.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not a line of this format.
    #[error(
        "the daemon says what this version of nettally does not understand; restart the daemon after an update"
    )]
    Strange(#[from] serde_json::Error),
    /// Its beginning was missed.
    #[error("the daemon tells of process number {0}, which it never named")]
    Unnamed(u64),
}

/// Turns lines into events.
#[derive(Debug, Default)]
pub struct Reader {
    named: HashMap<u64, (Arc<Process>, u64)>,
    rows: Vec<Row>,
    windows: u64,
}

impl Reader {
    /// Reads one line; an event if it is complete with it.
    ///
    /// # Errors
    /// The line is not one of [`Writer`]'s.
    pub fn read(&mut self, line: &[u8]) -> Result<Option<Event>, WireError> {
        match serde_json::from_slice(line)? {
            Message::Process(number, process) => {
                self.named
                    .insert(number, (Arc::from(process), self.windows));
                Ok(None)
            }
            Message::Rows(rows) => {
                self.rows.extend(rows);
                Ok(None)
            }
            Message::Health(report) => Ok(Some(Event::Health(Arc::from(report)))),
            Message::Window { window, losses } => {
                let usage = std::mem::take(&mut self.rows).into_iter();
                let usage = usage.map(|row| self.usage(row, window));
                let usage = usage.collect::<Result<_, _>>()?;
                self.windows += 1;
                let now = self.windows;
                self.named
                    .retain(|_, (_, last)| now - *last <= KEPT_WINDOWS);
                Ok(Some(Event::Usage(Arc::new(UsageBatch {
                    window,
                    usage,
                    losses,
                }))))
            }
        }
    }

    fn usage(&mut self, row: Row, window: Window) -> Result<Usage, WireError> {
        let (number, protocol, local_port, remote, sent_bytes, received_bytes) = row;
        let named = self.named.get_mut(&number);
        let (process, last) = named.ok_or(WireError::Unnamed(number))?;
        *last = self.windows;
        Ok(Usage {
            process: Arc::clone(process),
            protocol,
            local_port,
            remote: remote.into(),
            sent_bytes,
            received_bytes,
            first_activity: window.start,
            last_activity: window.end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::testing::{batch, degraded_health, flow, frames};

    fn told(writer: &mut Writer, reader: &mut Reader, event: &Event) -> (usize, Vec<Event>) {
        let lines = writer.lines(event);
        let events = lines.iter();
        let events = events.filter_map(|line| reader.read(line.as_bytes()).unwrap());
        (lines.len(), events.collect())
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let (mut writer, mut reader) = (Writer::default(), Reader::default());
        let mut unresolved = flow("\u{1b}[31m\n\"", 9, "10.0.0.1", 1, 2);
        unresolved.remote = Remote::Unresolved;
        let mut usage = vec![
            flow("curl", 7, "10.0.0.1", 1, u64::MAX),
            flow("curl", 7, "2001:db8::1", 3, 4),
            frames("tcpdump", 8, 5, 6),
            unresolved,
        ];
        for row in &mut usage {
            let window = batch(3, Vec::new()).window;
            (row.first_activity, row.last_activity) = (window.start, window.end);
        }
        let mut window = batch(3, usage);
        window.losses = degraded_health().losses;
        let event = Event::Usage(Arc::new(window.clone()));
        for lines in [5, 2] {
            let (count, events) = told(&mut writer, &mut reader, &event);
            assert_eq!(count, lines, "each of three processes is told once");
            let [Event::Usage(read)] = &events[..] else {
                panic!("{events:?}")
            };
            assert_eq!(**read, window);
        }
        let health = degraded_health();
        let (_, events) = told(
            &mut writer,
            &mut reader,
            &Event::Health(Arc::new(health.clone())),
        );
        assert!(matches!(&events[..], [Event::Health(read)] if **read == health));
    }

    #[test]
    fn both_ends_forget_the_silent_at_the_same_time() {
        let (mut writer, mut reader) = (Writer::default(), Reader::default());
        let curl = Event::Usage(Arc::new(batch(0, vec![flow("curl", 7, "10.0.0.1", 1, 1)])));
        let silence = Event::Usage(Arc::new(batch(0, Vec::new())));
        for pause in [98, 99, 100, 101, 102] {
            told(&mut writer, &mut reader, &curl);
            for _ in 0..pause {
                told(&mut writer, &mut reader, &silence);
            }
            assert_eq!(writer.told.len(), reader.named.len(), "{pause}");
        }
        assert!(writer.told.is_empty());
    }

    #[test]
    fn a_line_of_another_program_is_an_error() {
        let mut reader = Reader::default();
        assert!(reader.read(b"<html>").is_err());
        let rows = br#"{"rows":[[7,"tcp",1,["10.0.0.1",443],1,2]]}"#;
        assert!(reader.read(rows).unwrap().is_none());
        let end = br#"{"window":{"window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:00:01Z"},"losses":{}}}"#;
        assert!(matches!(reader.read(end), Err(WireError::Unnamed(7))));
    }
}
