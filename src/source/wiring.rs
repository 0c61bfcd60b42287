//! How a service is put together: its puller, what feeds it, its parsers, and the channels between them, which outlive them all.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::object::{
    Fetcher, Format, Ledger, ListingSettings, ListingSource, ObjectHandler, ObjectSettings,
    ParserSettings, Selection, parse_jobs,
};
use super::sqs::inline::{InlineHandler, InlineSettings, MessageFormat};
use super::sqs::{BATCH, QueueSettings, QueueSource};
use super::{Identity, Kind, PullerSettings, Source, Tally, run};
use crate::checkpoint::{CheckpointStore, KeyError, Scope};
use crate::config::model::{
    Feed, Input, Listing, ObjectFed, ObjectQueue, QueueFed, QueueRef, Service,
};
use crate::delivery::{Budget, Outlet};
use crate::event::tag::{TagSuffix, TagTemplateError};
use crate::event::{PullingId, TagTemplate};
use crate::session::{Caller, s3_client};
use crate::supervision::{ChildSpec, Intensity, Strategy, SupervisorSpec};

/// The version of the events' format, the component behind the region in every tag (Devo's list of AWS tables).
const FORMAT_VERSION: &str = "1";

/// What the modules that feed on S3 by way of SQS are called while they are set up (the vendor's runbook).
const SETUP_OF_QUEUED_OBJECTS: &str = "AwsSqsS3GenericPuller";

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

    /// The modules whose queues have the events themselves, one a queue.
    pub(super) fn messages(
        &self,
        module: &'static str,
        settings: &QueueFed,
        format: &Arc<dyn MessageFormat>,
    ) -> Result<Vec<ChildSpec>, RegistryError> {
        let of = |queue| self.message_module(module, settings, queue, Arc::clone(format));
        settings.queues.iter().map(of).collect()
    }

    fn message_module(
        &self,
        module: &'static str,
        settings: &QueueFed,
        queue: &QueueRef,
        format: Arc<dyn MessageFormat>,
    ) -> Result<ChildSpec, RegistryError> {
        let shared = self.shared(module, module)?;
        let received = Receiving {
            visibility_timeout: settings.visibility_timeout,
            max_receive_count: settings.max_receive_count,
            // What is handled at the same time are receives, not single messages.
            concurrency: settings.concurrency * BATCH,
        };
        let queue = self.queue(&shared, queue, received);
        let inline = InlineSettings {
            origin: shared.identity.origin(),
            format,
            session: self.caller.session().clone(),
            outlet: self.surroundings.outlet.clone(),
            budget: self.surroundings.budget.clone(),
            hostname: self.surroundings.hostname.clone(),
            max_event_bytes: usize::try_from(settings.max_event_bytes).unwrap_or(usize::MAX),
            pulling_id: shared.pulling_id.subscribe(),
            ledger: shared.ledger.clone(),
            tally: Arc::clone(&shared.tally),
            intake: self.surroundings.intake.clone(),
        };
        let name = self.module_name(&shared, settings.queues.len(), &queue.queue);
        let puller = self.puller(&shared.identity, move |intake| {
            let mut inline = inline.clone();
            inline.intake = intake;
            Box::new(QueueSource::new(queue.clone(), InlineHandler::new(inline)))
        });
        Ok(self.supervisor(name, vec![puller]))
    }

    /// The modules that read objects of S3: one a queue, or one that lists the bucket.
    pub(super) fn objects(
        &self,
        module: &'static str,
        settings: &ObjectFed,
        format: &Arc<dyn Format>,
    ) -> Result<Vec<ChildSpec>, RegistryError> {
        match &settings.feed {
            Feed::Queue(feed) => {
                let of = |queue| self.queued_module(module, settings, feed, queue, format);
                feed.queues.iter().map(of).collect()
            }
            Feed::List(listing) => {
                let shared = self.shared(module, SETUP_OF_QUEUED_OBJECTS)?;
                let (objects, parsers) = self.reading(&shared, settings, format);
                let puller = self.listing_puller(&shared, listing, settings.concurrency, objects);
                let name = self.name(&shared);
                Ok(vec![self.supervisor(name, vec![puller, parsers])])
            }
        }
    }

    fn queued_module(
        &self,
        module: &'static str,
        settings: &ObjectFed,
        feed: &ObjectQueue,
        queue: &QueueRef,
        format: &Arc<dyn Format>,
    ) -> Result<ChildSpec, RegistryError> {
        let shared = self.shared(module, SETUP_OF_QUEUED_OBJECTS)?;
        let (objects, parsers) = self.reading(&shared, settings, format);
        let name = self.module_name(&shared, feed.queues.len(), queue);
        let received = Receiving {
            visibility_timeout: feed.visibility_timeout,
            max_receive_count: feed.max_receive_count,
            concurrency: settings.concurrency,
        };
        let queue = self.queue(&shared, queue, received);
        let puller = self.puller(&shared.identity, move |intake| {
            let mut objects = objects.clone();
            objects.intake = intake;
            Box::new(QueueSource::new(queue.clone(), ObjectHandler::new(objects)))
        });
        Ok(self.supervisor(name, vec![puller, parsers]))
    }

    /// What delivers objects, and the parsers that it has read them.
    fn reading(
        &self,
        shared: &Shared,
        settings: &ObjectFed,
        format: &Arc<dyn Format>,
    ) -> (ObjectSettings, ChildSpec) {
        // Jobs are handed over when a parser is free, so that none waits in a place where a crash could lose it.
        let (jobs_tx, jobs) = async_channel::bounded(1);
        let parsing = Arc::new(ParserSettings {
            origin: shared.identity.origin(),
            jobs,
            format: Arc::clone(format),
            ledger: shared.ledger.clone(),
            outlet: self.surroundings.outlet.clone(),
            budget: self.surroundings.budget.clone(),
            hostname: self.surroundings.hostname.clone(),
            pulling_id: shared.pulling_id.subscribe(),
            tally: Arc::clone(&shared.tally),
        });
        let objects = ObjectSettings {
            origin: shared.identity.origin(),
            selection: Selection {
                format: Arc::clone(format),
                filter: settings.s3_file_type_filter.clone(),
            },
            ledger: shared.ledger.clone(),
            dedup_window: settings.dedup_window,
            outlet: self.surroundings.outlet.clone(),
            jobs: jobs_tx,
            tally: Arc::clone(&shared.tally),
            intake: self.surroundings.intake.clone(),
        };
        (objects, self.parsers(&parsing, settings.concurrency))
    }

    fn listing_puller(
        &self,
        shared: &Shared,
        listing: &Listing,
        concurrency: usize,
        objects: ObjectSettings,
    ) -> ChildSpec {
        let settings = ListingSettings {
            bucket: listing.bucket.clone(),
            prefix: listing.prefix.clone(),
            start: listing.start,
            look_back: listing.look_back,
            s3_endpoint_url: self.service.endpoints.s3.clone(),
            caller: self.caller.clone(),
            concurrency,
            store: Arc::clone(&self.surroundings.store),
            scope: shared.scope.clone(),
            pulling_id: Arc::clone(&shared.pulling_id),
        };
        self.puller(&shared.identity, move |intake| {
            let mut objects = objects.clone();
            objects.intake = intake;
            Box::new(ListingSource::new(settings.clone(), objects))
        })
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

    fn parsers(&self, settings: &Arc<ParserSettings>, count: usize) -> ChildSpec {
        let children = (0..count).map(|number| self.parser(number, settings));
        let spec = SupervisorSpec::new(Strategy::OneForOne)
            .intensity(self.surroundings.intensity)
            .children(children);
        ChildSpec::supervisor("parsers", spec)
    }

    fn parser(&self, number: usize, settings: &Arc<ParserSettings>) -> ChildSpec {
        let settings = Arc::clone(settings);
        let caller = self.caller.clone();
        let endpoint = self.service.endpoints.s3.clone();
        ChildSpec::worker(
            format!("parser-{number}"),
            move |shutdown: CancellationToken| {
                let settings = Arc::clone(&settings);
                let caller = caller.clone();
                let endpoint = endpoint.clone();
                async move {
                    let established = tokio::select! {
                        () = shutdown.cancelled() => return Ok(()),
                        established = caller.session().established() => established,
                    };
                    let client = s3_client(&established, endpoint.as_deref());
                    let fetcher = Fetcher::new(client, caller);
                    parse_jobs(settings, fetcher, &established.account, &shutdown).await;
                    Ok::<_, Infallible>(())
                }
            },
        )
        .shutdown(self.surroundings.drain)
    }
}
