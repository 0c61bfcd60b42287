//! The way through a bucket, once a cycle: which keys are skipped, which objects are due, and what becomes of them.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::coverage::Coverage;
use super::cursors::Cursors;
use super::pages::{Listed, Lister, Page, Position};
use super::unreadable::Unreadable;
use super::unwanted::Unwanted;
use super::work::Work;
use super::{ListingSettings, location};
use crate::checkpoint::record::ObjectId;
use crate::event::EventTime;
use crate::source::SourceError;
use crate::source::object::delivery::{Ended, ObjectDelivery};
use crate::source::sqs::notification::ObjectRef;

/// How often the cursors are saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How often a listing that takes long says where it is.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What a listed object is.
enum Found {
    /// Delivered, given up, or none of ours.
    Done,
    /// Begun earlier.
    InWork,
    /// To be delivered.
    Due,
}

/// The listing of one bucket under one prefix, again and again.
pub(super) struct Walk {
    settings: ListingSettings,
    origin: Arc<str>,
    delivery: Arc<ObjectDelivery>,
    lister: Lister,
    cursors: Cursors,
    coverage: Coverage,
    work: Work,
    unreadable: Unreadable,
    unwanted: Unwanted,
    save: Interval,
    said_at: Instant,
    has_warned: bool,
}

