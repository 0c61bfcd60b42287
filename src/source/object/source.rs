//! A source of objects that a queue names: the [`Source`] of every service that reads S3 through SQS.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::handler::{ObjectHandler, Selection};
use super::ledger::Ledger;
use super::parser::Job;
use crate::config::model::QueueRef;
use crate::delivery::Outlet;
use crate::event::PullingId;
use crate::session::{Caller, sqs_client};
use crate::source::sqs::{Consumer, ConsumerSettings, Queue};
use crate::source::{Counted, Cycle, Source, SourceError, Tally};

/// How often objects that are out of the dedup window are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// What a source of objects is made of.
#[derive(Clone)]
pub struct QueuedObjects {
    /// How the puller signs in the log.
    pub origin: Arc<str>,
    /// The queue.
    pub queue: QueueRef,
    /// SQS's endpoint, where it is not AWS's own.
    pub sqs_endpoint_url: Option<String>,
    /// For SQS.
    pub caller: Caller,
    /// The queue's own is used where it is `None`.
    pub visibility_timeout: Option<Duration>,
    /// After so many receives, what cannot be read is quarantined if the queue has no redrive policy.
    pub max_receive_count: u32,
    /// How many objects are read at once.
    pub concurrency: usize,
    /// For how long a delivered object is remembered.
    pub dedup_window: Duration,
    /// Which objects are read.
    pub selection: Selection,
    /// What was delivered.
    pub ledger: Ledger,
    /// Where to.
    pub outlet: Outlet,
    /// To the parsers.
    pub jobs: async_channel::Sender<Job>,
    /// The present cycle's pulling id, for the parsers.
    pub pulling_id: Arc<watch::Sender<PullingId>>,
    /// What is counted.
    pub tally: Arc<Tally>,
    /// Closed when the collector begins to stop.
    pub intake: CancellationToken,
}

/// The source: nothing until it is set up, then a queue's consumer.
pub struct ObjectSource {
    settings: QueuedObjects,
    consumer: Option<Consumer<ObjectHandler>>,
    forget_at: Instant,
}

impl ObjectSource {
    /// A source that is not set up yet.
    #[must_use]
    pub fn new(settings: QueuedObjects) -> Self {
        Self {
            settings,
            consumer: None,
            forget_at: Instant::now(),
        }
    }

    fn forget_old_objects(&mut self) {
        if Instant::now() < self.forget_at {
            return;
        }
        self.forget_at = Instant::now() + FORGET_EVERY;
        let (ledger, window) = (self.settings.ledger.clone(), self.settings.dedup_window);
        let origin = Arc::clone(&self.settings.origin);
        // Beside the pulling, which does not wait for it; it ends by itself.
        tokio::spawn(async move {
            if let Err(error) = ledger.forget(window).await {
                warn!(origin = %origin, "Old objects are not forgotten yet: {error}");
            }
        });
    }
}

async fn find_queue(settings: &QueuedObjects) -> Result<(Queue, ConsumerSettings), SourceError> {
    let established = settings.caller.session().established().await;
    let client = sqs_client(&established, settings.sqs_endpoint_url.as_deref());
    let queue = Queue::find(client, settings.caller.clone(), &settings.queue).await?;
    let attributes = queue.attributes().await?;
    let visibility = settings
        .visibility_timeout
        .unwrap_or(attributes.visibility_timeout);
    if !attributes.has_redrive_policy {
        info!(
            origin = %settings.origin,
            "Queue {} has no redrive policy: what cannot be read {} times is put in quarantine; a dead-letter queue is the better way",
            queue.name(),
            settings.max_receive_count,
        );
    }
    let consumer = ConsumerSettings {
        origin: Arc::clone(&settings.origin),
        visibility,
        max_receive_count: settings.max_receive_count,
        has_redrive_policy: attributes.has_redrive_policy,
        reading: settings.concurrency,
    };
    Ok((queue, consumer))
}

impl Source for ObjectSource {
    fn subject(&self) -> String {
        format!("\"{}\" queue", self.settings.queue.name())
    }

    fn setup(&mut self) -> BoxFuture<'_, Result<(), SourceError>> {
        async move {
            let settings = &self.settings;
            let (queue, consumer_settings) = find_queue(settings).await?;
            let handler = ObjectHandler::new(
                Arc::clone(&settings.origin),
                settings.selection.clone(),
                settings.ledger.clone(),
                settings.outlet.clone(),
                settings.jobs.clone(),
                Arc::clone(&settings.tally),
                settings.intake.clone(),
            );
            self.consumer = Some(Consumer::new(
                queue,
                consumer_settings,
                Arc::new(handler),
                Arc::clone(&settings.tally),
            ));
            Ok(())
        }
        .boxed()
    }

    fn pull<'a>(
        &'a mut self,
        cycle: &'a Cycle,
        intake: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        async move {
            self.forget_old_objects();
            self.settings
                .pulling_id
                .send_replace(cycle.pulling_id.clone());
            if let Some(consumer) = &mut self.consumer {
                consumer.consume(cycle.until, intake).await;
            }
            Ok(())
        }
        .boxed()
    }

    fn drain(&mut self) -> BoxFuture<'_, ()> {
        async move {
            if let Some(consumer) = self.consumer.take() {
                consumer.drain().await;
            }
        }
        .boxed()
    }

    fn take_counts(&mut self) -> Counted {
        self.settings.tally.take()
    }

    fn received(&self, counts: &Counted) -> String {
        format!(
            "Received {} response(s), messages (fromSQS/generated): {}/{}, discarded files: {}, avg_time_per_source_message: {:.3} ms",
            counts.requests,
            counts.messages,
            counts.generated,
            counts.discarded_files,
            counts.mean_request_ms(),
        )
    }
}
