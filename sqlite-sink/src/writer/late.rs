//! Windows of the past: their buckets are rolled up, so what they moved is added there too.
//!
//! They come after a clock was set back.

use rusqlite::{Connection, Result};

use super::bucket::{self, FlowKey, Moved, SumKey};
use super::{identity, needed};
use crate::detail::Detail;
use crate::moment::Span;
use crate::tier::{RolledUntil, Tier};

/// The tiers that a window comes too late for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    rolled: RolledUntil,
    span: Span,
}

impl Late {
    pub(super) fn new(rolled: RolledUntil, span: Span) -> Self {
        Self { rolled, span }
    }

    /// Makes their buckets reach as far as the window.
    pub(super) fn widen(&self, file: &Connection) -> Result<()> {
        for (tier, bucket) in self.buckets() {
            bucket::widen(file, tier, bucket, self.span)?;
        }
        Ok(())
    }

    /// Adds a row of the window to them.
    pub(super) fn add(&self, file: &Connection, mut key: FlowKey, moved: Moved) -> Result<()> {
        // From the finest: what one does not tell apart, the coarser ones do not either.
        for (tier, bucket) in self.buckets() {
            if tier.sum_table().is_some() {
                let group_id = identity::alike(file, key.process_id)?;
                needed::refer(file, tier, bucket, [group_id], [])?;
                if tier.folds_processes() {
                    key.process_id = group_id;
                    bucket::fold(file, tier, bucket, Detail::PROCESSES)?;
                }
                let key = SumKey {
                    group_id,
                    process_id: key.process_id,
                    protocol_id: key.protocol_id,
                };
                bucket::add_sum(file, tier, bucket, key, moved)?;
            }
            bucket::add(file, tier, bucket, key, moved)?;
            needed::refer(file, tier, bucket, [key.process_id], [key.remote_id])?;
        }
        Ok(())
    }

    /// Says that rows came without remote and ports.
    pub(super) fn fold(&self, file: &Connection) -> Result<()> {
        for (tier, bucket) in self.buckets() {
            bucket::fold(file, tier, bucket, Detail::FLOWS)?;
        }
        Ok(())
    }

    fn buckets(&self) -> impl Iterator<Item = (Tier, i64)> {
        let Self {
            rolled,
            span: Span { start_ms, .. },
        } = *self;
        Tier::ALL
            .into_iter()
            .filter(move |tier| rolled.of(*tier).is_some_and(|until_ms| start_ms < until_ms))
            .map(move |tier| (tier, tier.bucket(start_ms)))
    }
}