impl Walk {
    /// A walk that starts from the saved cursors.
    ///
    /// # Errors
    /// The checkpoint store could not be asked.
    pub(super) async fn begin(
        settings: ListingSettings,
        delivery: Arc<ObjectDelivery>,
        lister: Lister,
    ) -> Result<Self, SourceError> {
        let cursors = Cursors::new(
            Arc::clone(&settings.store),
            settings.scope.clone(),
            &settings.bucket,
            &settings.prefix,
        );
        let coverage = Coverage::new(
            settings.prefix.len(),
            settings.look_back,
            cursors.load().await?,
        );
        let work = Work::new(Arc::clone(&delivery), settings.concurrency);
        let mut save = interval(SAVE_EVERY);
        save.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            origin: Arc::clone(&delivery.settings().origin),
            settings,
            delivery,
            lister,
            cursors,
            coverage,
            work,
            unreadable: Unreadable::default(),
            unwanted: Unwanted::default(),
            save,
            said_at: Instant::now(),
            has_warned: false,
        })
    }

    /// Goes through the bucket once. What is still in work at its end has until `until` before the next cycle takes over.
    ///
    /// # Errors
    /// The bucket could not be listed, or the checkpoint store not be asked. The next cycle starts from the cursors.
    pub(super) async fn cycle(
        &mut self,
        until: Instant,
        intake: &CancellationToken,
    ) -> Result<(), SourceError> {
        self.coverage.begin_cycle();
        self.unreadable.begin_cycle();
        self.unwanted.begin_cycle();
        self.said_at = Instant::now();
        let listed = self.list(intake).await;
        if listed.is_ok() {
            // Nothing is lost when it is cut short: what is not taken then is found in the ledger.
            intake.run_until_cancelled(self.finish(until)).await;
        }
        if self.save().await {
            self.forget_old_objects();
        }
        listed
    }

    /// Takes page after page.
    async fn list(&mut self, intake: &CancellationToken) -> Result<(), SourceError> {
        let mut position = Some(Position::default());
        while let Some(at) = position {
            let page = self.lister.clone().page(at);
            let Some(page) = self.meanwhile(intake, page).await else {
                return Ok(());
            };
            position = self.take_page(page?, intake).await?;
        }
        Ok(())
    }

    /// Takes the objects of a page; returns where to go on.
    async fn take_page(
        &mut self,
        page: Page,
        intake: &CancellationToken,
    ) -> Result<Option<Position>, SourceError> {
        let last = page.objects.last().map(|object| object.key.clone());
        for object in page.objects {
            if let Some(cursor) = self.coverage.skip(&object.key) {
                if page.next.is_some() && last.as_deref().is_some_and(|last| last < cursor) {
                    return Ok(Some(Position::behind(cursor)));
                }
                continue;
            }
            if !self.take(object, page.asked_unix_ms, intake).await? {
                return Ok(None);
            }
        }
        if let Some(last) = last {
            self.say_progress(&last);
        }
        Ok(page.next)
    }

    /// Takes one object, once there is room for it; `false` if the intake closes before.
    async fn take(
        &mut self,
        object: Listed,
        asked_unix_ms: i64,
        intake: &CancellationToken,
    ) -> Result<bool, SourceError> {
        let id = ObjectId {
            bucket: self.settings.bucket.clone(),
            key: object.key.clone(),
            etag: object.etag.clone().unwrap_or_default(),
        };
        let found = self.find(&object, &id).await?;
        if matches!(found, Found::Due) {
            let room = self.work.room();
            let Some(Some(room)) = self.meanwhile(intake, room).await else {
                return Ok(false);
            };
            self.coverage.list(&object, false, asked_unix_ms);
            self.delivery.settings().tally.messages(1);
            self.work.begin(id, self.named(object), room);
        } else {
            let is_done = matches!(found, Found::Done);
            self.coverage.list(&object, is_done, asked_unix_ms);
        }
        Ok(true)
    }

    async fn find(&mut self, object: &Listed, id: &ObjectId) -> Result<Found, SourceError> {
        let objects = self.delivery.settings();
        if object.is_folder() || !objects.selection.wants(&object.key) {
            if self.unwanted.is_new(&object.key) {
                objects.tally.discarded_file();
            }
            return Ok(Found::Done);
        }
        if self.settings.is_before_start(object) {
            return Ok(Found::Done);
        }
        if self.work.has(&object.key) {
            return Ok(Found::InWork);
        }
        let is_done = objects.ledger.standing(id).await?.is_delivered()
            || objects.ledger.is_quarantined(id).await?;
        Ok(if is_done { Found::Done } else { Found::Due })
    }

    /// The object as a notification would have named it.
    fn named(&self, object: Listed) -> ObjectRef {
        ObjectRef {
            bucket: self.settings.bucket.clone(),
            key: object.key,
            etag: object.etag,
            sequencer: None,
            size: object.size,
            event_time: EventTime::from_unix_ms(object.modified_unix_ms),
            region: None,
        }
    }

    /// Waits for `future`, and meanwhile takes what ends and saves the cursors; `None` if the intake closes before.
    async fn meanwhile<T>(
        &mut self,
        intake: &CancellationToken,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let mut future = pin!(future);
        loop {
            let ended = tokio::select! {
                biased;
                () = intake.cancelled() => return None,
                Some(ended) = self.work.next() => Some(ended),
                _ = self.save.tick() => None,
                value = &mut future => return Some(value),
            };
            match ended {
                Some((id, end)) => self.ended(&id, end).await,
                None => {
                    self.save().await;
                }
            }
        }
    }

    /// Takes what ends until `until`.
    async fn finish(&mut self, until: Instant) {
        while let Ok(Some((id, end))) = timeout_at(until, self.work.next()).await {
            self.ended(&id, end).await;
        }
    }

    /// Ends the walk: what is in work is finished until `deadline`.
    pub(super) async fn drain(mut self, deadline: Instant) {
        self.finish(deadline).await;
        self.work.give_up().await;
        self.save().await;
    }

    async fn ended(&mut self, id: &ObjectId, end: Result<Ended, JoinError>) {
        let is_done = match end {
            Ok(Ended::Delivered) => true,
            Ok(Ended::Unreadable(fault)) => {
                let objects = self.delivery.settings();
                self.unreadable.give_up(objects, id, &fault).await
            }
            Ok(Ended::Release) => false,
            Err(error) => {
                error!(
                    origin = %self.origin,
                    "Delivering s3://{}/{} failed: {error}; it is read again in the next cycle",
                    id.bucket, id.key
                );
                false
            }
        };
        if is_done {
            self.unreadable.forget(id);
            self.coverage.settle(&id.key);
        } else {
            self.coverage.hold(&id.key);
        }
    }

    /// Saves the cursors that moved; whether all are on the disk now.
    async fn save(&mut self) -> bool {
        let moved = self.coverage.advance();
        if let Err(error) = self.cursors.save(moved).await {
            warn!(origin = %self.origin, "The cursors of the listing are not saved yet: {error}");
            return false;
        }
        true
    }

    /// Forgets objects that no listing will show again as due: only those that the saved cursors cover.
    fn forget_old_objects(&self) {
        let (coverage, prefix) = (self.coverage.clone(), self.settings.prefix.clone());
        let bucket = self.settings.bucket.clone();
        self.delivery.forget_old_objects(move |id| {
            let is_listed = id.bucket == bucket && id.key.starts_with(&prefix);
            !is_listed || coverage.skip(&id.key).is_some()
        });
    }

    fn say_progress(&mut self, key: &str) {
        let place = location(&self.settings.bucket, &self.settings.prefix);
        if self.coverage.is_full() && !self.has_warned {
            self.has_warned = true;
            warn!(
                origin = %self.origin,
                "{place} has more kinds of keys than can be kept apart: some are listed anew in every cycle; configure a longer prefix"
            );
        }
        if self.said_at.elapsed() >= SAY_EVERY {
            self.said_at = Instant::now();
            info!(
                origin = %self.origin,
                "The listing of {place} has come to {key:?}; {} object(s) are in work",
                self.work.len()
            );
        }
    }
}
