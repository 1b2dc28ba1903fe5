//! Our own format: the columns of the view `usage`, all that is known of the process, and the host.

use nettally_source::UsageBatch;
use serde::Serialize;

use super::record::Flow;
use super::who::Ancestry;
use super::{Origin, line};

#[derive(Serialize)]
struct Usage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    flow: Flow<'a>,
}

/// A line for each flow.
pub(super) fn flows<'a>(
    batch: &'a UsageBatch,
    origin: &'a Origin,
) -> impl Iterator<Item = String> + 'a {
    batch.usage.iter().map(|usage| {
        line(&Usage {
            kind: "usage",
            flow: Flow::of(usage, batch.window, origin, Ancestry::List),
        })
    })
}
