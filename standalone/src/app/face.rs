//! The API and the view of the present behind it, as the plan wants them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use nettally_source::{ComponentKey, ShutdownSignal};
use tracing::error;

use super::plan::{ApiPlan, BuildSink, BuiltSink, SinkPlan, SourcePlan};
use super::running::Running;
use super::server::{Opened, RunningServer};
use crate::http::ApiState;
use crate::live::Live;
use crate::topology::WhenFull;

/// What becomes of the API.
pub(super) enum Face {
    Off,
    On(Box<Opened>),
}

/// The view of the present takes from all sources.
#[derive(Debug)]
pub(super) struct LiveSink(Arc<Live>);

impl PartialEq for LiveSink {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl LiveSink {
    /// Windows that may wait for it; it takes one in microseconds. If it is late all the same they
    /// are merged: who reads the stream misses no byte.
    const WINDOWS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(16).expect("16 is not 0");

    pub(super) fn plan(live: &Arc<Live>, sources: &[SourcePlan]) -> SinkPlan {
        SinkPlan {
            name: "live".to_owned(),
            inputs: sources.iter().map(|source| source.name.clone()).collect(),
            when_full: WhenFull::Block,
            buffer_windows: Self::WINDOWS,
            kind: Box::new(Self(Arc::clone(live))),
        }
    }
}

#[async_trait]
impl BuildSink for LiveSink {
    fn type_name(&self) -> &'static str {
        "live"
    }

    async fn build(
        &self,
        _key: ComponentKey,
        _ending: ShutdownSignal,
    ) -> nettally_source::Result<BuiltSink> {
        Ok(BuiltSink {
            sink: self.0.sink(),
            delivery: Some(Arc::clone(&self.0) as _),
        })
    }
}

impl Running {
    /// Opens the doors that the plan wants, if they are not those that are open. What is to be read
    /// behind them may have changed too.
    pub(super) async fn open_face(
        &mut self,
        api: Option<&ApiPlan>,
        data_dir: &Path,
        databases: &[PathBuf],
    ) -> anyhow::Result<Option<Face>> {
        let is_same = self.api.as_ref() == api && self.databases.first() == databases.first();
        let listener = match (&self.api, api) {
            (Some(old), Some(new)) if self.server.is_some() && old.address == new.address => None,
            (_, Some(new)) if !is_same || self.server.is_none() => {
                Some(Opened::listener(new).await?)
            }
            (_, Some(_) | None) => None,
        };
        let token_file = api.and_then(|api| api.token_file.as_ref());
        make_data_dir(data_dir, databases.iter().chain(token_file))?;
        let Some(new) = api else {
            return Ok(self.server.is_some().then_some(Face::Off));
        };
        if is_same && self.server.is_some() {
            return Ok(None);
        }
        // It may hold the address, and the file of the socket.
        self.close_face().await;
        let opened = match listener {
            Some(listener) => Opened::with(listener, new),
            None => match Opened::listener(new).await {
                Ok(listener) => Opened::with(listener, new),
                Err(error) => Err(error),
            },
        };
        match opened {
            Ok(opened) => Ok(Some(Face::On(Box::new(opened)))),
            Err(error) => {
                self.reopen_face().await;
                Err(error)
            }
        }
    }

    /// The view of the present behind them: a new one if it is to have other series.
    pub(super) fn live_for(&self, api: Option<&ApiPlan>) -> Arc<Live> {
        let series = self.api.as_ref().map(|api| &api.metrics);
        match api {
            Some(new) if series != Some(&new.metrics) => Live::with_series(&new.metrics),
            Some(_) | None => Arc::clone(&self.live),
        }
    }

    /// Answers requests through these doors from now on, or no more.
    pub(super) async fn show_face(
        &mut self,
        face: Face,
        api: Option<ApiPlan>,
    ) -> anyhow::Result<&'static str> {
        let had_one = self.api.is_some();
        self.api = api;
        match face {
            Face::Off => {
                self.close_face().await;
                // The old one has ended, and so have those who watch it.
                self.live = Live::new();
                Ok("the API was removed")
            }
            Face::On(opened) => {
                self.serve(*opened)?;
                Ok(if had_one {
                    "the API was changed"
                } else {
                    "the API was added"
                })
            }
        }
    }

    /// Goes back to what was before.
    pub(super) async fn reopen_face(&mut self) {
        let Some(api) = self.api.clone() else { return };
        let opened = match Opened::listener(&api).await {
            Ok(listener) => Opened::with(listener, &api),
            Err(error) => Err(error),
        };
        if let Err(error) = opened.and_then(|opened| self.serve(opened)) {
            error!(
                error = format!("{error:#}"),
                "The old API could not be started again."
            );
            self.crippled.push(RunningServer::NAME.to_owned());
        }
    }

    async fn close_face(&mut self) {
        if let Some(server) = self.server.take()
            && server.finish().await.is_err()
        {
            error!("{} did not end as it should.", RunningServer::NAME);
        }
    }

    fn serve(&mut self, mut opened: Opened) -> anyhow::Result<()> {
        let state = ApiState {
            live: Arc::clone(&self.live),
            database: self.databases.first().cloned(),
            roster: Arc::clone(&self.roster),
            reloads: Arc::clone(&self.reloads),
            started: self.started,
            token: opened.token.take(),
            limit: opened.limit,
        };
        let page = opened.page()?;
        self.server = Some(opened.serve(page, state));
        Ok(())
    }
}

/// Others may not read it: what processes talk to is nobody's business.
fn make_data_dir<'a>(
    data_dir: &Path,
    mut files: impl Iterator<Item = &'a PathBuf>,
) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    if data_dir.is_dir() || !files.any(|path| path.starts_with(data_dir)) {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(data_dir)
        .with_context(|| {
            format!(
                "cannot make the data directory {}; give one that this user may write to with \
                 --data-dir or `data_dir`",
                data_dir.display()
            )
        })
}
