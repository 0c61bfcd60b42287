//! The real engine in real directories, and every kind of damage that was seen to happen.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::checkpoint::conformance::{self, batches, key, rows, value};
use crate::checkpoint::{CheckpointStore, MemoryStore};

fn options() -> SledOptions {
    SledOptions {
        min_free_bytes: 1024,
        ..SledOptions::default()
    }
}

async fn open(directory: &Path) -> (SledStore, Recovery) {
    SledStore::open(directory, options()).await.unwrap()
}

async fn refusal(directory: &Path) -> OpenError {
    let options = SledOptions {
        lock_patience: Duration::ZERO,
        ..options()
    };
    SledStore::open(directory, options).await.err().unwrap()
}

fn batch(numbers: std::ops::Range<u32>) -> Batch {
    let mut batch = Batch::new();
    for number in numbers {
        batch.put_raw(key(b"s", number), value(number));
    }
    batch
}

/// A closed store with an export of rows 0 to 9, and rows 0 to 19.
async fn closed_store() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (store, recovery) = open(directory.path()).await;
    assert_eq!(recovery, Recovery::Created);
    store.commit(batch(0..10)).await.unwrap();
    store.export(store.export_path()).await.unwrap();
    store.commit(batch(10..20)).await.unwrap();
    store.close().await;
    directory
}

async fn row_count(store: &SledStore) -> usize {
    rows(store, Prefix::all(), 100).await.len()
}

fn database(directory: &TempDir) -> PathBuf {
    directory.path().join("sled")
}

fn snapshots(directory: &TempDir) -> Vec<PathBuf> {
    fs::read_dir(database(directory))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("snap.")
        })
        .collect()
}

fn damage_database(directory: &TempDir) {
    let path = database(directory).join("db");
    let mut bytes = fs::read(&path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for byte in &mut bytes[..used] {
        *byte ^= 0x55;
    }
    fs::write(&path, bytes).unwrap();
    for snapshot in snapshots(directory) {
        fs::write(snapshot, b"").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_on_disk_conforms() {
    conformance::run(async || {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = open(directory.path()).await;
        (Arc::new(store) as Arc<dyn CheckpointStore>, directory)
    })
    .await;
}

#[tokio::test]
async fn rows_and_generation_survive_a_reopening() {
    let directory = closed_store().await;
    for generation in 2..5 {
        let (store, recovery) = open(directory.path()).await;
        let rows = 20;
        assert_eq!(recovery, Recovery::Opened { generation, rows });
        assert_eq!(row_count(&store).await, 20);
        store.close().await;
    }
}

#[tokio::test]
async fn the_last_clone_closes_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    let clone = store.clone();
    drop(store);
    clone.commit(batch(0..1)).await.unwrap();
    drop(clone);
    let (store, _) = open(directory.path()).await;
    assert_eq!(row_count(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_commits_share_fsyncs() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    let tasks = (0..16).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..50 {
                let number = task * 50 + number;
                store.commit(batch(number..number + 1)).await.unwrap();
            }
        })
    });
    futures::future::try_join_all(tasks.collect::<Vec<_>>())
        .await
        .unwrap();
    let stats = store.stats();
    assert_eq!(stats.batches, 800);
    assert!(stats.groups < 400, "{stats:?}");
    assert_eq!(row_count(&store).await, 800);
}

#[tokio::test]
async fn a_leftover_unfinished_snapshot_costs_nothing() {
    let directory = closed_store().await;
    let leftover = database(&directory).join("snap.00000000000FFFFF.generating");
    fs::write(&leftover, b"").unwrap();
    let (store, recovery) = open(directory.path()).await;
    let Recovery::Repaired { aside, rows: 20 } = recovery else {
        unreachable!("{recovery:?}");
    };
    assert!(aside.join(leftover.file_name().unwrap()).exists());
    assert_eq!(row_count(&store).await, 20);
    store.close().await;
    let (_, recovery) = open(directory.path()).await;
    assert!(!recovery.needs_attention(), "{recovery:?}");
}

