//! SQS: the queues, their wakeups, and the handle by which tests create, fill and watch them. The wire protocol is in `api`.

mod api;
mod attributes;
mod batch;
mod error;
mod fifo;
mod message;
mod queue;
mod receipt;
mod receive;
mod stats;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::{sync::watch, time::Instant};

use crate::{clock::Clock, options::Site, sync::lock};
use attributes::Attributes;
use queue::{Queue, Sent};

pub use error::SqsError;
pub use message::{MessageAttribute, Outgoing};
pub use stats::{MessageView, QueueStats};

pub(crate) use api::resource;

/// The queues of the lab's account. A cheap handle: clones share them.
#[derive(Debug, Clone)]
pub struct Sqs {
    site: Arc<Site>,
    clock: Clock,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    queues: BTreeMap<String, Queue>,
    created: u64,
}

impl Sqs {
    pub(crate) fn new(site: Arc<Site>, clock: Clock) -> Self {
        Self {
            site,
            clock,
            state: Arc::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// Creates a queue, or finds it if it exists with the same attributes, and returns its URL. A name that ends in `.fifo` needs
    /// the attribute `FifoQueue` = `true`.
    ///
    /// # Errors
    /// As `CreateQueue`: [`SqsError::QueueNameExists`] and attributes out of range.
    pub fn create_queue<'a>(
        &self,
        name: &str,
        attributes: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Result<String, SqsError> {
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self.create(name, &attributes)
    }

    /// The `RedrivePolicy` attribute that sends messages to `dead_letter_queue` after `max_receive_count` receives.
    pub fn redrive(
        &self,
        dead_letter_queue: &str,
        max_receive_count: u32,
    ) -> (&'static str, String) {
        let policy = serde_json::json!({
            "deadLetterTargetArn": self.arn(dead_letter_queue),
            "maxReceiveCount": max_receive_count,
        });
        ("RedrivePolicy", policy.to_string())
    }

    /// The URL of a queue of that name.
    pub fn url(&self, name: &str) -> String {
        let Site {
            endpoint, account, ..
        } = &*self.site;
        format!("{endpoint}/{account}/{name}")
    }

    /// The ARN of a queue of that name.
    pub fn arn(&self, name: &str) -> String {
        let Site {
            region, account, ..
        } = &*self.site;
        format!("arn:aws:sqs:{region}:{account}:{name}")
    }

    /// Sends a message and returns its id.
    ///
    /// # Errors
    /// As `SendMessage`.
    pub fn send(&self, queue: &str, body: impl Into<String>) -> Result<String, SqsError> {
        Ok(self.send_message(queue, Outgoing::body(body))?.id)
    }

    /// Sends a message with attributes, delay or FIFO group and returns its id.
    ///
    /// # Errors
    /// As `SendMessage`.
    pub fn send_with(&self, queue: &str, outgoing: Outgoing) -> Result<String, SqsError> {
        Ok(self.send_message(queue, outgoing)?.id)
    }

    /// The counters of a queue.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn stats(&self, queue: &str) -> Result<QueueStats, SqsError> {
        self.with(queue, |queue, now| Ok(queue.stats(now)))
    }

    /// The messages in a queue, oldest first.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn messages(&self, queue: &str) -> Result<Vec<MessageView>, SqsError> {
        self.with(queue, |queue, now| Ok(queue.views(now)))
    }

    /// The names of all queues.
    pub fn queues(&self) -> Vec<String> {
        lock(&self.state).queues.keys().cloned().collect()
    }

    /// The names of the queues that are another's dead-letter queue.
    pub fn dead_letter_queues(&self) -> Vec<String> {
        let state = lock(&self.state);
        let targets = state.queues.values().filter_map(|queue| {
            let policy = queue.attributes.redrive.as_ref()?;
            state.queue_with_arn(&policy.dead_letter_target_arn)
        });
        let mut names: Vec<_> = targets.collect();
        names.sort();
        names.dedup();
        names
    }

