//! Our own format: the columns of the view `usage`, and the host.

use nettally_source::UsageBatch;
use serde::Serialize;

use super::record::Flow;
use super::{Line, Origin, flow_content, line};

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
) -> impl Iterator<Item = Line> + 'a {
    batch.usage.iter().map(|usage| Line {
        text: line(&Usage {
            kind: "usage",
            flow: Flow::of(usage, batch.window, origin),
        }),
        content: flow_content(usage),
    })
}