#[tokio::test]
async fn a_damaged_database_is_put_aside_and_the_export_restored() {
    let directory = closed_store().await;
    damage_database(&directory);
    let damaged = fs::read(database(&directory).join("db")).unwrap();
    let (store, recovery) = open(directory.path()).await;
    let Recovery::Restored {
        aside: Some(aside),
        rows: 10,
        ..
    } = recovery
    else {
        unreachable!("{recovery:?}");
    };
    assert_eq!(fs::read(aside.join("db")).unwrap(), damaged);
    assert_eq!(row_count(&store).await, 10);
    store.commit(batch(10..20)).await.unwrap();
    store.close().await;
    let (store, recovery) = open(directory.path()).await;
    assert!(!recovery.needs_attention(), "{recovery:?}");
    assert_eq!(row_count(&store).await, 20);
}

#[tokio::test]
async fn a_damaged_file_of_settings_is_damage_too() {
    let directory = closed_store().await;
    std::fs::write(database(&directory).join("conf"), b"not sled's").unwrap();
    let (store, recovery) = open(directory.path()).await;
    assert!(recovery.needs_attention(), "{recovery}");
    assert!(row_count(&store).await > 0, "the export is restored");
}

#[tokio::test]
async fn an_empty_snapshot_is_damage_too() {
    let directory = closed_store().await;
    let snapshot = snapshots(&directory).pop();
    let snapshot = snapshot.unwrap_or(database(&directory).join("snap.0000000000000000"));
    fs::write(snapshot, b"").unwrap();
    let (_, recovery) = open(directory.path()).await;
    assert!(
        matches!(recovery, Recovery::Restored { rows: 10, .. }),
        "{recovery:?}"
    );
}

#[tokio::test]
async fn without_a_usable_export_a_damaged_store_starts_empty_and_says_so() {
    for export in [None, Some("half an exp")] {
        let directory = closed_store().await;
        damage_database(&directory);
        let path = directory.path().join("export.jsonl");
        match export {
            None => fs::remove_file(&path).unwrap(),
            Some(content) => fs::write(&path, content).unwrap(),
        }
        let (store, recovery) = open(directory.path()).await;
        let Recovery::Emptied { aside } = &recovery else {
            unreachable!("{recovery:?}");
        };
        assert_eq!(aside.len(), 1 + usize::from(export.is_some()));
        assert!(aside.iter().all(|path| path.exists()));
        assert!(recovery.to_string().contains("look-back"));
        assert_eq!(row_count(&store).await, 0);
    }
}

#[tokio::test]
async fn a_database_behind_its_export_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    store.commit(batch(0..5)).await.unwrap();
    store.close().await;
    let earlier = fs::read(database(&directory).join("db")).unwrap();
    let snapshots_then: Vec<_> = snapshots(&directory)
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    let (store, _) = open(directory.path()).await;
    store.commit(batch(5..10)).await.unwrap();
    store.export(store.export_path()).await.unwrap();
    store.close().await;
    fs::write(database(&directory).join("db"), earlier).unwrap();
    for snapshot in snapshots(&directory) {
        fs::remove_file(snapshot).unwrap();
    }
    for (path, content) in snapshots_then {
        fs::write(path, content).unwrap();
    }
    let (store, recovery) = open(directory.path()).await;
    assert!(
        matches!(recovery, Recovery::Restored { rows: 10, .. }),
        "{recovery:?}"
    );
    store.close().await;
    let (_, recovery) = open(directory.path()).await;
    assert!(!recovery.needs_attention(), "{recovery:?}");
}

#[tokio::test]
async fn a_database_without_its_sentinel_is_refused_and_left_as_it_is() {
    let directory = closed_store().await;
    let lost = database(&directory);
    let db = ::sled::open(&lost).unwrap();
    db.remove(sentinel::KEY).unwrap();
    drop(db);
    let error = refusal(directory.path()).await;
    assert!(matches!(error, OpenError::DataLost { .. }), "{error}");
    assert!(error.to_string().contains(&lost.display().to_string()));
    // The remedy in the message is one.
    fs::rename(&lost, directory.path().join("elsewhere")).unwrap();
    let (_, recovery) = open(directory.path()).await;
    assert!(
        matches!(
            recovery,
            Recovery::Restored {
                aside: None,
                rows: 10,
                ..
            }
        ),
        "{recovery:?}"
    );
}

