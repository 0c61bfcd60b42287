//! Putting a collector together: from a configuration, or from parts of an embedding program's own.

use std::sync::Arc;

use aws_config::SdkConfig;
use tokio_util::sync::CancellationToken;

use super::inputs::{self, Aws};
use super::outputs::{self, CustomSink};
use super::{CHECKPOINTS, Collector, StartError, drain_time};
use crate::checkpoint::{
    CheckpointStore, MemoryStore, StoreHandle, StoreSettings, StoreStatus, run_store,
};
use crate::config::Config;
use crate::config::model::{Globals, Persistence};
use crate::delivery::{Budget, Outlet, OutputPort};
use crate::session::http_client;
use crate::sink::Sink;
use crate::source::registry::Surroundings;
use crate::source::{Identity, PullerSettings, Source, run};
use crate::supervision::{
    Backoff, ChildSpec, Intensity, NodeState, Strategy, SupervisorSpec, Tree,
};

/// Makes a source out of what every service is given.
pub type MakeSource = Arc<dyn Fn(&Surroundings) -> Box<dyn Source> + Send + Sync>;

/// A source of the program's own.
#[derive(Clone)]
pub struct CustomSource {
    /// Whose puller it is.
    pub identity: Identity,
    /// The time from the start of one pull to the start of the next.
    pub period: std::time::Duration,
    /// Makes the source, anew after each restart.
    pub make: MakeSource,
}

/// A collector to be.
pub struct Builder {
    config: Config,
    hostname: String,
    store: Option<Arc<dyn CheckpointStore>>,
    sdk: Option<SdkConfig>,
    sinks: Vec<CustomSink>,
    sources: Vec<CustomSource>,
}

impl Collector {
    /// A collector as `config` describes it; more can be added before it is started.
    #[must_use]
    pub fn builder(config: Config) -> Builder {
        Builder {
            config,
            hostname: gethostname::gethostname().to_string_lossy().into_owned(),
            store: None,
            sdk: None,
            sinks: Vec::new(),
            sources: Vec::new(),
        }
    }
}

impl Builder {
    /// The host name in the records, instead of the machine's.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// A checkpoint store of one's own, instead of the configured one.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn CheckpointStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// An AWS SDK configuration to start from: its HTTP client, its credentials (instead of every input's), its timeouts.
    #[must_use]
    pub fn sdk_config(mut self, sdk: SdkConfig) -> Self {
        self.sdk = Some(sdk);
        self
    }

    /// One more output.
    #[must_use]
    pub fn sink(mut self, name: impl Into<String>, sink: Arc<dyn Sink>) -> Self {
        self.sinks.push((name.into(), sink));
        self
    }

    /// One more source.
    #[must_use]
    pub fn source(mut self, source: CustomSource) -> Self {
        self.sources.push(source);
        self
    }

    /// Starts it. Returns when the checkpoint store is open; the rest connects, and reconnects, by itself.
    ///
    /// # Errors
    /// The configuration asks for what cannot be, or the checkpoint store does not open.
    pub async fn start(self) -> Result<Collector, StartError> {
        let globals = &self.config.globals;
        let intensity = intensity(globals)?;
        let in_flight_bytes = usize::try_from(globals.max_in_flight_bytes).unwrap_or(usize::MAX);
        let budget = Budget::new(in_flight_bytes);
        let intake = CancellationToken::new();
        let store = self.store.clone().map_or_else(|| store(globals), served);

        let pools = outputs::pools(
            &self.config.outputs,
            self.sinks,
            globals.sender_stats_period,
            &budget,
            intensity,
        )?;
        let ports: Vec<OutputPort> = pools.iter().map(|pool| pool.port().clone()).collect();
        let surroundings = Surroundings {
            outlet: Outlet::new(ports),
            budget: budget.clone(),
            store: Arc::new(store.handle.clone()),
            hostname: self.hostname,
            intake: intake.clone(),
            drain: drain_time(globals.shutdown_timeout),
            intensity,
        };

        let aws = Aws {
            http: http_client(),
            sdk: self.sdk,
        };
        let mut inputs = Vec::new();
        for input in &self.config.inputs {
            inputs.push(inputs::child(input, &aws, &surroundings)?);
        }
        inputs.extend(
            self.sources
                .iter()
                .map(|source| custom_source(source, &surroundings)),
        );

        let root = |strategy| -> Result<SupervisorSpec, StartError> {
            Ok(SupervisorSpec::new(strategy)
                .intensity(intensity)
                .backoff(backoff(globals)?))
        };
        let outputs = root(Strategy::OneForOne)?
            .children(pools.into_iter().map(crate::sink::Pool::into_child));
        let inputs = root(Strategy::OneForOne)?.children(inputs);
        let tree = Tree::start(
            root(Strategy::RestForOne)?
                .children(store.worker)
                .child(ChildSpec::supervisor("outputs", outputs))
                .child(ChildSpec::supervisor("inputs", inputs)),
        )
        .await?;
        let collector = Collector {
            tree,
            intake,
            budget,
            shutdown_timeout: globals.shutdown_timeout,
        };
        await_store(&collector, &store.handle).await?;
        Ok(collector)
    }
}

