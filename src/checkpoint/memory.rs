//! The in-memory twin: every promise but survival. For tests, and for `persistence: memory`.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::export::{self, Age, Exported};
use super::key::{Key, Prefix};
use super::store::{Batch, CheckpointStore, Row, StoreError};

/// A [`CheckpointStore`] that forgets everything with the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Mutex<BTreeMap<Vec<u8>, Row>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> impl std::ops::DerefMut<Target = BTreeMap<Vec<u8>, Row>> {
        // No change of the map can be cut short by a panic, so a poisoned lock guards a whole map.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self, key: &Key) -> Option<Vec<u8>> {
        let rows = self.rows();
        rows.get(&key.to_bytes()).map(|(_, value)| value.clone())
    }

    fn apply(&self, batch: Batch) {
        let mut rows = self.rows();
        for (key, value) in batch.into_changes() {
            match value {
                Some(value) => rows.insert(key.to_bytes(), (key, value)),
                None => rows.remove(&key.to_bytes()),
            };
        }
    }

    fn scan(&self, prefix: &Prefix, after: Option<&Key>, limit: usize) -> Vec<Row> {
        self.rows()
            .range((prefix.start(after), Bound::Unbounded))
            .take_while(|(bytes, _)| bytes.starts_with(prefix.as_bytes()))
            .take(limit)
            .map(|(_, row)| row.clone())
            .collect()
    }

    fn write_export(&self, path: &Path) -> Result<Exported, StoreError> {
        let rows: Vec<Row> = self.rows().values().cloned().collect();
        export::write(path, Age::default(), rows.into_iter().map(Ok))
    }
}

impl CheckpointStore for MemoryStore {
    fn load(&self, key: Key) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        async move { Ok(self.value(&key)) }.boxed()
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.apply(batch);
            Ok(())
        }
        .boxed()
    }

    fn scan_prefix(
        &self,
        prefix: Prefix,
        after: Option<Key>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        async move { Ok(self.scan(&prefix, after.as_ref(), limit)) }.boxed()
    }

    fn export(&self, path: PathBuf) -> BoxFuture<'_, Result<Exported, StoreError>> {
        async move { self.write_export(&path) }.boxed()
    }
}
