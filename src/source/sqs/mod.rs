//! Everything that is fed by SQS: the queue and its calls, the messages in work with their visibility, batched deletes, and the
//! consumer that drives a [`Handler`].
//!
//! What a message means is the handler's matter; what the notifications of S3 look like is in [`notification`].

mod consumer;
mod deletes;
mod held;
pub mod notification;
mod queue;

use futures::future::BoxFuture;
use thiserror::Error;

pub use consumer::{Consumer, ConsumerSettings, Place};
pub use queue::{Attributes, Message, Queue};

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
    /// Does all that `message` asks for and says what is to become of it.
    ///
    /// `place` is the message's place among those whose reading has not begun or is under way; dropping it lets the next
    /// message be received, so it should be dropped when only confirmations are waited for.
    fn handle<'a>(&'a self, message: &'a Message, place: Place) -> BoxFuture<'a, Verdict>;

    /// Keeps the coordinates of what could not be read, durably, before the message is deleted.
    ///
    /// # Errors
    /// They could not be kept: the message is not deleted then.
    fn quarantine<'a>(
        &'a self,
        message: &'a Message,
        faults: &'a [Fault],
    ) -> BoxFuture<'a, Result<(), super::SourceError>>;
}
