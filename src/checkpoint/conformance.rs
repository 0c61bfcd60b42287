//! What every store must do: one suite, run on all of them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::envelope::encode;
use super::export::{ExportReader, import};
use super::record::{ObjectId, ObjectProgress};
use super::{Batch, CheckpointStore, Key, Kind, MemoryStore, Prefix, Row, Scope};

/// A key in the scope whose input is `input`.
pub(super) fn key(input: &[u8], number: u32) -> Key {
    Key::new(Kind::Object, &scope(input), &number.to_be_bytes()).unwrap()
}

pub(super) fn scope(input: &[u8]) -> Scope {
    Scope::new(str::from_utf8(input).unwrap(), "audit", "s3", "eu-west-1").unwrap()
}

pub(super) fn value(number: u32) -> Vec<u8> {
    let object = ObjectId {
        bucket: format!("bucket-{number}"),
        key: String::new(),
        etag: String::new(),
    };
    let progress = ObjectProgress {
        object,
        outputs: Vec::new(),
        updated_unix_ms: 0,
    };
    encode(&progress).unwrap()
}

/// Every row of a range, in pages of `limit`.
pub(super) async fn rows(store: &dyn CheckpointStore, prefix: Prefix, limit: usize) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    loop {
        let after = all.last().map(|(key, _)| key.clone());
        let page = store
            .scan_prefix(prefix.clone(), after, limit)
            .await
            .unwrap();
        assert!(page.len() <= limit);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// Runs the suite on fresh stores; what comes with each is kept as long as it.
pub(super) async fn run<G>(fresh: impl AsyncFn() -> (Arc<dyn CheckpointStore>, G)) {
    let (store, _keep) = fresh().await;
    values_are_written_replaced_and_deleted(&*store).await;
    let (store, _keep) = fresh().await;
    the_last_change_of_a_key_holds(&*store).await;
    let (store, _keep) = fresh().await;
    a_scan_is_ordered_paged_and_within_its_range(&*store).await;
    let (store, _keep) = fresh().await;
    let (other, _keep) = fresh().await;
    an_export_restores_everything(&*store, &*other).await;
    let (store, _keep) = fresh().await;
    commits_may_be_concurrent(store).await;
}

async fn values_are_written_replaced_and_deleted(store: &dyn CheckpointStore) {
    let load = async || store.load(key(b"s", 1)).await.unwrap();
    assert_eq!(load().await, None);
    for number in [1, 2] {
        let mut batch = Batch::new();
        batch.put_raw(key(b"s", 1), value(number));
        store.commit(batch).await.unwrap();
        assert_eq!(load().await, Some(value(number)));
    }
    for _ in 0..2 {
        let mut batch = Batch::new();
        batch.delete(key(b"s", 1));
        store.commit(batch).await.unwrap();
        assert_eq!(load().await, None);
    }
    store.commit(Batch::new()).await.unwrap();
}

async fn the_last_change_of_a_key_holds(store: &dyn CheckpointStore) {
    let mut batch = Batch::new();
    batch.put_raw(key(b"s", 1), value(1));
    batch.delete(key(b"s", 1));
    batch.put_raw(key(b"s", 2), value(2));
    batch.delete(key(b"s", 3));
    batch.put_raw(key(b"s", 3), value(3));
    batch.put_raw(key(b"s", 3), value(4));
    store.commit(batch).await.unwrap();
    assert_eq!(
        rows(store, Prefix::all(), 9).await,
        [(key(b"s", 2), value(2)), (key(b"s", 3), value(4))]
    );
}

async fn a_scan_is_ordered_paged_and_within_its_range(store: &dyn CheckpointStore) {
    let mut batch = Batch::new();
    let mut expected = Vec::new();
    for number in [300, 7, 1, 256, 2] {
        batch.put_raw(key(b"mine", number), value(number));
        expected.push((key(b"mine", number), value(number)));
        batch.put_raw(key(b"mind", number), value(number));
        batch.put_raw(key(b"minf", number), value(number));
    }
    expected.sort_by_key(|(key, _)| key.to_bytes());
    store.commit(batch).await.unwrap();
    let prefix = Prefix::scope(Kind::Object, &scope(b"mine"));
    for limit in [1, 2, 5, 100] {
        assert_eq!(rows(store, prefix.clone(), limit).await, expected);
    }
    assert_eq!(rows(store, Prefix::all(), 4).await.len(), 15);
    assert_eq!(rows(store, Prefix::kind(Kind::Object), 4).await.len(), 15);
    assert!(
        rows(store, Prefix::kind(Kind::Quarantine), 4)
            .await
            .is_empty()
    );
    // A place before or behind the range is no place in it.
    let before = store.scan_prefix(prefix.clone(), Some(key(b"mind", 9)), 9);
    assert_eq!(before.await.unwrap(), expected);
    let behind = store.scan_prefix(prefix, Some(key(b"minf", 0)), 9);
    assert!(behind.await.unwrap().is_empty());
}

async fn an_export_restores_everything(store: &dyn CheckpointStore, other: &dyn CheckpointStore) {
    let mut batch = Batch::new();
    for number in 0..600 {
        batch.put_raw(key(b"s", number), value(number));
    }
    store.commit(batch).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("export");
    let exported = store.export(path.clone()).await.unwrap();
    assert_eq!(exported.rows, 600);
    assert_eq!(ExportReader::verify(&path).unwrap(), exported);
    import(other, &path).await.unwrap();
    assert_eq!(
        rows(other, Prefix::all(), 100).await,
        rows(store, Prefix::all(), 100).await
    );
    let nowhere = directory.path().join("none/export");
    assert!(store.export(nowhere).await.is_err());
}

async fn commits_may_be_concurrent(store: Arc<dyn CheckpointStore>) {
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16u32 {
        let store = store.clone();
        tasks.spawn(async move {
            for number in 0..20 {
                let mut batch = Batch::new();
                batch.put_raw(key(b"s", task * 100 + number), value(number));
                store.commit(batch).await.unwrap();
                let loaded = store.load(key(b"s", task * 100 + number)).await.unwrap();
                assert_eq!(loaded, Some(value(number)));
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_eq!(rows(&*store, Prefix::all(), 1000).await.len(), 320);
}

/// Batches over few keys, so that they meet.
pub(super) fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let change = (0u32..12, prop::option::of(0u32..100));
    let batch = prop::collection::vec(change, 0..8).prop_map(|changes| {
        let mut batch = Batch::new();
        for (number, new) in changes {
            let input: &[u8] = if number % 2 == 0 { b"even" } else { b"odd" };
            match new {
                Some(new) => batch.put_raw(key(input, number), value(new)),
                None => batch.delete(key(input, number)),
            }
        }
        batch
    });
    prop::collection::vec(batch, 0..8)
}

#[tokio::test]
async fn the_store_in_memory_conforms() {
    run(async || (Arc::new(MemoryStore::new()) as Arc<dyn CheckpointStore>, ())).await;
}

#[tokio::test]
async fn the_faulty_store_without_faults_conforms() {
    run(async || {
        let inner = Arc::new(MemoryStore::new());
        let store = super::faulty::FaultyStore::scripted(inner, []);
        (Arc::new(store) as Arc<dyn CheckpointStore>, ())
    })
    .await;
}

proptest! {
    #[test]
    fn a_store_is_an_ordered_map(batches in batches()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = MemoryStore::new();
            let mut model = BTreeMap::new();
            for batch in batches {
                for (key, value) in batch.clone().into_changes() {
                    match value {
                        Some(value) => model.insert(key.to_bytes(), (key, value)),
                        None => model.remove(&key.to_bytes()),
                    };
                }
                store.commit(batch).await.unwrap();
            }
            assert_eq!(
                rows(&store, Prefix::all(), 3).await,
                model.into_values().collect::<Vec<_>>()
            );
        });
    }
}
