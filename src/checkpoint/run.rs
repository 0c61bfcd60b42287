//! The store's worker: opens it, publishes it, exports it, and ends when it ends, for its supervisor to start again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::handle::StoreHandle;
use super::sled::{OpenError, SledOptions, SledStore};
use super::store::{CheckpointStore, StoreError};

/// What the worker needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The store's own directory.
    pub directory: PathBuf,
    /// How the database is run.
    pub options: SledOptions,
    /// How often the rows are exported, if any changed.
    pub export_every: Duration,
}

impl StoreSettings {
    /// The settings for a store in `directory`, exported every minute.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            options: SledOptions::default(),
            export_every: Duration::from_secs(60),
        }
    }
}

/// Why the worker failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store ended while it was open.
    #[error(transparent)]
    Ended(StoreError),
}

/// Runs the store in `settings.directory` behind `handle` until `shutdown`.
///
/// # Errors
/// [`RunError`] when the store does not open, or ends by itself: run it again. Meanwhile the handle's callers wait.
pub async fn run_store(
    handle: StoreHandle,
    settings: StoreSettings,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let opening = SledStore::open(&settings.directory, settings.options);
    let Some(opened) = shutdown.run_until_cancelled(opening).await else {
        handle.stop();
        return Ok(());
    };
    let (store, recovery) = opened?;
    let _published = handle.publish(Arc::new(store.clone()), Some(recovery));
    let mut exporter = Exporter {
        store: &store,
        exported: None,
    };
    let first = Instant::now() + settings.export_every;
    let mut ticks = interval_at(first, settings.export_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            error = store.ended() => return Err(RunError::Ended(error)),
            _ = ticks.tick() => exporter.export().await,
        }
    }
    handle.stop();
    exporter.export().await;
    store.close().await;
    Ok(())
}

struct Exporter<'a> {
    store: &'a SledStore,
    /// How many batches the last export covered.
    exported: Option<u64>,
}

impl Exporter<'_> {
    /// Exports if anything changed. A failure is loud but not the end: the database has it all.
    async fn export(&mut self) {
        // Read first: a batch that comes in meanwhile makes the next export worth its while.
        let batches = self.store.stats().batches;
        if self.exported == Some(batches) {
            return;
        }
        match self.store.export(self.store.export_path()).await {
            Ok(exported) => {
                self.exported = Some(batches);
                tracing::debug!(rows = exported.rows, "checkpoints exported");
            }
            Err(error) => tracing::error!(
                %error,
                "the checkpoints could not be exported; the next export is tried in its turn"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::conformance::{key, value};
    use super::super::export::ExportReader;
    use super::super::handle::StoreStatus;
    use super::super::store::Batch;
    use super::*;

    fn batch(number: u32) -> Batch {
        let mut batch = Batch::new();
        batch.put_raw(key(b"s", number), value(number));
        batch
    }

    #[tokio::test]
    async fn a_shutdown_exports_and_leaves_the_directory_to_the_next_run() {
        let directory = tempfile::tempdir().unwrap();
        let handle = StoreHandle::new();
        for run in 1..=2 {
            let shutdown = CancellationToken::new();
            let settings = StoreSettings::new(directory.path().to_owned());
            let worker = tokio::spawn(run_store(handle.clone(), settings, shutdown.clone()));
            // The first run's end left the handle stopped; the second one's start makes it serve again.
            while !matches!(handle.status(), StoreStatus::Open(Some(_))) {
                tokio::task::yield_now().await;
            }
            handle.commit(batch(run)).await.unwrap();
            shutdown.cancel();
            worker.await.unwrap().unwrap();
            assert_eq!(handle.status(), StoreStatus::Stopped);
            let export = ExportReader::verify(&directory.path().join("export.jsonl")).unwrap();
            assert_eq!(export.rows, u64::from(run));
        }
    }

    #[tokio::test]
    async fn changed_rows_are_exported_in_their_turn() {
        let directory = tempfile::tempdir().unwrap();
        let handle = StoreHandle::new();
        let mut settings = StoreSettings::new(directory.path().to_owned());
        settings.export_every = Duration::from_millis(5);
        let worker = tokio::spawn(run_store(
            handle.clone(),
            settings,
            CancellationToken::new(),
        ));
        let export = directory.path().join("export.jsonl");
        for number in 0..2 {
            handle.commit(batch(number)).await.unwrap();
            while ExportReader::verify(&export).map_or(0, |export| export.rows) <= number.into() {
                tokio::task::yield_now().await;
            }
        }
        worker.abort();
    }

    #[tokio::test]
    async fn a_worker_killed_and_started_again_serves_the_same_handle() {
        let directory = tempfile::tempdir().unwrap();
        let handle = StoreHandle::new();
        for number in 0..3 {
            let settings = StoreSettings::new(directory.path().to_owned());
            let shutdown = CancellationToken::new();
            let worker = tokio::spawn(run_store(handle.clone(), settings, shutdown));
            handle.commit(batch(number)).await.unwrap();
            assert_eq!(handle.load(key(b"s", 0)).await.unwrap(), Some(value(0)));
            worker.abort();
            assert!(worker.await.unwrap_err().is_cancelled());
            assert_eq!(handle.status(), StoreStatus::Down);
        }
    }
}
