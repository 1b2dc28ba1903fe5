//! What an answer means for a request, as the protocol has it. Pure.

use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
};
use prost::Message as _;

use crate::delivery::{Failure, FailureKind};
use crate::http_sink::retry_after;

/// `Ok` if all of the request was taken. One of which a part was refused counts as refused: which
/// part that was is not said, and it would be refused again.
pub(super) fn outcome(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), Failure> {
    if status.is_success() {
        return taken_in_full(body);
    }
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => FailureKind::Busy,
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => FailureKind::Unanswered,
        _ => FailureKind::Rejected,
    };
    Err(Failure {
        retry_after: retry_after(headers),
        ..Failure::new(kind, format!("the server answered {status}"))
    })
}

fn taken_in_full(body: &[u8]) -> Result<(), Failure> {
    // Servers that answer in another format, or with nothing, have said all by the status.
    let answer = ExportMetricsServiceResponse::decode(body).unwrap_or_default();
    match answer.partial_success {
        Some(ExportMetricsPartialSuccess {
            rejected_data_points,
            error_message,
        }) if rejected_data_points > 0 => Err(Failure::new(
            FailureKind::Rejected,
            format!("the server refused {rejected_data_points} of the points: {error_message}"),
        )),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_tried_again_is_as_the_protocol_says() {
        use FailureKind::{Busy, Rejected, Unanswered};

        let cases = [
            (200, None),
            (202, None),
            (400, Some(Rejected)),
            (401, Some(Rejected)),
            (404, Some(Rejected)),
            (408, Some(Rejected)),
            (429, Some(Busy)),
            (500, Some(Rejected)),
            (502, Some(Unanswered)),
            (503, Some(Busy)),
            (504, Some(Unanswered)),
        ];
        for (status, expected) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            let failure = outcome(status, &HeaderMap::new(), b"").err();
            assert_eq!(failure.map(|failure| failure.kind), expected, "{status}");
        }
    }

    #[test]
    fn a_request_of_which_a_part_was_refused_is_refused() {
        let answer = |rejected_data_points| {
            let partial_success = Some(ExportMetricsPartialSuccess {
                rejected_data_points,
                error_message: "too old".to_owned(),
            });
            let body = ExportMetricsServiceResponse { partial_success }.encode_to_vec();
            outcome(StatusCode::OK, &HeaderMap::new(), &body)
        };
        assert_eq!(answer(0), Ok(()));
        let failure = answer(3).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Rejected);
        assert!(failure.message.contains("3 of the points: too old"));
        assert_eq!(outcome(StatusCode::OK, &HeaderMap::new(), b"{}"), Ok(()));
    }
}
