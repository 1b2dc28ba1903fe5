//! Who there is at the moment, for whoever shows it.

use std::sync::{Arc, PoisonError, RwLock};

use super::routes::Routes;
use super::status::SinkStatus;

/// A source and where its events go.
#[derive(Clone)]
pub struct SourceStatus {
    /// Its name in the configuration.
    pub name: String,
    /// What it has sent, and the gaps in that.
    pub routes: Arc<Routes>,
}

/// The sources and sinks that run. They change when the configuration does.
#[derive(Default)]
pub struct Roster {
    now: RwLock<Now>,
}

#[derive(Default)]
struct Now {
    sources: Vec<SourceStatus>,
    sinks: Vec<Arc<dyn SinkStatus>>,
}

impl Roster {
    /// These, until they are set anew.
    #[must_use]
    pub fn of(sources: Vec<SourceStatus>, sinks: Vec<Arc<dyn SinkStatus>>) -> Arc<Self> {
        let roster = Arc::new(Self::default());
        roster.set(sources, sinks);
        roster
    }

    /// From now on these.
    pub fn set(&self, sources: Vec<SourceStatus>, sinks: Vec<Arc<dyn SinkStatus>>) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        *now = Now { sources, sinks };
    }

    /// All sources.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceStatus> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.sources.clone()
    }

    /// All sinks, the view of the present among them.
    #[must_use]
    pub fn sinks(&self) -> Vec<Arc<dyn SinkStatus>> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.sinks.clone()
    }
}
