//! What an answer means for a request. Pure.

use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::delivery::{Failure, FailureKind};

/// `Ok` if the request was taken.
pub(super) fn outcome(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    let kind = match status {
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE => FailureKind::Busy,
        _ if status.is_server_error() => FailureKind::Unanswered,
        _ => FailureKind::Rejected,
    };
    let mut message = format!("the server answered {status}");
    if status.is_redirection() {
        message.push_str("; give the address that it names as `uri`");
    }
    Err(Failure {
        retry_after: retry_after(headers),
        ..Failure::new(kind, message)
    })
}

/// How long the server asks to wait: in seconds, or until an instant by its own clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let instant = |name: HeaderName| -> Option<Timestamp> {
        let text = headers.get(name)?.to_str().ok()?;
        Some(rfc2822::parse(text).ok()?.timestamp())
    };
    let wait = instant(RETRY_AFTER)?.duration_since(instant(DATE)?);
    Duration::try_from(wait).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn kind(status: u16) -> Option<FailureKind> {
        let status = StatusCode::from_u16(status).unwrap();
        let outcome = outcome(status, &HeaderMap::new());
        outcome.err().map(|failure| failure.kind)
    }

    #[test]
    fn what_may_be_tried_again_depends_on_the_status() {
        use FailureKind::{Busy, Rejected, Unanswered};

        let cases = [
            (200, None),
            (202, None),
            (204, None),
            (301, Some(Rejected)),
            (400, Some(Rejected)),
            (401, Some(Rejected)),
            (404, Some(Rejected)),
            (408, Some(Busy)),
            (413, Some(Rejected)),
            (429, Some(Busy)),
            (500, Some(Unanswered)),
            (502, Some(Unanswered)),
            (503, Some(Busy)),
            (504, Some(Unanswered)),
            (599, Some(Unanswered)),
        ];
        for (status, expected) in cases {
            assert_eq!(kind(status), expected, "{status}");
        }
    }

    #[test]
    fn a_wait_is_in_seconds_or_until_an_instant() {
        let wait = |after: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(after).unwrap());
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_str(date).unwrap());
            }
            retry_after(&headers)
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(wait("120", None), Some(Duration::from_secs(120)));
        assert_eq!(
            wait("Sun, 06 Nov 1994 08:50:07 GMT", Some(date)),
            Some(Duration::from_secs(30))
        );
        for (after, date) in [("soon", Some(date)), (date, None), ("-5", None)] {
            assert_eq!(wait(after, date), None, "{after}");
        }
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT", Some(date)), None);
    }
}
