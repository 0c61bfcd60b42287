//! The delivery of one object, however one heard of it: read by a parser, sent to every output, written down in the ledger.
//!
//! What is to become of the message or the listing that named the object is its feeder's matter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use regex::Regex;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::claims::Claims;
use super::format::Format;
use super::ledger::{Ledger, Standing};
use super::parser::{Job, ReadError, Reading};
use crate::checkpoint::record::ObjectId;
use crate::delivery::{Outcome, Outlet, OutputSet};
use crate::source::sqs::notification::ObjectRef;
use crate::source::sqs::{Fault, What};
use crate::source::{Counted, Tally};

/// How often the progress of an object that takes long is written down.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// How often objects that are out of the dedup window are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// How often an object may take its parser down before it is counted as unreadable.
const CRASHES: u32 = 5;

/// The wait before an object is tried again in place: doubled each time from the first to the last value, with jitter. What is
/// not the object's own fault is tried for as long as it takes, and its message stays invisible meanwhile.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Which objects are read.
#[derive(Clone)]
pub struct Selection {
    /// The service's own view.
    pub format: Arc<dyn Format>,
    /// The operator's filter: only keys in which it is found.
    pub filter: Option<Regex>,
}

impl Selection {
    /// Whether the object under `key` is read.
    pub(super) fn wants(&self, key: &str) -> bool {
        self.format.wants(key)
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.is_match(key))
    }
}

/// What the delivery of objects works with.
#[derive(Clone)]
pub struct ObjectSettings {
    /// How the puller signs in the log.
    pub origin: Arc<str>,
    /// Which objects are read.
    pub selection: Selection,
    /// What was delivered.
    pub ledger: Ledger,
    /// For how long a delivered object is remembered.
    pub dedup_window: Duration,
    /// Where to.
    pub outlet: Outlet,
    /// To the parsers.
    pub jobs: async_channel::Sender<Job>,
    /// What is counted.
    pub tally: Arc<Tally>,
    /// Closed when the puller begins to stop: from then on no further object is begun.
    pub intake: CancellationToken,
}

/// Delivers objects, one at a time under each key.
pub(super) struct ObjectDelivery {
    settings: ObjectSettings,
    claims: Claims,
    forget_at: Mutex<Instant>,
}

/// What became of one object.
#[derive(Debug)]
pub(super) enum Ended {
    /// Every output has all of it, and the ledger says so.
    Delivered,
    /// It cannot be read.
    Unreadable(Fault),
    /// The puller stops, and this was not done.
    Release,
}

/// What became of one attempt at it.
enum Attempt {
    Ended(Ended),
    /// Something went wrong that is not the object's fault.
    Failed(String),
    /// The parser crashed, which may well be the object's fault.
    Crashed,
    /// These outputs do not take it at present.
    Refused(OutputSet),
}

/// The waits between the attempts at one object.
struct Waits(Duration);

impl Waits {
    fn new() -> Self {
        Self(FIRST_WAIT)
    }

    fn next(&mut self) -> Duration {
        let wait = self.0.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.0 = (self.0 * 2).min(LONGEST_WAIT);
        wait
    }
}

impl ObjectDelivery {
    /// A delivery that works with `settings`.
    pub(super) fn new(settings: ObjectSettings) -> Self {
        Self {
            settings,
            claims: Claims::default(),
            forget_at: Mutex::new(Instant::now()),
        }
    }

    /// What it works with.
    pub(super) fn settings(&self) -> &ObjectSettings {
        &self.settings
    }

    /// Now and then, forgets objects that are out of the dedup window and of which `may_forget` says that nobody will ask
    /// again. Beside the pulling, which does not wait for it; it ends by itself.
    pub(super) fn forget_old_objects(
        &self,
        may_forget: impl Fn(&ObjectId) -> bool + Send + Sync + 'static,
    ) {
        let mut forget_at = self
            .forget_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if Instant::now() < *forget_at {
            return;
        }
        *forget_at = Instant::now() + FORGET_EVERY;
        let (ledger, window) = (self.settings.ledger.clone(), self.settings.dedup_window);
        let origin = Arc::clone(&self.settings.origin);
        tokio::spawn(async move {
            if let Err(error) = ledger.forget(window, may_forget).await {
                warn!(origin = %origin, "Old objects are not forgotten yet: {error}");
            }
        });
    }

