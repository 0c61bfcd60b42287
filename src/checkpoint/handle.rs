//! The handle that outlives the store: the same for its users while a supervisor ends one store and opens the next.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::export::Exported;
use super::key::{Key, Prefix};
use super::sled::Recovery;
use super::store::{Batch, CheckpointStore, Row, StoreError};

/// How often a commit is tried again while the disk is full.
const NO_SPACE_RETRY: Duration = Duration::from_secs(5);

/// A [`CheckpointStore`] that is whichever store is open now.
///
/// A call waits while there is none, and is made again on the next one if its store ends under it: a batch may be committed
/// twice without harm. A commit waits while the disk is full. So a call returns when it is done, when the collector shuts
/// down ([`StoreError::Stopped`]), or when its caller drops it; and nothing is reported committed that is not.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    slot: Arc<watch::Sender<Slot>>,
}

#[derive(Clone)]
enum Slot {
    Down,
    Open(Arc<dyn CheckpointStore>, Option<Recovery>),
    Stopped,
}

impl Slot {
    fn holds(&self, store: &Arc<dyn CheckpointStore>) -> bool {
        matches!(self, Self::Open(held, _) if Arc::ptr_eq(held, store))
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Down => "Down",
            Self::Open(..) => "Open",
            Self::Stopped => "Stopped",
        })
    }
}

/// What a [`StoreHandle`] leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreStatus {
    /// No store: not opened yet, or to be opened again. Calls wait.
    Down,
    /// A store, and how its opening went if it was on disk.
    Open(Option<Recovery>),
    /// None any more. Calls fail.
    Stopped,
}

impl Default for StoreHandle {
    fn default() -> Self {
        Self::new()
    }
}

impl StoreHandle {
    /// A handle to no store yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Slot::Down)
    }

    /// A handle to a store that needs no supervision, such as one in memory.
    #[must_use]
    pub fn serving(store: Arc<dyn CheckpointStore>) -> Self {
        Self::with(Slot::Open(store, None))
    }

    fn with(slot: Slot) -> Self {
        Self {
            slot: Arc::new(watch::Sender::new(slot)),
        }
    }

    /// Leads all calls to `store` until the guard is dropped.
    pub fn publish(
        &self,
        store: Arc<dyn CheckpointStore>,
        recovery: Option<Recovery>,
    ) -> Published {
        self.slot.send_replace(Slot::Open(store.clone(), recovery));
        Published {
            handle: self.clone(),
            store,
        }
    }

    /// Fails every call with [`StoreError::Stopped`], those that wait included, until a store is published again.
    pub fn stop(&self) {
        self.slot.send_replace(Slot::Stopped);
    }

    /// What the handle leads to.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        match &*self.slot.borrow() {
            Slot::Down => StoreStatus::Down,
            Slot::Open(_, recovery) => StoreStatus::Open(recovery.clone()),
            Slot::Stopped => StoreStatus::Stopped,
        }
    }

    /// Waits until there is a store.
    pub async fn opened(&self) {
        let mut slot = self.slot.subscribe();
        // The sender lives in this handle, so waiting cannot fail.
        let _ = slot.wait_for(|slot| matches!(slot, Slot::Open(..))).await;
    }

    async fn call<T>(
        &self,
        call: impl for<'a> Fn(&'a dyn CheckpointStore) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut slot = self.slot.subscribe();
        loop {
            let store = open_store(&mut slot).await?;
            match call(&*store).await {
                Err(error @ StoreError::Ended { .. }) => {
                    tracing::debug!(%error, "a checkpoint call waits for the store to be opened again");
                    // The sender lives in this handle, so waiting fails only when nobody is left to wait.
                    let _ = slot.wait_for(|slot| !slot.holds(&store)).await;
                }
                Err(error @ StoreError::NoSpace { .. }) => {
                    tracing::warn!(%error, "a checkpoint waits for space; nothing is confirmed meanwhile");
                    tokio::time::sleep(NO_SPACE_RETRY).await;
                }
                answer => return answer,
            }
        }
    }
}

async fn open_store(
    slot: &mut watch::Receiver<Slot>,
) -> Result<Arc<dyn CheckpointStore>, StoreError> {
    let slot = slot.wait_for(|slot| !matches!(slot, Slot::Down)).await;
    match slot.as_deref() {
        Ok(Slot::Open(store, _)) => Ok(store.clone()),
        _ => Err(StoreError::Stopped),
    }
}

