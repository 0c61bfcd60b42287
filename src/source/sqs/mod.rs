//! Everything that is fed by SQS: the queue and its calls, the messages in work with their visibility, batched deletes, and the
//! consumer that drives a [`Handler`].
//!
//! What a message means is the handler's matter; what the notifications of S3 look like is in [`notification`].

mod consumer;
mod deletes;
mod held;
pub mod inline;
pub mod notification;
mod queue;
mod source;

use futures::future::BoxFuture;
use thiserror::Error;

use crate::checkpoint::record::{ObjectId, Quarantined};

pub use consumer::{Consumer, ConsumerSettings, Place};
pub use queue::{Attributes, BATCH, Message, Queue};
pub use source::{QueueSettings, QueueSource};

/// What is to become of a message.
#[derive(Debug)]
pub enum Verdict {
    /// Everything in it is delivered and checkpointed: delete it.
    Delivered,
    /// Something in it cannot be read: leave it to the queue's redrive policy.
    Unreadable(Vec<Fault>),
    /// Not done, and nobody's fault: make it visible again.
    Release,
}

/// Something that cannot be read, for the log, the statistics and the quarantine.
#[derive(Clone, Debug, Error)]
#[error("{what}: {problem}")]
pub struct Fault {
    /// The object, or the message itself.
    pub what: What,
    /// Why it cannot be read.
    pub problem: String,
}

impl Fault {
    /// The entry in the quarantine for what `message` named, or for the message itself.
    #[must_use]
    pub fn quarantined(&self, message: &Message) -> Quarantined {
        let object = match &self.what {
            What::Object { bucket, key, etag } => ObjectId {
                bucket: bucket.clone(),
                key: key.clone(),
                etag: etag.clone().unwrap_or_default(),
            },
            // A message without an object is known by its own id.
            What::Message => ObjectId {
                bucket: String::new(),
                key: message.id.clone(),
                etag: String::new(),
            },
        };
        Quarantined {
            object,
            reason: self.problem.clone(),
            receive_count: message.receive_count,
            message_id: message.id.clone(),
            at_unix_ms: jiff::Timestamp::now().as_millisecond(),
        }
    }
}

/// What a fault is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The message itself.
    Message,
    /// An object.
    Object {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
        /// Its eTag, if it could be found out.
        etag: Option<String>,
    },
}

impl std::fmt::Display for What {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message => formatter.write_str("message"),
            Self::Object { bucket, key, .. } => write!(formatter, "s3://{bucket}/{key}"),
        }
    }
}

/// What is done with the messages of a queue.
pub trait Handler: Send + Sync + 'static {
    /// Whether all messages of one receive are handled together. A FIFO queue keeps the order of a message group only within
    /// a receive, and gives no more of the group until those are deleted.
    fn takes_all_together(&self) -> bool {
        false
    }

    /// A pull cycle begins.
    fn cycle_begins(&self) {}

    /// Does all that `messages` ask for and says of each what is to become of it, in their order.
    ///
    /// `place` is their place among those whose reading has not begun or is under way; dropping it lets the next messages be
    /// received, so it should be dropped when only confirmations are waited for.
    fn handle<'a>(&'a self, messages: &'a [Message], place: Place) -> BoxFuture<'a, Vec<Verdict>>;

    /// Keeps the coordinates of what could not be read, durably, before the message is deleted.
    ///
    /// # Errors
    /// They could not be kept: the message is not deleted then.
    fn quarantine<'a>(
        &'a self,
        message: &'a Message,
        faults: &'a [Fault],
    ) -> BoxFuture<'a, Result<(), super::SourceError>>;

    /// The module's own `Received …` line.
    fn received(&self, counts: &super::Counted) -> String;
}
