//! Which services there are, and what each is made of. A new service is one more arm in [`child`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::audits_s3::{self, CloudTrailFiles};
use super::object::{
    Fetcher, Format, Ledger, ObjectHandler, ObjectSettings, ParserSettings, Selection, parse_jobs,
};
use super::sqs::{QueueSettings, QueueSource};
use super::{Identity, Kind, PullerSettings, Source, Tally, run};
use crate::checkpoint::{CheckpointStore, KeyError, Scope};
use crate::config::model::{AuditsS3, Input, Service, ServiceKind};
use crate::delivery::{Budget, Outlet};
use crate::event::tag::{TagSuffix, TagTemplateError};
use crate::event::{PullingId, TagTemplate};
use crate::session::{Caller, s3_client};
use crate::supervision::{ChildSpec, Intensity, Strategy, SupervisorSpec};

/// The version of the events' format, the component behind the region in every tag (Devo's list of AWS tables).
const FORMAT_VERSION: &str = "1";

/// What the module that feeds on S3 by way of SQS is called while it is set up (the vendor's runbook).
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

/// The supervisor of one service in one region.
///
/// # Errors
/// The service cannot be set up as configured.
pub fn child(
    input: &Input,
    service: &Service,
    region: &str,
    caller: &Caller,
    surroundings: &Surroundings,
) -> Result<ChildSpec, RegistryError> {
    let (module, children) = match &service.kind {
        ServiceKind::AuditsS3(audits) => {
            let table = if service.auto_event_type {
                audits_s3::TABLE_BY_TYPE
            } else {
                audits_s3::TABLE
            };
            let format = CloudTrailFiles {
                tags: tags(input, service, table)?,
                region: region.to_owned(),
                by_event: audits.use_region_and_account_id_from_event,
                drop_event_names: Arc::new(audits.drop_event_names.iter().cloned().collect()),
                max_event_bytes: usize::try_from(audits.max_event_bytes).unwrap_or(usize::MAX),
            };
            let identity = Identity {
                input: input.name.clone(),
                input_id: input.id.clone(),
                service: service.name.clone(),
                kind: Kind::Predefined,
                module: audits_s3::MODULE,
                setup_module: SETUP_OF_QUEUED_OBJECTS,
                region: region.to_owned(),
            };
            let children = queued_objects(
                input,
                service,
                audits,
                &identity,
                Arc::new(format),
                caller,
                surroundings,
            )?;
            (audits_s3::MODULE, children)
        }
    };
    let spec = SupervisorSpec::new(Strategy::RestForOne)
        .intensity(surroundings.intensity)
        .children(children);
    let name = format!("{}:{module}:{region}", service.name);
    Ok(ChildSpec::supervisor(name, spec))
}

/// The service's tag template: its own table unless the configuration overrides it.
fn tags(input: &Input, service: &Service, table: &str) -> Result<Arc<TagTemplate>, RegistryError> {
    let table = service.tag.as_deref().unwrap_or(table);
    let suffix = TagSuffix {
        format_version: FORMAT_VERSION.to_owned(),
        environment: input.environment.clone(),
    };
    let template = TagTemplate::new(table, Some(&suffix)).map_err(|source| RegistryError::Tag {
        input: input.name.clone(),
        service: service.name.clone(),
        source,
    })?;
    Ok(Arc::new(template))
}

/// The puller and the parsers of a service that reads S3 by way of SQS. The channel between them outlives them all.
fn queued_objects(
    input: &Input,
    service: &Service,
    settings: &AuditsS3,
    identity: &Identity,
    format: Arc<dyn Format>,
    caller: &Caller,
    surroundings: &Surroundings,
) -> Result<Vec<ChildSpec>, RegistryError> {
    let scope = Scope::new(
        &identity.input,
        &identity.service,
        identity.module,
        &identity.region,
    )
    .map_err(|source| RegistryError::Key {
        input: input.name.clone(),
        service: service.name.clone(),
        source,
    })?;
    let outlet = &surroundings.outlet;
    let ledger = Ledger::new(Arc::clone(&surroundings.store), scope, outlet.clone());
    let tally = Arc::new(Tally::default());
    let (pulling_id_tx, pulling_id) = watch::channel(PullingId::now());
    // Jobs are handed over when a parser is free, so that none waits in a place where a crash could lose it.
    let (jobs_tx, jobs) = async_channel::bounded(1);

    let parsing = Arc::new(ParserSettings {
        jobs,
        format: Arc::clone(&format),
        ledger: ledger.clone(),
        outlet: outlet.clone(),
        budget: surroundings.budget.clone(),
        hostname: surroundings.hostname.clone(),
        pulling_id,
        tally: Arc::clone(&tally),
    });
    let queue = QueueSettings {
        origin: identity.origin(),
        queue: settings.queue.clone(),
        sqs_endpoint_url: service.endpoints.sqs.clone(),
        caller: caller.clone(),
        visibility_timeout: settings.visibility_timeout,
        max_receive_count: settings.max_receive_count.get(),
        concurrency: settings.concurrency,
        pulling_id: Arc::new(pulling_id_tx),
        tally: Arc::clone(&tally),
    };
    let selection = Selection {
        format,
        filter: settings.s3_file_type_filter.clone(),
    };
    let objects = ObjectSettings {
        origin: identity.origin(),
        selection,
        ledger,
        dedup_window: settings.dedup_window,
        outlet: outlet.clone(),
        jobs: jobs_tx,
        tally,
        intake: surroundings.intake.clone(),
    };
    let puller = PullerSettings {
        identity: identity.clone(),
        session: Some(caller.session().clone()),
        period: service.request_period,
        environment_in_event: input
            .environment
            .clone()
            .filter(|_| input.environment_in_event),
        intake: surroundings.intake.clone(),
        drain: surroundings.drain.saturating_sub(LAST_MOMENT),
    };
    let parsers = parsers(
        &parsing,
        caller,
        service.endpoints.s3.as_deref(),
        settings.concurrency,
        surroundings,
    );
    Ok(vec![
        puller_child(puller, surroundings.drain, move |intake| {
            let mut objects = objects.clone();
            objects.intake = intake;
            Box::new(QueueSource::new(queue.clone(), ObjectHandler::new(objects)))
        }),
        parsers,
    ])
}

/// A puller, whose source is made anew, with an intake of its own, each time it is started.
fn puller_child(
    settings: PullerSettings,
    drain: Duration,
    make: impl Fn(CancellationToken) -> Box<dyn Source> + Send + Sync + 'static,
) -> ChildSpec {
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

fn parsers(
    settings: &Arc<ParserSettings>,
    caller: &Caller,
    s3_endpoint_url: Option<&str>,
    count: usize,
    surroundings: &Surroundings,
) -> ChildSpec {
    let children = (0..count).map(|number| {
        let settings = Arc::clone(settings);
        let caller = caller.clone();
        let endpoint = s3_endpoint_url.map(ToOwned::to_owned);
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
        .shutdown(surroundings.drain)
    });
    let spec = SupervisorSpec::new(Strategy::OneForOne)
        .intensity(surroundings.intensity)
        .children(children.collect::<Vec<_>>());
    ChildSpec::supervisor("parsers", spec)
}