    /// Has the object read, until every output has it, or it cannot be read, or the puller stops.
    ///
    /// `place` is dropped as soon as only confirmations are waited for: the next object can be read then.
    pub(super) async fn deliver(&self, object: ObjectRef, place: impl Send) -> Ended {
        if !self.settings.selection.wants(&object.key) {
            self.settings.tally.discarded_file();
            return Ended::Delivered;
        }
        let _claim = self.claims.claim(&object.bucket, &object.key).await;
        if self.is_known(&object).await {
            return Ended::Delivered;
        }
        let mut place = Some(place);
        let mut waits = Waits::new();
        let mut crashes = 0;
        loop {
            let problem = match self.attempt(&object, &mut place).await {
                Attempt::Ended(end) => return end,
                Attempt::Refused(outputs) => {
                    waits = Waits::new();
                    tokio::select! {
                        biased;
                        () = self.settings.intake.cancelled() => return Ended::Release,
                        () = self.settings.outlet.any_accepting(outputs) => continue,
                    }
                }
                Attempt::Crashed => {
                    crashes += 1;
                    let problem = format!("its parser failed {crashes} time(s)");
                    if crashes == CRASHES {
                        return self.unreadable(&object, None, problem);
                    }
                    problem
                }
                Attempt::Failed(problem) => problem,
            };
            let wait = waits.next();
            let (bucket, key, seconds) = (&object.bucket, &object.key, wait.as_secs_f64());
            warn!(
                origin = %self.settings.origin,
                "s3://{bucket}/{key} is read again in {seconds:.1} seconds: {problem}"
            );
            tokio::select! {
                biased;
                () = self.settings.intake.cancelled() => return Ended::Release,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Whether every output has the object already.
    async fn is_known(&self, object: &ObjectRef) -> bool {
        let Some(etag) = &object.etag else {
            return false;
        };
        let id = ObjectId {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            etag: etag.clone(),
        };
        match self.settings.ledger.standing(&id).await {
            Ok(standing) if standing.is_delivered() => {
                self.settings.tally.duplicated(standing.delivered_records());
                true
            }
            // What the ledger cannot say now it is asked again when the object is open.
            Ok(_) | Err(_) => false,
        }
    }

    async fn attempt(&self, object: &ObjectRef, place: &mut Option<impl Send>) -> Attempt {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            object: object.clone(),
            reply,
        };
        tokio::select! {
            biased;
            () = self.settings.intake.cancelled() => return Attempt::Ended(Ended::Release),
            sent = self.settings.jobs.send(job) => if sent.is_err() {
                return Attempt::Ended(Ended::Release);
            }
        }
        match answer.await {
            Ok(Ok(reading)) => self.follow(object, reading, place).await,
            Ok(Err(error)) => self.failed(object, None, &error),
            Err(_) => self.crashed(),
        }
    }

    /// Waits until all that is read of the object is delivered, and writes down how far that is.
    async fn follow(
        &self,
        object: &ObjectRef,
        reading: Reading,
        place: &mut Option<impl Send>,
    ) -> Attempt {
        let Reading {
            id,
            standing,
            settlement,
            mut ended,
        } = reading;
        if standing.is_delivered() {
            self.settings.tally.duplicated(standing.delivered_records());
            return Attempt::Ended(Ended::Delivered);
        }
        let mut result = None;
        let outcome = loop {
            tokio::select! {
                outcome = settlement.settled() => break outcome,
                end = &mut ended, if result.is_none() => {
                    result = Some(end);
                    // The rest is waiting for confirmations: the next object can be read meanwhile.
                    place.take();
                }
                () = tokio::time::sleep(PROGRESS_EVERY) => self.record(&standing, &settlement.standing()).await,
            }
        };
        self.record(&standing, &outcome).await;
        let result = match result {
            Some(result) => result,
            None => ended.await,
        };
        match result {
            Ok(Ok(())) if outcome.is_delivered() => Attempt::Ended(Ended::Delivered),
            Ok(Ok(())) => Attempt::Refused(outcome.missing()),
            Ok(Err(error)) => self.failed(object, Some(id.etag), &error),
            Err(_) => self.crashed(),
        }
    }

    async fn record(&self, standing: &Standing, outcome: &Outcome) {
        let advanced = outcome.lanes.iter().any(|lane| {
            let before = standing
                .lanes()
                .iter()
                .find(|before| before.output == lane.output);
            before.is_none_or(|before| before != lane)
        });
        if advanced {
            self.settings.ledger.record(standing, outcome).await;
        }
    }

    fn failed(&self, object: &ObjectRef, etag: Option<String>, error: &ReadError) -> Attempt {
        if error.is_transient() {
            Attempt::Failed(error.to_string())
        } else {
            Attempt::Ended(self.unreadable(object, etag, error.to_string()))
        }
    }

    fn crashed(&self) -> Attempt {
        if self.settings.intake.is_cancelled() {
            // It did not crash: it stopped before it came to this object.
            return Attempt::Ended(Ended::Release);
        }
        Attempt::Crashed
    }

    fn unreadable(&self, object: &ObjectRef, etag: Option<String>, problem: String) -> Ended {
        self.settings.tally.discarded_file();
        Ended::Unreadable(Fault {
            what: What::Object {
                bucket: object.bucket.clone(),
                key: object.key.clone(),
                etag: etag.or_else(|| object.etag.clone()),
            },
            problem,
        })
    }
}

/// The `Received …` line of the modules that read objects (the vendor's runbook).
pub(super) fn received(counts: &Counted) -> String {
    format!(
        "Received {} response(s), messages (fromSQS/generated): {}/{}, discarded files: {}, avg_time_per_source_message: {:.3} ms",
        counts.requests,
        counts.messages,
        counts.generated,
        counts.discarded_files,
        counts.mean_request_ms(),
    )
}
