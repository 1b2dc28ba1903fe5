//! Acquiring everything, then letting it run.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use nettally_source::{ComponentKey, ShutdownSignal, Sink, Source, SourceContext};
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::plan::{ApiPlan, BuiltSink, Plan, SinkPlan, SocketPlan, SourcePlan};
use super::running::Running;
use crate::http::{self, ApiState, Doors, SocketFile, Token};
use crate::live::Live;
use crate::topology::status::{QueuedSink, SinkStatus};
use crate::topology::{Fanout, Inlet, Queue, WhenFull};

/// Windows that may wait for the view of the present; it takes one in microseconds.
const LIVE_WINDOWS: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not 0");

/// A sink that is ready to run.
struct ReadySink {
    name: String,
    inputs: Vec<String>,
    queue: Arc<Queue>,
    sink: Sink,
}

/// Acquires all that the plan names, then starts it. On an error nothing runs.
///
/// # Errors
/// Says what could not be acquired, why, and what would help.
pub async fn start(plan: Plan, started: Timestamp) -> anyhow::Result<Running> {
    let Plan {
        sources,
        sinks,
        api,
        data_dir,
        databases,
    } = plan;
    // The address first: it leaves nothing behind if what follows fails.
    let listener = match api {
        Some(api) => Some((listen(api.address).await?, api)),
        None => None,
    };
    let mut files = databases.clone();
    files.extend(
        listener
            .iter()
            .filter_map(|(_, api)| api.token_file.clone()),
    );
    make_data_dir(&data_dir, &files)?;
    let token_file = listener
        .as_ref()
        .and_then(|(_, api)| api.token_file.clone());
    let doors = match listener {
        Some((network, mut api)) => {
            let told = (api.limit, std::mem::take(&mut api.configuration));
            let (doors, token) = doors(network, api)?;
            Some((doors, token, told))
        }
        None => None,
    };
    let mut ready = Vec::new();
    let mut statuses: Vec<Arc<dyn SinkStatus>> = Vec::new();
    for sink in sinks {
        let (sink, status) = build_sink(sink).await?;
        ready.push(sink);
        statuses.push(status);
    }
    let face = doors.map(|(doors, token, (limit, configuration))| {
        let live = Live::new();
        let (sink, status) = live_sink(&live, &sources);
        ready.push(sink);
        statuses.push(status);
        let state = ApiState {
            live,
            database: databases.first().cloned(),
            sinks: statuses,
            started,
            token,
            limit,
            configuration,
        };
        (doors, state)
    });
    let page = face
        .as_ref()
        .map(|(doors, _)| doors.network.local_addr())
        .transpose()
        .context("cannot learn the address of the page")?;

    let (trigger, signal) = ShutdownSignal::wired();
    let mut built = Vec::new();
    for source in sources {
        built.push(build_source(source, &signal, &ready).await?);
    }

    let socket = face
        .as_ref()
        .and_then(|(doors, _)| Some(doors.socket.as_ref()?.path().to_owned()));
    let mut running = Running::new(trigger, page, databases);
    running.socket = socket;
    running.token_file = token_file;
    for ReadySink {
        name,
        inputs: _,
        queue,
        sink,
    } in ready
    {
        let input = queue.outlet();
        running.spawn(format!("the sink `{name}`"), sink.run(input));
    }
    if let Some((doors, state)) = face {
        running.spawn("the API".to_owned(), async move {
            http::serve(doors, state, signal).await;
            Ok(())
        });
    }
    for (name, source) in built {
        running.spawn(format!("the source `{name}`"), source);
    }
    Ok(running)
}

/// Others may not read it: what processes talk to is nobody's business.
fn make_data_dir(data_dir: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    if data_dir.is_dir() || !files.iter().any(|path| path.starts_with(data_dir)) {
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

async fn build_sink(plan: SinkPlan) -> anyhow::Result<(ReadySink, Arc<dyn SinkStatus>)> {
    let SinkPlan {
        name,
        inputs,
        when_full,
        buffer_windows,
        kind,
    } = plan;
    let queue = Queue::new(buffer_windows, when_full);
    let ending = ShutdownSignal::new(queue.ending());
    let BuiltSink { sink, delivery } = kind
        .build(ComponentKey::from(name.as_str()), ending)
        .await
        .map_err(|error| anyhow!(error).context(format!("cannot start the sink `{name}`")))?;
    let status = QueuedSink {
        name: name.clone(),
        type_name: kind.type_name(),
        queue: Arc::clone(&queue),
        delivery,
    };
    let ready = ReadySink {
        name,
        inputs,
        queue,
        sink,
    };
    Ok((ready, Arc::new(status)))
}

/// The view of the present takes from all sources.
fn live_sink(live: &Arc<Live>, sources: &[SourcePlan]) -> (ReadySink, Arc<dyn SinkStatus>) {
    let queue = Queue::new(LIVE_WINDOWS, WhenFull::DropNewest);
    let status = QueuedSink {
        name: "live".to_owned(),
        type_name: "live",
        queue: Arc::clone(&queue),
        delivery: None,
    };
    let ready = ReadySink {
        name: "live".to_owned(),
        inputs: sources.iter().map(|source| source.name.clone()).collect(),
        queue,
        sink: live.sink(),
    };
    (ready, Arc::new(status))
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "three of forty kinds have a better remedy"
        )]
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => {
                "is another nettally running? choose another address with --listen or \
                 `api.address`"
            }
            ErrorKind::PermissionDenied => {
                "choose a port from 1024 up with --listen or `api.address`"
            }
            ErrorKind::AddrNotAvailable => {
                "this machine does not have that address; choose one with --listen or \
                 `api.address`"
            }
            _ => "choose another address with --listen or `api.address`",
        };
        anyhow!(error).context(format!("cannot serve the page at {address}; {remedy}"))
    })?;
    Ok(listener)
}

/// Everything that requests come through, and what they must bring.
fn doors(network: TcpListener, api: ApiPlan) -> anyhow::Result<(Doors, Option<Token>)> {
    let ApiPlan {
        address: _,
        socket,
        token_file,
        limit: _,
        configuration: _,
    } = api;
    let token = token_file
        .map(|path| {
            let token = Token::read_or_make(&path);
            token.inspect(|_token| info!(file = %path.display(), "Requests need the token."))
        })
        .transpose()
        .context("other machines could ask without a token")?;
    let socket = match socket {
        Some(SocketPlan { path, is_chosen }) => match SocketFile::listen(&path) {
            Ok(socket) => Some(socket),
            Err(error) if is_chosen => return Err(error.into()),
            Err(error) => {
                warn!(error = format!("{:#}", anyhow!(error)), "No Unix socket.");
                None
            }
        },
        None => None,
    };
    Ok((Doors { network, socket }, token))
}

async fn build_source(
    plan: SourcePlan,
    signal: &ShutdownSignal,
    sinks: &[ReadySink],
) -> anyhow::Result<(String, Source)> {
    let SourcePlan { name, config } = plan;
    let inlets = sinks
        .iter()
        .filter(|sink| sink.inputs.contains(&name))
        .map(|sink| Inlet::into(&sink.queue))
        .collect();
    let context = SourceContext {
        key: ComponentKey::from(name.as_str()),
        shutdown: signal.clone(),
        out: Box::new(Fanout::new(inlets)),
    };
    let source = config
        .build(context)
        .await
        .map_err(|error| anyhow!(error).context(format!("cannot start the source `{name}`")))?;
    Ok((name, source))
}
