//! Losses in JSON: with their cost, and in words.

use std::collections::BTreeMap;

use nettally_source::{LossClass, LossCount, LossReason, Losses};
use schemars::JsonSchema;
use serde::Serialize;

/// Losses by reason.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct ToldLosses(BTreeMap<LossReason, ToldLoss>);

/// One reason.
#[derive(Debug, Serialize, JsonSchema)]
struct ToldLoss {
    #[serde(flatten)]
    count: LossCount,
    class: LossClass,
    meaning: &'static str,
    /// Empty if nothing helps.
    remedy: &'static str,
}

impl From<&Losses> for ToldLosses {
    fn from(Losses(losses): &Losses) -> Self {
        let told = |(&reason, &count): (&LossReason, &LossCount)| {
            let loss = ToldLoss {
                count,
                class: reason.class(),
                meaning: reason.meaning(),
                remedy: reason.remedy(),
            };
            (reason, loss)
        };
        Self(losses.iter().map(told).collect())
    }
}
