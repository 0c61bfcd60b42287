//! Parsers: each takes one object at a time, reads it as it comes, and sends its events on in batches.
//!
//! Memory is bounded whatever the object: one chunk of its body, one window of decompressed bytes, one batch of the budget.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::compression::Decoder;
use super::fetch::{FetchError, Fetcher, ObjectBody};
use super::format::{Body, Extracted, Extractor, Format};
use super::ledger::{Ledger, Standing};
use crate::checkpoint::StoreError;
use crate::checkpoint::record::ObjectId;
use crate::delivery::{BatchBuilder, Budget, Outlet, Settlement, Unit};
use crate::event::{EventTime, Framing, LineFramer, PullingId, Tag};
use crate::source::Tally;
use crate::source::sqs::notification::ObjectRef;

/// What all parsers of one puller share.
pub struct ParserSettings {
    /// How the puller signs in the log.
    pub origin: Arc<str>,
    /// Where the jobs come from; outlives the parsers.
    pub jobs: async_channel::Receiver<Job>,
    /// What the objects are.
    pub format: Arc<dyn Format>,
    /// How far each was delivered before.
    pub ledger: Ledger,
    /// Where events go.
    pub outlet: Outlet,
    /// What bounds the memory.
    pub budget: Budget,
    /// This machine's name, for the records.
    pub hostname: String,
    /// The present cycle's pulling id.
    pub pulling_id: watch::Receiver<PullingId>,
    /// What is counted.
    pub tally: Arc<Tally>,
}

/// One object to be read.
#[derive(Debug)]
pub struct Job {
    /// Which.
    pub object: ObjectRef,
    /// Answered as soon as the object is open.
    pub reply: oneshot::Sender<Result<Reading, ReadError>>,
}

/// An object that is being read.
#[derive(Debug)]
pub struct Reading {
    /// Which content of the object it is.
    pub id: ObjectId,
    /// How it stood before.
    pub standing: Standing,
    /// When all that is read of it is delivered.
    pub settlement: Settlement,
    /// How the reading ended; an error of the channel means that the parser crashed.
    pub ended: oneshot::Receiver<Result<(), ReadError>>,
}

/// Why an object was not read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// S3 did not give it.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The checkpoint store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is in it cannot be read.
    #[error("{0}")]
    Content(String),
}

impl ReadError {
    /// Whether trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_transient(),
            Self::Store(_) => true,
            Self::Content(_) => false,
        }
    }
}

/// Reads jobs until `shutdown`; the object at hand is read to its end first. What is wrong with one is its job's answer.
/// `account` is the session's, for the tags.
pub async fn parse_jobs(
    settings: Arc<ParserSettings>,
    fetcher: Fetcher,
    account: &str,
    shutdown: &CancellationToken,
) {
    let mut parser = Parser {
        extractor: settings.format.extractor(account),
        framer: LineFramer::new(&settings.hostname, Framing::Line),
        fetcher,
        settings,
    };
    let jobs = parser.settings.jobs.clone();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {
                // Nobody will read what still waits: dropping it tells whoever sent it.
                while let Ok(job) = jobs.try_recv() {
                    drop(job);
                }
                return;
            }
            Ok(job) = jobs.recv() => parser.run(job).await,
        }
    }
}

struct Parser {
    settings: Arc<ParserSettings>,
    fetcher: Fetcher,
    extractor: Box<dyn Extractor>,
    framer: LineFramer,
}

impl Parser {
    async fn run(&mut self, job: Job) {
        let (body, id, standing) = match self.open(&job.object).await {
            Ok(opened) => opened,
            Err(error) => {
                // Whoever asked may be gone; then the answer interests nobody.
                let _ = job.reply.send(Err(error));
                return;
            }
        };
        let (lacking, starts) = lacking(&standing);
        let (unit, settlement) = Unit::open(lacking);
        let (end, ended) = oneshot::channel();
        let reading = Reading {
            id,
            standing,
            settlement,
            ended,
        };
        if job.reply.send(Ok(reading)).is_err() {
            return;
        }
        let result = if starts.is_empty() {
            Ok(())
        } else {
            self.read(&job.object, body, unit, starts).await
        };
        let _ = end.send(result);
    }

    async fn open(
        &self,
        object: &ObjectRef,
    ) -> Result<(ObjectBody, ObjectId, Standing), ReadError> {
        let body = self.fetcher.open(&object.bucket, &object.key).await?;
        // The tag of what S3 gives now, not of what was notified: the object may have been overwritten since.
        let etag = match body.etag() {
            "" => object.etag.clone().or_else(|| object.sequencer.clone()),
            etag => Some(etag.to_owned()),
        };
        let id = ObjectId {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            etag: etag.unwrap_or_default(),
        };
        let standing = self.settings.ledger.standing(&id).await?;
        Ok((body, id, standing))
    }

