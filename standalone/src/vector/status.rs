//! What an answer of Vector means for a request. Pure.

use std::error::Error as _;

use hyper_util::client::legacy;
use tonic::{Code, Status};

use crate::delivery::{Failure, FailureKind, is_reset};

/// What became of a request that was answered with `status`, or for which there was no answer.
pub(super) fn failure(status: &Status) -> Failure {
    let Some(cause) = status.source() else {
        let message = format!("{:?}: {}", status.code(), status.message());
        return Failure::new(kind(status.code()), message);
    };
    // No server said this: the request failed below gRPC.
    if let Some(error) = cause.downcast_ref::<legacy::Error>() {
        Failure::of_transport(error)
    } else if is_reset(cause) {
        Failure::new(FailureKind::BrokenOff, status.to_string())
    } else {
        Failure::new(FailureKind::Unanswered, status.to_string())
    }
}

/// What Vector says: `Unavailable` when its pipeline is closed or slow, `Internal` when delivery
/// behind it failed for now, `DataLoss` when it failed for good. A proxy may say any other.
fn kind(code: Code) -> FailureKind {
    match code {
        Code::ResourceExhausted => FailureKind::Busy,
        // Part of the events may be in the pipeline already.
        Code::Unavailable
        | Code::Internal
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::Aborted
        | Code::Ok => FailureKind::Unanswered,
        // What a worker of Vector says that stumbled over a request.
        Code::Unknown => FailureKind::BrokenOff,
        Code::DataLoss
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => FailureKind::Rejected,
    }
}
