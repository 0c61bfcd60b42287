//! The modules that read objects of S3: a puller, fed by a queue or by a listing, and the parsers that read for it.

use std::convert::Infallible;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Receiving, RegistryError, Shared, Wiring};
use crate::config::model::{Feed, Listing, ObjectFed, ObjectQueue, QueueRef};
use crate::session::s3_client;
use crate::source::object::{
    Fetcher, Format, ListingSettings, ListingSource, ObjectHandler, ObjectSettings, ParserSettings,
    Selection, parse_jobs,
};
use crate::source::sqs::QueueSource;
use crate::supervision::{ChildSpec, Strategy, SupervisorSpec};

/// What the modules that feed on S3 by way of SQS are called while they are set up (the vendor's runbook).
const SETUP_OF_QUEUED_OBJECTS: &str = "AwsSqsS3GenericPuller";

impl Wiring<'_> {
    /// The modules that read objects of S3: one a queue, or one that lists the bucket.
    pub(in crate::source) fn objects(
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