    /// Drops all messages of a queue.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn purge(&self, queue: &str) -> Result<(), SqsError> {
        self.change(queue, |queue, _| {
            queue.purge();
            Ok(())
        })
    }

    /// Deletes a queue and its messages.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub fn delete_queue(&self, queue: &str) -> Result<(), SqsError> {
        let removed = lock(&self.state).queues.remove(queue);
        self.changed.send_replace(());
        removed.map(drop).ok_or(SqsError::QueueDoesNotExist)
    }

    /// Waits until the counters of a queue satisfy `condition`, and returns them. Wakes at every change, also at those that only
    /// time makes.
    ///
    /// # Errors
    /// [`SqsError::QueueDoesNotExist`].
    pub async fn until(
        &self,
        queue: &str,
        mut condition: impl FnMut(&QueueStats) -> bool,
    ) -> Result<QueueStats, SqsError> {
        let mut changed = self.changed.subscribe();
        loop {
            let (stats, next) = self.with(queue, |queue, now| {
                Ok((queue.stats(now), queue.next_change()))
            })?;
            if condition(&stats) {
                return Ok(stats);
            }
            receive::wait(&mut changed, next).await;
        }
    }

    /// Whether a queue with this ARN exists.
    pub(crate) fn has_arn(&self, arn: &str) -> bool {
        lock(&self.state).queue_with_arn(arn).is_some()
    }

    /// Sends to the queue with this ARN, if there is one.
    pub(crate) fn send_to_arn(&self, arn: &str, body: String) {
        let name = lock(&self.state).queue_with_arn(arn);
        if let Some(name) = name {
            // S3 does not report a failed notification either.
            let _ = self.send(&name, body);
        }
    }

    fn create(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, SqsError> {
        check_name(name)?;
        let mut state = lock(&self.state);
        if let Some(queue) = state.queues.get(name) {
            return match queue.attributes.conflict(attributes) {
                None => Ok(self.url(name)),
                Some(attribute) => Err(SqsError::QueueNameExists { attribute }),
            };
        }
        let attributes = Attributes::create(name, attributes)?;
        state.created += 1;
        let queue = Queue::new(state.created, self.arn(name), attributes, Instant::now());
        state.queues.insert(name.to_owned(), queue);
        drop(state);
        self.changed.send_replace(());
        Ok(self.url(name))
    }

    fn send_message(&self, queue: &str, outgoing: Outgoing) -> Result<Sent, SqsError> {
        self.change(queue, |queue, now| queue.send(outgoing, now))
    }

    /// Reads a queue.
    fn with<T>(
        &self,
        queue: &str,
        read: impl FnOnce(&mut Queue, Instant) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        read(lock(&self.state).get_mut(queue)?, Instant::now())
    }

    /// Changes a queue and wakes everyone who waits for a change.
    fn change<T>(
        &self,
        queue: &str,
        change: impl FnOnce(&mut Queue, Instant) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        let result = self.with(queue, change);
        self.changed.send_replace(());
        result
    }
}

impl State {
    fn get(&self, name: &str) -> Result<&Queue, SqsError> {
        self.queues.get(name).ok_or(SqsError::QueueDoesNotExist)
    }

    fn get_mut(&mut self, name: &str) -> Result<&mut Queue, SqsError> {
        self.queues.get_mut(name).ok_or(SqsError::QueueDoesNotExist)
    }

    fn queue_with_arn(&self, arn: &str) -> Option<String> {
        let name = arn.rsplit(':').next()?;
        let queue = self.queues.get(name)?;
        (queue.arn == arn).then(|| name.to_owned())
    }
}

fn check_name(name: &str) -> Result<(), SqsError> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=80).contains(&name.len()) && !stem.is_empty() && stem.bytes().all(allowed) {
        return Ok(());
    }
    Err(SqsError::InvalidParameterValue {
        value: name.to_owned(),
        parameter: "QueueName",
        reason:
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
                .to_owned(),
    })
}

#[cfg(test)]
mod tests;
