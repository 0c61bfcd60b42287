//! The store on disk: sled, kept within the rules that make it trustworthy.
//!
//! - `thread`: one OS thread owns the database; group commit; a panic or an error of the engine is the end of the store.
//! - `engine`: every call into sled. A commit is one transaction, a blocking flush, and an fsync of our own.
//! - `sentinel`: the row that tells a whole database from one that lost its data.
//! - `layout`: the directory, its lock, and how a database is put in another's place.
//! - `open`: what is done about a damaged database.
//!
//! Never here: sled's `flush_async` (it hangs under concurrency), or a call of sled on a runtime's thread.

mod engine;
mod layout;
mod open;
mod recovery;
mod sentinel;
mod thread;

pub use engine::RowsMissing;
pub use open::OpenError;
pub use recovery::Recovery;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::export::Exported;
use super::key::{Key, Prefix};
use super::store::{Batch, CheckpointStore, Row, StoreError};
use engine::Counters;
use thread::Client;

/// How often a directory that is locked is tried again.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// How the store on disk is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SledOptions {
    /// Commits are refused while the file system has fewer bytes free than this.
    pub min_free_bytes: u64,
    /// How long to wait for the directory's lock: a former self may be on its way out.
    pub lock_patience: Duration,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            // A few of sled's 512 KiB segments and a snapshot.
            min_free_bytes: 8 * 1024 * 1024,
            lock_patience: Duration::from_secs(3),
        }
    }
}

/// What a store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SledStats {
    /// Batches committed.
    pub batches: u64,
    /// Transactions, and so fsyncs, that it took.
    pub groups: u64,
}

/// A [`CheckpointStore`] on disk. Clones share one database; it is closed by [`SledStore::close`], or with the last clone.
#[derive(Clone)]
pub struct SledStore {
    client: Client,
    counters: Arc<Counters>,
    directory: PathBuf,
}

impl SledStore {
    /// Opens the store in `directory`, creating or repairing it if need be. The directory is the store's alone.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(
        directory: &Path,
        options: SledOptions,
    ) -> Result<(Self, Recovery), OpenError> {
        let deadline = Instant::now() + options.lock_patience;
        loop {
            match Self::try_open(directory, options.clone()).await {
                Err(OpenError::Locked { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(LOCK_POLL).await;
                }
                result => return result,
            }
        }
    }

    async fn try_open(
        directory: &Path,
        options: SledOptions,
    ) -> Result<(Self, Recovery), OpenError> {
        let counters = Arc::<Counters>::default();
        let (client, opened) = {
            let (directory, counters) = (directory.to_owned(), counters.clone());
            thread::spawn(move || open::open(&directory, &options, counters))
        }
        .map_err(OpenError::Thread)?;
        let Ok(recovery) = opened.await else {
            return Err(OpenError::Engine {
                path: directory.to_owned(),
                reason: client.ended().await.to_string(),
            });
        };
        let store = Self {
            client,
            counters,
            directory: directory.to_owned(),
        };
        Ok((store, recovery?))
    }

    /// Closes the database behind what was asked for before, and waits until its lock is free.
    pub async fn close(&self) {
        self.client.close().await;
    }

    /// Waits for the end of the store; the error says what ended it.
    pub async fn ended(&self) -> StoreError {
        self.client.ended().await
    }

    /// Where this store's exports are written, and restored from.
    #[must_use]
    pub fn export_path(&self) -> PathBuf {
        layout::export_path(&self.directory)
    }

    /// What the store has done since it was opened.
    #[must_use]
    pub fn stats(&self) -> SledStats {
        SledStats {
            batches: self.counters.batches.load(Ordering::Relaxed),
            groups: self.counters.groups.load(Ordering::Relaxed),
        }
    }
}

impl CheckpointStore for SledStore {
    fn load(&self, key: Key) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.client.load(key).boxed()
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        self.client.commit(batch).boxed()
    }

    fn scan_prefix(
        &self,
        prefix: Prefix,
        after: Option<Key>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        self.client.scan(prefix, after, limit).boxed()
    }

    fn export(&self, path: PathBuf) -> BoxFuture<'_, Result<Exported, StoreError>> {
        self.client.export(path).boxed()
    }
}

#[cfg(test)]
mod tests;
