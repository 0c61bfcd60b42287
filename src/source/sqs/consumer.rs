//! The consumer of a queue: receives as much as can be read, hands each message to the handler, and acts on its verdict.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::held::{HeldMessages, Hold};
use super::queue::{BATCH, Message, Queue};
use super::{Fault, Handler, Verdict, What, deletes};
use crate::session::CallError;
use crate::source::Tally;

/// The most messages in work at once; SQS itself allows 120,000 in flight.
const MOST_IN_WORK: usize = 5_000;

/// From this size of all their bodies together no more are received: messages can be as large as 1 MiB.
const MOST_BODY_BYTES: usize = 32 << 20;

/// How long a receive that is under way may go on when the intake closes. A message that SQS has already picked would stay
/// invisible for its whole timeout if the answer were thrown away.
const LAST_RECEIVE: Duration = Duration::from_secs(2);

/// The wait after a receive that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The place of messages among those that are being read. The next messages are received when places are free.
#[derive(Debug)]
pub struct Place(#[allow(dead_code, reason = "held, never read")] Vec<OwnedSemaphorePermit>);

/// How one queue is consumed.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// How the puller signs in the log.
    pub origin: Arc<str>,
    /// How long a message stays invisible with each receive and extension.
    pub visibility: Duration,
    /// After so many receives, a message that cannot be read is quarantined, if the queue has no redrive policy.
    pub max_receive_count: u32,
    /// Whether the queue has a redrive policy.
    pub has_redrive_policy: bool,
    /// How many messages may be read at once.
    pub reading: usize,
}

type Receiving = BoxFuture<'static, Result<(Vec<Message>, Vec<OwnedSemaphorePermit>), CallError>>;

/// Messages that are handled together, with their holds and places.
#[derive(Default)]
struct Group {
    messages: Vec<Message>,
    holds: Vec<Hold>,
    places: Vec<OwnedSemaphorePermit>,
}

impl Group {
    fn push(&mut self, message: Message, hold: Hold, place: OwnedSemaphorePermit) {
        self.messages.push(message);
        self.holds.push(hold);
        self.places.push(place);
    }
}

/// Everything a message's task needs.
struct Work<H> {
    queue: Queue,
    settings: ConsumerSettings,
    handler: Arc<H>,
    delivered: mpsc::Sender<Hold>,
    tally: Arc<Tally>,
    /// The size of the bodies of all messages in work.
    body_bytes: AtomicUsize,
}

/// The bodies of one group of messages, counted as long as the group is in work.
struct BodyBytes<'a> {
    all: &'a AtomicUsize,
    bytes: usize,
}

impl<'a> BodyBytes<'a> {
    fn new(all: &'a AtomicUsize, messages: &[Message]) -> Self {
        let bytes = messages.iter().map(|message| message.body.len()).sum();
        all.fetch_add(bytes, Ordering::Relaxed);
        Self { all, bytes }
    }
}

impl Drop for BodyBytes<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// One queue's consumer. What it has in work is given up when it is dropped.
pub struct Consumer<H> {
    work: Arc<Work<H>>,
    held: HeldMessages,
    places: Arc<Semaphore>,
    in_work: JoinSet<Vec<Hold>>,
    to_release: Vec<Hold>,
    receiving: Option<Receiving>,
    background: JoinSet<()>,
}

impl<H: Handler> Consumer<H> {
    /// A consumer of `queue`; the heartbeat and the deletes begin at once.
    #[must_use]
    pub fn new(
        queue: Queue,
        settings: ConsumerSettings,
        handler: Arc<H>,
        tally: Arc<Tally>,
    ) -> Self {
        let held = HeldMessages::new(Arc::clone(&settings.origin), settings.visibility);
        let (delivered, deletable) = mpsc::channel(MOST_IN_WORK);
        let mut background = JoinSet::new();
        background.spawn(held.clone().heartbeat(queue.clone()));
        background.spawn(deletes::run(
            Arc::clone(&settings.origin),
            queue.clone(),
            deletable,
        ));
        // One batch more than can be read, so that reading never waits for a receive.
        let places = Arc::new(Semaphore::new(settings.reading + BATCH));
        Self {
            work: Arc::new(Work {
                queue,
                settings,
                handler,
                delivered,
                tally,
                body_bytes: AtomicUsize::new(0),
            }),
            held,
            places,
            in_work: JoinSet::new(),
            to_release: Vec::new(),
            receiving: None,
            background,
        }
    }

