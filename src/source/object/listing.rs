//! Objects found by listing a bucket, for buckets that cannot notify and for backfill: the [`Source`] of every service that
//! reads S3 without a queue.
//!
//! A cycle lists the bucket under the prefix and delivers every object that the ledger does not know. S3 lists by key, never
//! by time, so new objects may turn up in many places of the listing: at the end of each stream of keys that grow with time
//! (a region, a type of log), and before it, since objects are written late. Each stream therefore has a cursor: all up to it
//! is done with, and lies further back than the look-back; a cycle skips it with one request. How a stream is told from
//! another is in [`key_date`], the rule of the cursors in [`coverage`].
//!
//! Keys without a date have no cursor. They are listed in every cycle, and the ledger keeps them.

mod coverage;
mod cursors;
mod key_date;
mod pages;
mod unreadable;
mod unwanted;
mod walk;
mod work;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::pages::{Listed, Lister};
use self::walk::Walk;
use super::delivery::{ObjectDelivery, ObjectSettings, received};
use crate::checkpoint::{CheckpointStore, Scope};
use crate::event::PullingId;
use crate::session::{Caller, s3_client};
use crate::source::{Counted, Cycle, Source, SourceError};

/// What is listed, and how.
#[derive(Clone)]
pub struct ListingSettings {
    /// The bucket's name.
    pub bucket: String,
    /// What the keys start with; may be empty.
    pub prefix: String,
    /// Objects written before are not read.
    pub start: Option<jiff::Timestamp>,
    /// An object appears at most so long after the day that its key names is over, and after any other whose key is higher.
    pub look_back: Duration,
    /// S3's endpoint, where it is not AWS's own.
    pub s3_endpoint_url: Option<String>,
    /// For S3.
    pub caller: Caller,
    /// How many objects are read at once.
    pub concurrency: usize,
    /// Where the cursors are kept.
    pub store: Arc<dyn CheckpointStore>,
    /// Whose they are.
    pub scope: Scope,
    /// The present cycle's pulling id, for the parsers.
    pub pulling_id: Arc<watch::Sender<PullingId>>,
}

impl ListingSettings {
    fn is_before_start(&self, object: &Listed) -> bool {
        self.start
            .is_some_and(|start| object.modified_unix_ms < start.as_millisecond())
    }
}

/// A bucket and a prefix as the log has them.
fn location(bucket: &str, prefix: &str) -> String {
    format!("s3://{bucket}/{prefix}")
}

/// The source: nothing until it is set up, then a walk through the bucket once a cycle.
pub struct ListingSource {
    settings: ListingSettings,
    delivery: Arc<ObjectDelivery>,
    walk: Option<Walk>,
}

impl ListingSource {
    /// A source that is not set up yet, whose objects are delivered as `objects` says.
    #[must_use]
    pub fn new(settings: ListingSettings, objects: ObjectSettings) -> Self {
        Self {
            settings,
            delivery: Arc::new(ObjectDelivery::new(objects)),
            walk: None,
        }
    }
}

impl Source for ListingSource {
    fn subject(&self) -> String {
        let location = location(&self.settings.bucket, &self.settings.prefix);
        format!("\"{location}\" source")
    }

    fn setup(&mut self) -> BoxFuture<'_, Result<(), SourceError>> {
        async move {
            let settings = self.settings.clone();
            let established = settings.caller.session().established().await;
            let lister = Lister::new(
                s3_client(&established, settings.s3_endpoint_url.as_deref()),
                settings.caller.clone(),
                Arc::clone(&self.delivery.settings().tally),
                &settings.bucket,
                &settings.prefix,
            );
            lister.probe().await?;
            self.walk = Some(Walk::begin(settings, Arc::clone(&self.delivery), lister).await?);
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
            let pulling_id = &self.settings.pulling_id;
            pulling_id.send_replace(cycle.pulling_id.clone());
            match &mut self.walk {
                Some(walk) => walk.cycle(cycle.until, intake).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn drain(&mut self, deadline: Instant) -> BoxFuture<'_, ()> {
        async move {
            if let Some(walk) = self.walk.take() {
                walk.drain(deadline).await;
            }
        }
        .boxed()
    }

    fn take_counts(&mut self) -> Counted {
        self.delivery.settings().tally.take()
    }

    fn received(&self, counts: &Counted) -> String {
        received(counts)
    }
}

#[cfg(test)]
mod tests;