    async fn read(
        &mut self,
        object: &ObjectRef,
        mut body: ObjectBody,
        unit: Unit,
        starts: Vec<u64>,
    ) -> Result<(), ReadError> {
        self.extractor.begin(object);
        let mut sending = Sending {
            settings: &self.settings,
            framer: &mut self.framer,
            unit: &unit,
            default_time: object.event_time.unwrap_or_else(EventTime::now),
            starts,
            batch: None,
            pulling_id: self.settings.pulling_id.borrow().clone(),
            begun_at: 0,
            next: 0,
            dropped: 0,
        };
        let result = cut(self.extractor.as_mut(), &mut body, &mut sending).await;
        // What came before a fault is as good as any other event.
        sending.flush().await;
        let records = sending.next;
        let cut_records = self.extractor.take_cut_records();
        if cut_records > 0 {
            warn!(
                origin = %self.settings.origin,
                "{cut_records} record(s) of s3://{}/{} were longer than max_event_bytes and were cut",
                object.bucket,
                object.key,
            );
        }
        if result.is_ok() {
            unit.seal(records);
        }
        result
    }
}

/// The outputs that lack something of the object, with where each starts; and those places in ascending order.
fn lacking(standing: &Standing) -> (Vec<(crate::delivery::OutputId, u64)>, Vec<u64>) {
    let lacking: Vec<_> = standing
        .lanes()
        .iter()
        .filter(|lane| !lane.complete)
        .map(|lane| (lane.output, lane.position))
        .collect();
    let mut starts: Vec<u64> = lacking.iter().map(|(_, start)| *start).collect();
    starts.sort_unstable();
    starts.dedup();
    (lacking, starts)
}

/// Reads the body to its end and hands every record to `sending`.
async fn cut(
    extractor: &mut dyn Extractor,
    body: &mut ObjectBody,
    sending: &mut Sending<'_>,
) -> Result<(), ReadError> {
    let mut decoder = Decoder::new();
    loop {
        let chunk = body.chunk().await?;
        let mut input = chunk.as_deref().unwrap_or_default();
        loop {
            let room = extractor.window().room();
            let progress = decoder
                .decode(input, room)
                .map_err(|error| ReadError::Content(error.to_string()))?;
            extractor.window().commit(progress.produced);
            input = input.get(progress.consumed..).unwrap_or_default();
            while let Some(record) = extractor.next().map_err(ReadError::Content)? {
                sending.take(record).await;
            }
            if input.is_empty() && progress.produced == 0 {
                break;
            }
            // A small object can decompress to a very large one: others get their turn in between.
            tokio::task::consume_budget().await;
        }
        if chunk.is_none() {
            break;
        }
    }
    decoder
        .finish()
        .map_err(|error| ReadError::Content(error.to_string()))?;
    extractor.end();
    while let Some(record) = extractor.next().map_err(ReadError::Content)? {
        sending.take(record).await;
    }
    extractor.finish().map_err(ReadError::Content)
}

/// One object's events on their way into batches.
struct Sending<'a> {
    settings: &'a ParserSettings,
    framer: &'a mut LineFramer,
    unit: &'a Unit,
    default_time: EventTime,
    /// Where the outputs that lack something start, ascending; what lies before the first is known to all.
    starts: Vec<u64>,
    batch: Option<BatchBuilder>,
    /// The id of the cycle in which the present batch was begun.
    pulling_id: PullingId,
    /// The record that the present batch begins with.
    begun_at: u64,
    /// The index of the next record.
    next: u64,
    dropped: u64,
}

impl Sending<'_> {
    async fn take(&mut self, record: Extracted<'_>) {
        let index = self.next;
        if self.starts.first().is_some_and(|first| index < *first) {
            self.settings.tally.duplicated(1);
            self.next += 1;
            self.begun_at = self.next;
            return;
        }
        if self.starts.contains(&index) {
            // A batch goes to an output whole or not at all, so none may reach across a place where one starts.
            self.flush().await;
        }
        match record {
            Extracted::Dropped => self.dropped += 1,
            Extracted::Event { tag, time, body } => {
                self.event(tag, time.unwrap_or(self.default_time), body)
                    .await;
            }
        }
        self.next += 1;
    }

    async fn event(&mut self, tag: &Tag, time: EventTime, body: Body<'_>) {
        let bytes = body.byte_count() + tag.as_str().len() + LineFramer::OVERHEAD_BYTES;
        if self.batch.as_ref().is_some_and(|batch| !batch.fits(bytes)) {
            self.flush().await;
        }
        if self.batch.is_none() {
            self.batch = Some(BatchBuilder::start(&self.settings.budget, bytes).await);
            self.pulling_id = self.settings.pulling_id.borrow().clone();
        }
        let Some(batch) = &mut self.batch else { return };
        let pulling_id = &self.pulling_id;
        let framer = &mut *self.framer;
        batch.push(|buffer| match body {
            Body::Object(object) => match pulling_id.parts(object) {
                Ok(parts) => framer.append(buffer, time, tag, &parts),
                // The extractor gives objects only; anything else would still go out, as it is.
                Err(_) => framer.append(buffer, time, tag, &[object]),
            },
            Body::Line(line) => framer.append(buffer, time, tag, &[line]),
        });
    }

    /// Sends the present batch, and takes care that records without an event leave no hole.
    async fn flush(&mut self) {
        let range = self.begun_at..self.next;
        self.begun_at = self.next;
        self.settings
            .tally
            .dropped(std::mem::take(&mut self.dropped));
        match self.batch.take() {
            Some(batch) => {
                let batch = batch.finish();
                self.settings.tally.generated(batch.events() as u64);
                self.settings.outlet.send(self.unit, range, batch).await;
            }
            None if range.is_empty() => {}
            None => {
                for receipt in self.unit.issue(&range) {
                    receipt.confirm();
                }
            }
        }
    }
}
