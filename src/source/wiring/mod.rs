//! How a service is put together: its puller, what feeds it, its parsers, and the channels between them, which outlive them all.

mod messages;
mod objects;

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::object::Ledger;
use super::sqs::QueueSettings;
use super::{Identity, Kind, PullerSettings, Source, Tally, run};
use crate::checkpoint::{CheckpointStore, KeyError, Scope};
use crate::config::model::{Input, QueueRef, Service};
use crate::delivery::{Budget, Outlet};
use crate::event::tag::{TagSuffix, TagTemplateError};
use crate::event::{PullingId, TagTemplate};
use crate::session::Caller;
use crate::supervision::{ChildSpec, Intensity, Strategy, SupervisorSpec};

/// The version of the events' format, the component behind the region in every tag (Devo's list of AWS tables).
const FORMAT_VERSION: &str = "1";

/// What is left of the time for draining to give back what could not be delivered in it.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// What every service of an input is given.
#[derive(Clone)]
pub struct Surroundings {
    /// Where events go.
    pub outlet: Outlet,
    /// What bounds the memory.
    pub budget: Budget,
    /// Where it is written down how far everything was delivered.
    pub store: Arc<dyn CheckpointStore>,
    /// This machine's name, for the records.
    pub hostname: String,
    /// Closed when the collector begins to stop.
    pub intake: CancellationToken,
    /// How long what is in flight may take to be delivered when the collector stops.
    pub drain: Duration,
    /// How often children may be restarted.
    pub intensity: Intensity,
}

/// Why a service cannot be set up as configured.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The table does not make a tag.
    #[error("service {service} of input {input}: {source}")]
    Tag {
        /// The input.
        input: String,
        /// The service.
        service: String,
        /// What is wrong.
        source: TagTemplateError,
    },
    /// A name is too long for a checkpoint's key.
    #[error("service {service} of input {input}: {source}")]
    Key {
        /// The input.
        input: String,
        /// The service.
        service: String,
        /// What is wrong.
        source: KeyError,
    },
}

/// One service in one region, to be put together.
pub(super) struct Wiring<'a> {
    pub(super) input: &'a Input,
    pub(super) service: &'a Service,
    pub(super) region: &'a str,
    pub(super) caller: &'a Caller,
    pub(super) surroundings: &'a Surroundings,
}

/// What the parts of one module share.
struct Shared {
    identity: Identity,
    scope: Scope,
    ledger: Ledger,
    tally: Arc<Tally>,
    pulling_id: Arc<watch::Sender<PullingId>>,
}

/// How messages are received.
#[derive(Clone, Copy)]
struct Receiving {
    visibility_timeout: Option<Duration>,
    max_receive_count: NonZeroU32,
    concurrency: usize,
}

impl Wiring<'_> {
    /// The service's own table, by `auto_event_type`.
    pub(super) fn by_type<'t>(&self, plain: &'t str, by_type: &'t str) -> &'t str {
        if self.service.auto_event_type {
            by_type
        } else {
            plain
        }
    }

    /// The service's tags: in its own table unless the configuration overrides it.
    pub(super) fn tags(&self, table: &str) -> Result<Arc<TagTemplate>, RegistryError> {
        let table = self.service.tag.as_deref().unwrap_or(table);
        let suffix = TagSuffix {
            format_version: FORMAT_VERSION.to_owned(),
            environment: self.input.environment.clone(),
        };
        let template = TagTemplate::new(table, Some(&suffix));
        template
            .map(Arc::new)
            .map_err(|error| self.tag_error(error))
    }

    pub(super) fn tag_error(&self, source: TagTemplateError) -> RegistryError {
        RegistryError::Tag {
            input: self.input.name.clone(),
            service: self.service.name.clone(),
            source,
        }
    }

    fn shared(
        &self,
        module: &'static str,
        setup_module: &'static str,
    ) -> Result<Shared, RegistryError> {
        let Self {
            input,
            service,
            region,
            surroundings,
            ..
        } = self;
        let identity = Identity {
            input: input.name.clone(),
            input_id: input.id.clone(),
            service: service.name.clone(),
            kind: Kind::Predefined,
            module,
            setup_module,
            region: (*region).to_owned(),
        };
        let scope = Scope::new(&input.name, &service.name, module, region).map_err(|source| {
            RegistryError::Key {
                input: input.name.clone(),
                service: service.name.clone(),
                source,
            }
        })?;
        let store = Arc::clone(&surroundings.store);
        Ok(Shared {
            identity,
            ledger: Ledger::new(store, scope.clone(), surroundings.outlet.clone()),
            scope,
            tally: Arc::default(),
            pulling_id: Arc::new(watch::Sender::new(PullingId::now())),
        })
    }

    fn queue(&self, shared: &Shared, queue: &QueueRef, received: Receiving) -> QueueSettings {
        QueueSettings {
            origin: shared.identity.origin(),
            queue: queue.clone(),
            sqs_endpoint_url: self.service.endpoints.sqs.clone(),
            caller: self.caller.clone(),
            visibility_timeout: received.visibility_timeout,
            max_receive_count: received.max_receive_count.get(),
            concurrency: received.concurrency,
            pulling_id: Arc::clone(&shared.pulling_id),
            tally: Arc::clone(&shared.tally),
        }
    }

    /// The module's name in the tree.
    fn name(&self, shared: &Shared) -> String {
        let module = shared.identity.module;
        format!("{}:{module}:{}", self.service.name, self.region)
    }

    /// The same, with the queue where there is more than one.
    fn module_name(&self, shared: &Shared, queues: usize, queue: &QueueRef) -> String {
        let name = self.name(shared);
        if queues > 1 {
            format!("{name}:{}", queue.name())
        } else {
            name
        }
    }

    fn supervisor(&self, name: String, children: Vec<ChildSpec>) -> ChildSpec {
        let spec = SupervisorSpec::new(Strategy::RestForOne)
            .intensity(self.surroundings.intensity)
            .children(children);
        ChildSpec::supervisor(name, spec)
    }

    /// A puller, whose source is made anew, with an intake of its own, each time it is started.
    fn puller(
        &self,
        identity: &Identity,
        make: impl Fn(CancellationToken) -> Box<dyn Source> + Send + Sync + 'static,
    ) -> ChildSpec {
        let drain = self.surroundings.drain;
        let settings = PullerSettings {
            identity: identity.clone(),
            session: Some(self.caller.session().clone()),
            period: self.service.request_period,
            environment_in_event: self
                .input
                .environment
                .clone()
                .filter(|_| self.input.environment_in_event),
            intake: self.surroundings.intake.clone(),
            drain: drain.saturating_sub(LAST_MOMENT),
        };
        ChildSpec::worker("puller", move |shutdown: CancellationToken| {
            // When only this service is restarted, only its own intake closes.
            let mut settings = settings.clone();
            settings.intake = settings.intake.child_token();
            let source = make(settings.intake.clone());
            async move {
                run(source, settings, shutdown).await;
                Ok::<_, Infallible>(())
            }
        })
        .shutdown(drain)
    }
}