    /// Consumes until `until`, or until the intake closes.
    pub async fn consume(&mut self, until: Instant, intake: &CancellationToken) {
        self.work.handler.cycle_begins();
        loop {
            let may_receive = self.held.len() + BATCH <= MOST_IN_WORK
                && self.work.body_bytes.load(Ordering::Relaxed) < MOST_BODY_BYTES;
            if self.receiving.is_none() && may_receive {
                self.receiving = Some(self.receive());
            }
            let receiving = async {
                match &mut self.receiving {
                    Some(receiving) => receiving.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = intake.cancelled() => return,
                () = sleep_until(until) => return,
                Some(ended) = self.in_work.join_next() => self.ended(ended),
                received = receiving => {
                    self.receiving = None;
                    self.received(received);
                }
            }
        }
    }

    /// Waits for a free place, then receives as many messages as there are places.
    fn receive(&self) -> Receiving {
        let places = Arc::clone(&self.places);
        let work = Arc::clone(&self.work);
        let held = self.held.clone();
        async move {
            let mut taken = Vec::with_capacity(BATCH);
            // The semaphore is never closed.
            if let Ok(place) = Arc::clone(&places).acquire_owned().await {
                taken.push(place);
            }
            while taken.len() < BATCH
                && let Ok(place) = Arc::clone(&places).try_acquire_owned()
            {
                taken.push(place);
            }
            let started = Instant::now();
            let answer = work
                .queue
                .receive(taken.len(), work.settings.visibility, held.len() > 0)
                .await;
            match answer {
                Ok(messages) => {
                    work.tally.request(started.elapsed());
                    work.tally.messages(messages.len());
                    Ok((messages, taken))
                }
                Err(error) => {
                    warn!(origin = %work.settings.origin, "{error}");
                    tokio::time::sleep(AFTER_FAILURE).await;
                    Err(error)
                }
            }
        }
        .boxed()
    }

    fn received(&mut self, received: Result<(Vec<Message>, Vec<OwnedSemaphorePermit>), CallError>) {
        // A failure has been logged where it happened.
        let Ok((messages, places)) = received else {
            return;
        };
        let mut together = Group::default();
        for (message, place) in messages.into_iter().zip(places) {
            let Some(hold) = self.held.hold(&message) else {
                continue;
            };
            together.push(message, hold, place);
            if !self.work.handler.takes_all_together() {
                self.begin(std::mem::take(&mut together));
            }
        }
        if !together.messages.is_empty() {
            self.begin(together);
        }
    }

    fn begin(&mut self, group: Group) {
        self.in_work.spawn(Arc::clone(&self.work).handle(group));
    }

    fn ended(&mut self, ended: Result<Vec<Hold>, tokio::task::JoinError>) {
        match ended {
            Ok(holds) => self.to_release.extend(holds),
            // The message's hold went with the task: it becomes visible again by itself.
            Err(error) => error!(
                origin = %self.work.settings.origin,
                "Handling a message failed: {error}; the message will be read again"
            ),
        }
    }

    /// Ends consuming: what is in work is finished until `deadline`, what was not begun or not finished goes back to the queue,
    /// deletes are carried out.
    pub async fn drain(mut self, deadline: Instant) {
        if let Some(receiving) = self.receiving.take()
            && let Ok(Ok((messages, _))) = timeout(LAST_RECEIVE, receiving).await
        {
            let held = messages
                .iter()
                .filter_map(|message| self.held.hold(message));
            self.to_release.extend(held);
        }
        while let Ok(Some(ended)) = timeout_at(deadline, self.in_work.join_next()).await {
            self.ended(ended);
        }
        self.release().await;
        // With the last sender gone the deletes end by themselves; the heartbeat does not.
        let Self {
            work,
            mut background,
            ..
        } = self;
        drop(work);
        background.join_next().await;
    }

    async fn release(&mut self) {
        let mut handles: Vec<String> = self
            .to_release
            .drain(..)
            .map(|hold| hold.handle())
            .collect();
        if !self.in_work.is_empty() {
            handles.extend(self.held.handles());
            self.in_work.shutdown().await;
        }
        if handles.is_empty() {
            return;
        }
        let origin = &self.work.settings.origin;
        info!(origin = %origin, "Giving {} message(s) that are not delivered back to the queue", handles.len());
        for batch in handles.chunks(BATCH) {
            let queue = &self.work.queue;
            if let Err(error) = queue.set_visibility(batch, Duration::ZERO).await {
                warn!(origin = %origin, "{error}; the messages become visible again by themselves");
            }
        }
    }
}

impl<H: Handler> Work<H> {
    /// Handles messages; returns the holds of those that are to be released.
    async fn handle(self: Arc<Self>, group: Group) -> Vec<Hold> {
        let Group {
            messages,
            holds,
            places,
        } = group;
        let _body_bytes = BodyBytes::new(&self.body_bytes, &messages);
        let verdicts = self.handler.handle(&messages, Place(places)).await;
        let mut released = Vec::new();
        for ((message, hold), verdict) in messages.iter().zip(holds).zip(verdicts) {
            match verdict {
                Verdict::Delivered => self.delete(hold).await,
                Verdict::Release => released.push(hold),
                Verdict::Unreadable(faults) => self.unreadable(message, &faults, hold).await,
            }
        }
        released
    }

    async fn delete(&self, hold: Hold) {
        // The deletes end only after the last sender, which is ours.
        let _ = self.delivered.send(hold).await;
    }

    async fn unreadable(&self, message: &Message, faults: &[Fault], hold: Hold) {
        let origin = &self.settings.origin;
        let received = message.receive_count;
        for fault in faults {
            let etag = match &fault.what {
                What::Object { etag, .. } => etag.as_deref().unwrap_or("-"),
                What::Message => "-",
            };
            warn!(
                origin = %origin,
                "Discarded {fault} (etag {etag}, message {}, received {received} time(s)); the message is left in the queue",
                message.id,
            );
        }
        if self.settings.has_redrive_policy || received < self.settings.max_receive_count {
            return;
        }
        match self.handler.quarantine(message, faults).await {
            Ok(()) => {
                warn!(
                    origin = %origin,
                    "Message {} could not be read {received} times and its queue has no redrive policy: \
                     its coordinates are in quarantine, the message is deleted",
                    message.id
                );
                self.delete(hold).await;
            }
            Err(error) => warn!(
                origin = %origin,
                "Message {} could not be put in quarantine: {error}; it is left in the queue",
                message.id
            ),
        }
    }
}
