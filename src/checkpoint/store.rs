//! What every checkpoint store can do, and how it can fail.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::envelope::{EncodeError, encode};
use super::export::{ExportError, Exported};
use super::key::{Key, KeyError, Prefix};
use super::record::Record;

/// A row as it is stored: its key, and its value in its envelope.
pub type Row = (Key, Vec<u8>);

/// The rows that say how far everything was delivered.
///
/// Dropping a future of this trait takes nothing back: a commit that was under way may still happen.
pub trait CheckpointStore: Send + Sync + 'static {
    /// The value under a key.
    fn load(&self, key: Key) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Applies a batch, all of it or nothing. `Ok` only when it would survive a loss of power.
    ///
    /// After an error the batch may have been applied or not; a batch can be committed again without harm.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Up to `limit` rows of a range in key order, those after `after`; an empty answer is the end of the range.
    fn scan_prefix(
        &self,
        prefix: Prefix,
        after: Option<Key>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// Writes all rows to a file that needs no engine to read, replacing it as a whole; see [`export`](super::export).
    fn export(&self, path: PathBuf) -> BoxFuture<'_, Result<Exported, StoreError>>;
}

/// Changes that happen together. Of several changes of one key the last one holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<(Key, Option<Vec<u8>>)>,
}

impl Batch {
    /// A batch that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a record under a key.
    ///
    /// # Errors
    /// [`EncodeError`] when the record is too large for a row; the batch is unchanged.
    pub fn put<R: Record>(&mut self, key: Key, record: &R) -> Result<(), EncodeError> {
        self.changes.push((key, Some(encode(record)?)));
        Ok(())
    }

    /// Writes a value that is in its envelope already, and so within its limits.
    pub(super) fn put_raw(&mut self, key: Key, value: Vec<u8>) {
        self.changes.push((key, Some(value)));
    }

    /// Removes the row under a key, if there is one.
    pub fn delete(&mut self, key: Key) {
        self.changes.push((key, None));
    }

    /// How many changes were asked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether the batch changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes in the order they were asked for; `None` removes the row.
    pub fn into_changes(self) -> impl Iterator<Item = (Key, Option<Vec<u8>>)> {
        self.changes.into_iter()
    }
}

/// Why a store could not do what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is no more; its supervisor opens it again. A commit under way may have been applied.
    #[error("the checkpoint store has ended: {reason}")]
    Ended {
        /// What ended it.
        reason: Arc<str>,
    },
    /// The program is shutting down, and the store is closed for good.
    #[error("the checkpoint store is closed: the collector is shutting down")]
    Stopped,
    /// The disk is nearly full; nothing was written.
    #[error(
        "no room for checkpoints in {}: {available_bytes} bytes free, {needed_bytes} needed; free some space, or move the directory",
        directory.display()
    )]
    NoSpace {
        /// The store's directory.
        directory: PathBuf,
        /// What the file system has left for us.
        available_bytes: u64,
        /// What must be left before anything is written.
        needed_bytes: u64,
    },
    /// A row that this program did not write.
    #[error("the checkpoint store holds a row with the key {key_hex}: {source}")]
    ForeignRow {
        /// The key's bytes in hexadecimal.
        key_hex: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The export could not be written.
    #[error(transparent)]
    Export(Arc<ExportError>),
}

impl From<ExportError> for StoreError {
    fn from(error: ExportError) -> Self {
        Self::Export(Arc::new(error))
    }
}