/// The folk remedy against sled's corruption. It can leave a database that opens empty: that must not pass unseen.
#[tokio::test]
async fn deleted_snapshots_never_pass_as_an_empty_store() {
    let directory = closed_store().await;
    for round in 0..5 {
        let (store, _) = open(directory.path()).await;
        store.commit(batch(20 + round..21 + round)).await.unwrap();
        store.close().await;
    }
    for snapshot in snapshots(&directory) {
        fs::remove_file(snapshot).unwrap();
    }
    match SledStore::open(directory.path(), options()).await {
        Ok((store, Recovery::Opened { rows: 25, .. })) => assert_eq!(row_count(&store).await, 25),
        Ok((_, recovery)) => assert!(recovery.needs_attention(), "{recovery:?}"),
        Err(error) => assert!(matches!(error, OpenError::DataLost { .. }), "{error}"),
    }
}

#[tokio::test]
async fn missing_rows_are_reported_and_counted_anew() {
    let directory = closed_store().await;
    let db = ::sled::open(database(&directory)).unwrap();
    db.remove(key(b"s", 3).to_bytes()).unwrap();
    drop(db);
    let (store, recovery) = open(directory.path()).await;
    let missing = RowsMissing {
        expected: 20,
        found: 19,
    };
    assert_eq!(recovery, Recovery::RowsMissing(missing));
    store.close().await;
    let (_, recovery) = open(directory.path()).await;
    assert!(matches!(recovery, Recovery::Opened { rows: 19, .. }));
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    let error = refusal(directory.path()).await;
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(&directory.path().display().to_string())
    );
    store.close().await;
    open(directory.path()).await;
}

#[tokio::test]
async fn an_opener_waits_for_a_former_self_on_its_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    let next = tokio::spawn({
        let directory = directory.path().to_owned();
        async move { open(&directory).await.1 }
    });
    tokio::task::yield_now().await;
    store.close().await;
    assert!(matches!(next.await.unwrap(), Recovery::Opened { .. }));
}

#[tokio::test]
async fn a_path_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [file.clone(), file.join("below")] {
        let text = refusal(&path).await.to_string();
        assert!(text.contains(&path.display().to_string()), "{text}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_that_cannot_be_written_is_named() {
    // Read-only for root too.
    let error = refusal(Path::new("/proc/self/checkpoints")).await;
    let text = error.to_string();
    assert!(text.contains("/proc/self/checkpoints"), "{text}");
}

#[tokio::test]
async fn a_full_disk_refuses_commits_and_nothing_else() {
    let directory = closed_store().await;
    let options = SledOptions {
        min_free_bytes: u64::MAX,
        ..options()
    };
    let (store, _) = SledStore::open(directory.path(), options).await.unwrap();
    let error = store.commit(batch(0..1)).await.unwrap_err();
    assert!(matches!(error, StoreError::NoSpace { .. }), "{error}");
    assert_eq!(row_count(&store).await, 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_batches_leave_what_they_leave_in_memory(batches in batches(), reopen_at in 0usize..8) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let (mut store, _) = open(directory.path()).await;
            let twin = MemoryStore::new();
            for (number, batch) in batches.into_iter().enumerate() {
                store.commit(batch.clone()).await.unwrap();
                twin.commit(batch).await.unwrap();
                if number == reopen_at {
                    store.close().await;
                    let (reopened, recovery) = open(directory.path()).await;
                    assert!(!recovery.needs_attention(), "{recovery:?}");
                    store = reopened;
                }
            }
            assert_eq!(rows(&store, Prefix::all(), 3).await, rows(&twin, Prefix::all(), 5).await);
        });
    }

    #[test]
    fn flipped_bytes_cost_at_most_what_came_after_the_export(places in prop::collection::vec(any::<prop::sample::Index>(), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = closed_store().await;
            let path = database(&directory).join("db");
            let mut bytes = fs::read(&path).unwrap();
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            for place in places {
                bytes[place.index(used)] ^= 0x10;
            }
            fs::write(&path, bytes).unwrap();
            match SledStore::open(directory.path(), options()).await {
                Ok((store, _)) => {
                    let rows = rows(&store, Prefix::all(), 100).await;
                    assert!(rows.len() >= 10);
                    for (number, row) in (0..).zip(rows) {
                        assert_eq!(row, (key(b"s", number), value(number)));
                    }
                }
                Err(error) => assert!(matches!(error, OpenError::DataLost { .. }), "{error}"),
            }
        });
    }
}
