//! The [`Source`] of every service that a queue feeds: finds the queue, then consumes it cycle by cycle.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Consumer, ConsumerSettings, Handler, Queue};
use crate::config::model::QueueRef;
use crate::event::PullingId;
use crate::session::{Caller, sqs_client};
use crate::source::{Counted, Cycle, Source, SourceError, Tally};

/// How one queue is read.
#[derive(Clone)]
pub struct QueueSettings {
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
    /// How many messages are read at once.
    pub concurrency: usize,
    /// The present cycle's pulling id, for whoever makes events.
    pub pulling_id: Arc<watch::Sender<PullingId>>,
    /// What is counted.
    pub tally: Arc<Tally>,
}

/// The source: nothing until it is set up, then a queue's consumer.
pub struct QueueSource<H> {
    settings: QueueSettings,
    handler: Arc<H>,
    consumer: Option<Consumer<H>>,
}

impl<H: Handler> QueueSource<H> {
    /// A source that is not set up yet, whose messages `handler` gets.
    #[must_use]
    pub fn new(settings: QueueSettings, handler: H) -> Self {
        Self {
            settings,
            handler: Arc::new(handler),
            consumer: None,
        }
    }
}

async fn find_queue(settings: &QueueSettings) -> Result<(Queue, ConsumerSettings), SourceError> {
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

impl<H: Handler> Source for QueueSource<H> {
    fn subject(&self) -> String {
        format!("\"{}\" queue", self.settings.queue.name())
    }

    fn setup(&mut self) -> BoxFuture<'_, Result<(), SourceError>> {
        async move {
            let (queue, settings) = find_queue(&self.settings).await?;
            let tally = Arc::clone(&self.settings.tally);
            let handler = Arc::clone(&self.handler);
            self.consumer = Some(Consumer::new(queue, settings, handler, tally));
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

    fn drain(&mut self, deadline: Instant) -> BoxFuture<'_, ()> {
        async move {
            if let Some(consumer) = self.consumer.take() {
                consumer.drain(deadline).await;
            }
        }
        .boxed()
    }

    fn take_counts(&mut self) -> Counted {
        self.settings.tally.take()
    }

    fn received(&self, counts: &Counted) -> String {
        self.handler.received(counts)
    }
}
