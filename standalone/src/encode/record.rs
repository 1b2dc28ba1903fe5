//! What both formats say: flat records, with stable names and without nulls.

use jiff::Timestamp;
use nettally_source::{Degradation, LossCount, LossReason, Protocol, Usage, Window};
use serde::Serialize;

use super::Origin;
use super::who::{Ancestry, Who};

/// What one flow moved in one window. A field that is not known is not there.
#[derive(Serialize)]
pub(super) struct Flow<'a> {
    window_start: Timestamp,
    window_end: Timestamp,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'a str,
    #[serde(flatten)]
    who: Who<'a>,
    protocol: Protocol,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_port: Option<u16>,
    remote_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_port: Option<u16>,
    sent_bytes: u64,
    received_bytes: u64,
}

impl<'a> Flow<'a> {
    pub(super) fn of(
        usage: &'a Usage,
        window: Window,
        origin: &'a Origin,
        ancestry: Ancestry,
    ) -> Self {
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
        let Window { start, end } = window;
        Self {
            window_start: start,
            window_end: end,
            host: &origin.host,
            who: Who::of(process, ancestry),
            protocol: *protocol,
            local_port: remote.has_local_port().then_some(*local_port),
            remote_ip: remote.ip_text(),
            remote_port: remote.port(),
            sent_bytes: *sent_bytes,
            received_bytes: *received_bytes,
        }
    }
}

/// Something that the reader of the numbers should know of them.
#[derive(Serialize)]
pub(super) struct Notice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'a str,
    /// Of this process: it is the one in question.
    pid: u32,
    level: &'static str,
    message: String,
    #[serde(flatten)]
    detail: Detail<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Detail<'a> {
    Loss {
        reason: LossReason,
        #[serde(flatten)]
        count: LossCount,
    },
    Degradation {
        code: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        remedy: &'a str,
    },
    Failure {},
}

impl<'a> Notice<'a> {
    /// What was lost or not attributed in one window.
    pub(super) fn loss(
        window: Window,
        origin: &'a Origin,
        reason: LossReason,
        count: LossCount,
    ) -> Self {
        let message = reason.meaning().to_owned();
        let detail = Detail::Loss { reason, count };
        Self::new("loss", window.end, origin, "warn", message, detail)
    }

    pub(super) fn degradation(
        time: Timestamp,
        origin: &'a Origin,
        degradation: &'a Degradation,
    ) -> Self {
        let Degradation {
            code,
            summary,
            remedy,
        } = degradation;
        let detail = Detail::Degradation { code, remedy };
        Self::new("degradation", time, origin, "warn", summary.clone(), detail)
    }

    pub(super) fn failure(time: Timestamp, origin: &'a Origin, message: &str) -> Self {
        let detail = Detail::Failure {};
        Self::new("failure", time, origin, "error", message.to_owned(), detail)
    }

    fn new(
        kind: &'static str,
        timestamp: Timestamp,
        origin: &'a Origin,
        level: &'static str,
        message: String,
        detail: Detail<'a>,
    ) -> Self {
        let Origin { host, pid } = origin;
        Self {
            kind,
            timestamp,
            host,
            pid: *pid,
            level,
            message,
            detail,
        }
    }
}
