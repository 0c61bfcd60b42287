//! Outputs: a pool of senders each, which take deliveries from the output's queue and owe a confirmation for every one.
//!
//! What an output is (a syslog receiver, a file, the screen, a program's own) stands behind [`Sink`]; the loop that connects,
//! writes, confirms and sends again is the same for all of them, in `sender`.

mod availability;
mod console;
mod file;
mod lane;
mod pool;
mod reconnect;
mod sender;
mod syslog;

use std::borrow::Cow;
use std::io;

use futures::future::BoxFuture;
use thiserror::Error;
use tokio::time::Instant;

use crate::delivery::Batch;
use crate::wire::{ConnectError, TlsError};

pub use console::{Console, Stream};
pub use file::File;
pub use pool::{Pool, PoolSettings};
pub use reconnect::Reconnect;
pub use syslog::{Confirm, LineFraming, Syslog};

/// What part of a record a local output writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The whole record, as it would go on the wire.
    #[default]
    Line,
    /// The message alone, one a line.
    Message,
}

impl Form {
    fn render(self, batch: &Batch) -> Cow<'_, [u8]> {
        match self {
            Self::Line => Cow::Borrowed(batch.bytes()),
            Self::Message => {
                let mut bytes = Vec::with_capacity(batch.bytes().len());
                for message in batch.messages() {
                    bytes.extend_from_slice(message);
                    bytes.push(b'\n');
                }
                Cow::Owned(bytes)
            }
        }
    }
}

/// Why an output does not work at the moment. Senders retry for ever, so none of these ends anything.
#[derive(Debug, Error)]
pub enum SinkError {
    /// The receiver cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// TLS cannot be set up with the files given.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Writing failed.
    #[error("{target}: {source}")]
    Io {
        /// What was written to.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// Whatever a program's own sink has to say.
    #[error("{0}")]
    Other(String),
}

/// Something that events can be written to.
pub trait Sink: Send + Sync + 'static {
    /// The kind of sender, as the operator's log names it, `DevoSender` for example.
    fn sender_kind(&self) -> &'static str;

    /// What the log says of a new sender, as members of a JSON object; never a secret.
    fn describe(&self) -> serde_json::Map<String, serde_json::Value>;

    /// Opens a connection, a file, whatever the sink writes to.
    fn open(&self) -> BoxFuture<'_, Result<Opened, SinkError>>;
}

/// An open connection, in the parts that are used at the same time.
pub struct Opened {
    /// Takes batches.
    pub writer: Box<dyn Writer>,
    /// Knows which of them have arrived.
    pub confirmer: Box<dyn Confirmer>,
    /// Resolves, with the reason, when nothing can be written any more. Never for a sink that has no other end.
    pub ended: BoxFuture<'static, String>,
    /// The idle time after which the other end may have hung up unnoticed, so that a new connection must be opened before
    /// the next write; `None` where there is no such limit.
    pub stale_after: Option<std::time::Duration>,
}

/// The writing part of an open connection.
pub trait Writer: Send {
    /// Writes the whole batch. After an error, or when the future is dropped, the connection is of no use any more.
    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), SinkError>>;

    /// Ends the connection in order.
    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), SinkError>>;
}

/// The confirming part of an open connection. Writes are confirmed in the order in which they were made.
pub trait Confirmer: Send {
    /// One more batch has been written whole.
    fn wrote(&mut self);

    /// How many of the oldest unconfirmed batches are confirmed by now.
    ///
    /// # Errors
    /// The connection is gone: nothing more will be confirmed on it.
    fn confirmed(&mut self, now: Instant) -> Result<usize, SinkError>;

    /// When it is worth asking again; `None` while nothing is unconfirmed.
    fn ask_again(&self, now: Instant) -> Option<Instant>;

    /// A number that grows while the other end takes what it is sent: when it stands still for too long, although something
    /// is waiting, the connection is given up.
    fn progress(&self) -> u64;
}

/// The confirmer of a sink for which a finished write is as much as can be known.
#[derive(Debug, Default)]
pub struct ConfirmWritten {
    unconfirmed: usize,
    written: u64,
}

impl Confirmer for ConfirmWritten {
    fn wrote(&mut self) {
        self.unconfirmed += 1;
        self.written += 1;
    }

    fn confirmed(&mut self, _now: Instant) -> Result<usize, SinkError> {
        Ok(std::mem::take(&mut self.unconfirmed))
    }

    fn ask_again(&self, now: Instant) -> Option<Instant> {
        (self.unconfirmed > 0).then_some(now)
    }

    fn progress(&self) -> u64 {
        self.written
    }
}
