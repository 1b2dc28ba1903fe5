//! Which degradations were told already.

use std::collections::BTreeMap;

use nettally_source::{Degradation, HealthReport};

/// By source, so that each degradation is told once and not with every window.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(BTreeMap<String, Vec<Degradation>>);

impl Told {
    /// Those of the report that were not in the one before.
    pub(super) fn new_in<'a>(
        &mut self,
        report: &'a HealthReport,
    ) -> impl Iterator<Item = &'a Degradation> + Send + use<'a> {
        let HealthReport {
            source,
            degradations,
            ..
        } = report;
        let before = self
            .0
            .insert(source.clone(), degradations.clone())
            .unwrap_or_default();
        degradations.iter().filter(move |now| !before.contains(now))
    }
}
