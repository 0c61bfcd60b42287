//! The cursors of a listing in the checkpoint store.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::warn;

use crate::checkpoint::record::ListingCursor;
use crate::checkpoint::{Batch, CheckpointStore, Kind, Prefix, Scope, StoreError, envelope};
use crate::source::SourceError;

/// How many rows are read in one go.
const LOAD_CHUNK: usize = 500;

/// Whose cursors they are, and where they are kept.
#[derive(Clone)]
pub(super) struct Cursors {
    store: Arc<dyn CheckpointStore>,
    scope: Scope,
    bucket: String,
    prefix: String,
    /// What is not on the disk yet: cursors by their streams.
    unsaved: BTreeMap<String, String>,
}

impl Cursors {
    /// The cursors of `scope` in the listing of `bucket` under `prefix`.
    pub(super) fn new(
        store: Arc<dyn CheckpointStore>,
        scope: Scope,
        bucket: &str,
        prefix: &str,
    ) -> Self {
        Self {
            store,
            scope,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            unsaved: BTreeMap::new(),
        }
    }

    /// The cursors as they were saved. Those of another bucket or prefix say nothing of this listing.
    ///
    /// # Errors
    /// The store could not be asked.
    pub(super) async fn load(&self) -> Result<Vec<String>, StoreError> {
        let prefix = Prefix::scope(Kind::Listing, &self.scope);
        let mut cursors = Vec::new();
        let mut after = None;
        loop {
            let rows = self
                .store
                .scan_prefix(prefix.clone(), after, LOAD_CHUNK)
                .await?;
            let Some((last, _)) = rows.last() else {
                return Ok(cursors);
            };
            after = Some(last.clone());
            for (_, value) in rows {
                match envelope::decode::<ListingCursor>(&value) {
                    Ok(row) if row.bucket == self.bucket && row.prefix == self.prefix => {
                        cursors.push(row.key);
                    }
                    Ok(_) => {}
                    Err(error) => warn!(
                        "A cursor of the listing of s3://{}/{} cannot be read ({error}): its keys are listed from their start",
                        self.bucket, self.prefix
                    ),
                }
            }
        }
    }

    /// Writes down `moved`, cursors after their streams, and whatever could not be written before.
    ///
    /// # Errors
    /// The store could not take them; they are kept for the next time.
    pub(super) async fn save(&mut self, moved: Vec<(String, String)>) -> Result<(), SourceError> {
        self.unsaved.extend(moved);
        if self.unsaved.is_empty() {
            return Ok(());
        }
        let updated_unix_ms = jiff::Timestamp::now().as_millisecond();
        let mut batch = Batch::new();
        for (stream, key) in &self.unsaved {
            let row = ListingCursor {
                bucket: self.bucket.clone(),
                prefix: self.prefix.clone(),
                stream: stream.clone(),
                key: key.clone(),
                updated_unix_ms,
            };
            batch.put(ListingCursor::row_key(&self.scope, stream)?, &row)?;
        }
        self.store.commit(batch).await?;
        self.unsaved.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::MemoryStore;
    use crate::checkpoint::faulty::{Fault, FaultyStore};

    fn cursors(store: &Arc<dyn CheckpointStore>, prefix: &str) -> Cursors {
        let scope = Scope::new("in", "cisco-umbrella", "module", "us-east-1").unwrap();
        Cursors::new(Arc::clone(store), scope, "bucket", prefix)
    }

    fn moved(key: &str) -> Vec<(String, String)> {
        vec![("a/dnslogs/".to_owned(), key.to_owned())]
    }

    #[tokio::test]
    async fn what_was_saved_is_loaded_by_the_same_listing_alone() {
        let store: Arc<dyn CheckpointStore> = Arc::new(MemoryStore::new());
        let mut saved = cursors(&store, "a/");
        saved.save(moved("a/dnslogs/2024-03-01/x")).await.unwrap();
        saved.save(moved("a/dnslogs/2024-03-02/x")).await.unwrap();
        let loaded = cursors(&store, "a/").load().await.unwrap();
        assert_eq!(loaded, ["a/dnslogs/2024-03-02/x"]);
        assert!(cursors(&store, "").load().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_could_not_be_saved_is_saved_the_next_time() {
        let rows = Arc::new(MemoryStore::new());
        let store: Arc<dyn CheckpointStore> =
            Arc::new(FaultyStore::scripted(rows, [Fault::Refused]));
        let mut saved = cursors(&store, "a/");
        assert!(saved.save(moved("a/dnslogs/2024-03-01/x")).await.is_err());
        saved.save(Vec::new()).await.unwrap();
        let loaded = cursors(&store, "a/").load().await.unwrap();
        assert_eq!(loaded, ["a/dnslogs/2024-03-01/x"]);
    }
}
