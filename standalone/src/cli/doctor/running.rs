//! What a nettally that runs already says of itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nettally_source::{Degradation, LossCount, ProgramStats};
use serde::{Deserialize, Serialize};

use super::{add, section};
use crate::http::Token;
use crate::text::{human_bytes, printable};

/// One that does not answer by then has other trouble.
const PATIENCE: Duration = Duration::from_secs(2);

/// Health reports are much shorter.
const MAX_ANSWER_BYTES: u64 = 4 << 20;

/// What it answers; a version that is not ours may leave things out.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Running {
    version: String,
    status: String,
    #[serde(default)]
    uptime_secs: i64,
    backend: Option<String>,
    #[serde(default)]
    degradations: Vec<Degradation>,
    #[serde(default)]
    losses: BTreeMap<String, Loss>,
    #[serde(default)]
    sources: Vec<Source>,
    #[serde(default)]
    programs: Vec<ProgramStats>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Loss {
    #[serde(flatten)]
    count: LossCount,
    #[serde(default)]
    meaning: String,
    #[serde(default)]
    remedy: String,
}

#[derive(Debug, Deserialize, Serialize)]
struct Source {
    flows: u64,
    flows_capacity: u64,
    #[serde(default)]
    load_ms: f64,
}

/// Asks whoever listens at `address`; `None` if nobody does.
pub(super) fn ask(address: SocketAddr, token: Option<&Token>) -> anyhow::Result<Option<Running>> {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .max_redirects(0)
            .build(),
    );
    let mut request = agent.get(format!("http://{address}/api/v1/health"));
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {}", token.secret()));
    }
    let mut answer = match request.call() {
        Ok(answer) => answer,
        Err(ureq::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            return Ok(None);
        }
        Err(error) => bail!("it does not answer as nettally does: {error}"),
    };
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER_BYTES)
        .read_to_vec()
        .context("reading its answer")?;
    serde_json::from_slice(&body)
        .map(Some)
        .context("it does not answer as nettally does")
}

impl Running {
    /// Appends its state; `known` are degradations that were told already.
    pub(super) fn tell(&self, text: &mut String, address: SocketAddr, known: &[Degradation]) {
        let Self {
            version,
            status,
            uptime_secs,
            backend,
            degradations,
            losses,
            sources,
            programs,
        } = self;
        add(
            text,
            &format!(
                "running  {} at {address} for {uptime_secs} s: {}, backend {}",
                printable(version),
                printable(status),
                printable(backend.as_deref().unwrap_or("not known yet")),
            ),
        );
        for source in sources {
            add(text, &format!("         {}", source.said(programs)));
        }
        if losses.is_empty() {
            add(text, "lost     nothing since its start");
        } else {
            add(text, "\nLost or not attributed since its start:");
        }
        for (reason, loss) in losses {
            loss.tell(text, reason);
        }
        let new: Vec<Degradation> = degradations
            .iter()
            .filter(|degradation| !known.contains(degradation))
            .cloned()
            .collect();
        section(text, "Degraded in the running one", &new);
    }
}

impl Source {
    /// Its table and its programs.
    fn said(&self, programs: &[ProgramStats]) -> String {
        let Self {
            flows,
            flows_capacity,
            load_ms,
        } = self;
        let sum = |of: fn(&ProgramStats) -> u64| programs.iter().map(of).sum::<u64>();
        format!(
            "{flows} of {flows_capacity} flows; {} programs loaded in {load_ms:.0} ms, {} \
             instructions, {}",
            programs.len(),
            sum(|program| program.instructions),
            human_bytes(sum(|program| program.memory_bytes)),
        )
    }
}

impl Loss {
    fn tell(&self, text: &mut String, reason: &str) {
        let Self {
            count:
                LossCount {
                    events,
                    sent_bytes,
                    received_bytes,
                },
            meaning,
            remedy,
        } = self;
        add(
            text,
            &format!(
                "  {}: {events} times, {} sent, {} received",
                printable(reason),
                human_bytes(*sent_bytes),
                human_bytes(*received_bytes)
            ),
        );
        if !meaning.is_empty() {
            add(text, &format!("    {}", printable(meaning)));
        }
        if !remedy.is_empty() {
            add(text, &format!("    what helps: {}", printable(remedy)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use nettally_source::LossReason;
    use serde_json::{Value, json};

    use super::*;

    /// Answers one request with `body`.
    fn answering(body: String) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).unwrap() > 0);
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all((head + &body).as_bytes()).unwrap();
        });
        address
    }

    fn health() -> Value {
        let reason = LossReason::FlowsFull;
        json!({
            "version": "0.1.0",
            "status": "degraded",
            "uptime_secs": 60,
            "backend": "kprobe",
            "degradations": [
                { "code": "known", "summary": "told above", "remedy": "" },
                { "code": "zero_copy", "summary": "zero copy is not seen", "remedy": "wait" },
            ],
            "losses": { "flows_full": {
                "events": 12, "sent_bytes": 3400, "received_bytes": 0,
                "class": reason.class(), "meaning": reason.meaning(), "remedy": reason.remedy(),
            } },
            "sources": [{ "name": "network", "flows": 64, "flows_capacity": 64, "load_ms": 38.4 }],
            "programs": [{ "hook": "a", "runs": 1, "run_time_ns": 0, "recursion_misses": 0,
                           "instructions": 1234, "memory_bytes": 20480 }],
        })
    }

    #[test]
    fn what_a_running_one_lost_is_told_in_words() {
        let address = answering(health().to_string());
        let running = ask(address, None).unwrap().unwrap();
        let known = Degradation {
            code: "known".to_owned(),
            summary: "told above".to_owned(),
            remedy: String::new(),
        };
        let mut text = String::new();
        running.tell(&mut text, address, &[known]);
        let expected = format!(
            "\
running  0.1.0 at {address} for 60 s: degraded, backend kprobe
         64 of 64 flows; 1 programs loaded in 38 ms, 1234 instructions, 20.5 KB

Lost or not attributed since its start:
  flows_full: 12 times, 3.40 KB sent, 0 B received
    {}
    what helps: {}

Degraded in the running one:
  zero copy is not seen (zero_copy)
    what helps: wait
",
            LossReason::FlowsFull.meaning(),
            LossReason::FlowsFull.remedy()
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn another_version_may_say_less_and_another_program_is_no_nettally() {
        let old = json!({ "version": "0.0.9", "status": "ok", "backend": null });
        let running = ask(answering(old.to_string()), None).unwrap().unwrap();
        let mut text = String::new();
        running.tell(&mut text, "127.0.0.1:1".parse().unwrap(), &[]);
        assert!(text.contains("lost     nothing since its start"), "{text}");
        let error = ask(answering("<html>".to_owned()), None).unwrap_err();
        assert_eq!(error.to_string(), "it does not answer as nettally does");
    }

    #[test]
    fn nobody_there_is_no_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(ask(address, None).unwrap().is_none());
    }
}