impl CheckpointStore for StoreHandle {
    fn load(&self, key: Key) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        async move { self.call(|store| store.load(key.clone())).await }.boxed()
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.call(|store| store.commit(batch.clone())).await }.boxed()
    }

    fn scan_prefix(
        &self,
        prefix: Prefix,
        after: Option<Key>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        async move {
            self.call(|store| store.scan_prefix(prefix.clone(), after.clone(), limit))
                .await
        }
        .boxed()
    }

    fn export(&self, path: PathBuf) -> BoxFuture<'_, Result<Exported, StoreError>> {
        async move { self.call(|store| store.export(path.clone())).await }.boxed()
    }
}

/// Keeps a store published. Dropped, also by a kill, it takes the store down and the handle's callers wait.
#[must_use = "the store is taken down when this is dropped"]
pub struct Published {
    handle: StoreHandle,
    store: Arc<dyn CheckpointStore>,
}

impl Drop for Published {
    fn drop(&mut self) {
        self.handle.slot.send_if_modified(|slot| {
            let ours = slot.holds(&self.store);
            if ours {
                *slot = Slot::Down;
            }
            ours
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::conformance::{self, key, value};
    use super::super::faulty::{Fault, FaultyStore};
    use super::super::memory::MemoryStore;
    use super::*;

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.put_raw(key(b"s", 0), value(0));
        batch
    }

    #[tokio::test]
    async fn a_handle_is_as_good_as_its_store() {
        conformance::run(async || {
            let handle = StoreHandle::serving(Arc::new(MemoryStore::new()));
            (Arc::new(handle) as Arc<dyn CheckpointStore>, ())
        })
        .await;
    }

    #[tokio::test]
    async fn a_call_waits_until_a_store_is_published() {
        let handle = StoreHandle::new();
        let commit = handle.commit(batch());
        tokio::pin!(commit);
        assert!(futures::poll!(&mut commit).is_pending());
        let store = Arc::new(MemoryStore::new());
        let _published = handle.publish(store.clone(), None);
        commit.await.unwrap();
        assert_eq!(store.load(key(b"s", 0)).await.unwrap(), Some(value(0)));
    }

    #[tokio::test]
    async fn a_commit_whose_store_ends_is_made_on_the_next_one() {
        for fault in [Fault::Refused, Fault::AnswerLost] {
            let rows = Arc::new(MemoryStore::new());
            let handle = StoreHandle::new();
            let ending = Arc::new(FaultyStore::scripted(rows.clone(), [fault]));
            let published = handle.publish(ending, None);
            let commit = handle.commit(batch());
            tokio::pin!(commit);
            assert!(futures::poll!(&mut commit).is_pending());
            drop(published);
            assert_eq!(handle.status(), StoreStatus::Down);
            assert!(futures::poll!(&mut commit).is_pending());
            let _published = handle.publish(rows.clone(), None);
            commit.await.unwrap();
            assert_eq!(rows.load(key(b"s", 0)).await.unwrap(), Some(value(0)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_commit_waits_while_the_disk_is_full() {
        let rows = Arc::new(MemoryStore::new());
        let full = FaultyStore::scripted(rows.clone(), [Fault::NoSpace, Fault::NoSpace]);
        let handle = StoreHandle::serving(Arc::new(full));
        let before = tokio::time::Instant::now();
        handle.commit(batch()).await.unwrap();
        assert_eq!(before.elapsed(), 2 * NO_SPACE_RETRY);
        assert_eq!(rows.load(key(b"s", 0)).await.unwrap(), Some(value(0)));
    }

    #[tokio::test]
    async fn calls_fail_once_the_store_is_stopped() {
        let handle = StoreHandle::new();
        let store = Arc::new(FaultyStore::scripted(
            Arc::new(MemoryStore::new()),
            [Fault::Refused],
        ));
        let _published = handle.publish(store, None);
        let waiting = handle.commit(batch());
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        handle.stop();
        assert!(matches!(waiting.await, Err(StoreError::Stopped)));
        assert!(matches!(
            handle.load(key(b"s", 0)).await,
            Err(StoreError::Stopped)
        ));
    }

    #[tokio::test]
    async fn the_guard_of_an_earlier_store_leaves_a_later_one_alone() {
        let handle = StoreHandle::new();
        let earlier = handle.publish(Arc::new(MemoryStore::new()), None);
        let _later = handle.publish(Arc::new(MemoryStore::new()), None);
        drop(earlier);
        assert_eq!(handle.status(), StoreStatus::Open(None));
    }
}