/// The store, and the worker that runs it if it needs one.
struct Store {
    handle: StoreHandle,
    worker: Option<ChildSpec>,
}

fn served(store: Arc<dyn CheckpointStore>) -> Store {
    Store {
        handle: StoreHandle::serving(store),
        worker: None,
    }
}

fn store(globals: &Globals) -> Store {
    match &globals.persistence {
        Persistence::Memory => served(Arc::new(MemoryStore::new())),
        Persistence::Sled { directory } => {
            let handle = StoreHandle::new();
            let settings = StoreSettings::new(directory.clone());
            let worker = {
                let handle = handle.clone();
                ChildSpec::worker(CHECKPOINTS, move |shutdown| {
                    run_store(handle.clone(), settings.clone(), shutdown)
                })
            };
            Store {
                handle,
                worker: Some(worker),
            }
        }
    }
}

/// A store that does not open at the very start is a matter for the operator, not for restarts.
async fn await_store(collector: &Collector, handle: &StoreHandle) -> Result<(), StartError> {
    let is_open = || matches!(handle.status(), StoreStatus::Open(_));
    if is_open() {
        return Ok(());
    }
    let mut problem = None;
    tokio::select! {
        () = handle.opened() => return Ok(()),
        _ = collector.tree.until(|state| {
            let failed = state.get(CHECKPOINTS).filter(|node| {
                matches!(node.state, NodeState::Backoff | NodeState::Failed)
            });
            problem = failed.map(|node| node.last_error.clone().unwrap_or_default());
            problem.is_some()
        }) => {}
    }
    let report = collector.stop().await;
    Err(StartError::Checkpoints(
        problem.unwrap_or_else(|| format!("{report:?}")),
    ))
}

fn custom_source(source: &CustomSource, surroundings: &Surroundings) -> ChildSpec {
    let settings = PullerSettings {
        identity: source.identity.clone(),
        session: None,
        period: source.period,
        environment_in_event: None,
        intake: surroundings.intake.clone(),
        drain: surroundings.drain,
    };
    let (make, surroundings) = (Arc::clone(&source.make), surroundings.clone());
    let drain = surroundings.drain;
    let name = child_name(&format!(
        "{}:{}",
        source.identity.service, source.identity.module
    ));
    ChildSpec::worker(name, move |shutdown: CancellationToken| {
        let mut surroundings = surroundings.clone();
        surroundings.intake = settings.intake.child_token();
        let mut settings = settings.clone();
        settings.intake = surroundings.intake.clone();
        let source = make(&surroundings);
        async move {
            run(source, settings, shutdown).await;
            Ok::<_, std::convert::Infallible>(())
        }
    })
    .shutdown(drain)
}

/// A name from the configuration as one of the tree, whose paths are separated by `/`.
pub(super) fn child_name(name: &str) -> String {
    name.replace('/', "_")
}

fn intensity(globals: &Globals) -> Result<Intensity, StartError> {
    let configured = &globals.supervision;
    Intensity::new(configured.max_restarts, configured.window)
        .map_err(|error| StartError::Supervision(error.to_string()))
}

fn backoff(globals: &Globals) -> Result<Backoff, StartError> {
    let configured = globals.supervision.backoff;
    Backoff::new(configured.initial, configured.max)
        .map_err(|error| StartError::Supervision(error.to_string()))
}
