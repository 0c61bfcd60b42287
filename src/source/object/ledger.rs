//! The ledger of one puller: which objects were delivered, how far, and to which outputs; and its quarantine.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::checkpoint::record::{ObjectId, ObjectProgress, OutputProgress, Quarantined};
use crate::checkpoint::{Batch, CheckpointStore, Kind, Prefix, Scope, StoreError, envelope};
use crate::delivery::{Lane, Outcome, Outlet, OutputPort};
use crate::source::SourceError;

/// How many rows are looked at in one go while old ones are forgotten, so that commits never wait long.
const FORGET_CHUNK: usize = 500;

/// SQS keeps a message for 14 days at most (SQS API reference, MessageRetentionPeriod), in milliseconds.
const LONGEST_RETENTION_MS: i64 = 14 * 24 * 60 * 60 * 1000;

/// The wait before a commit that failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How an object stands in the ledger.
#[derive(Clone, Debug)]
pub struct Standing {
    progress: ObjectProgress,
    lanes: Vec<Lane>,
}

impl Standing {
    /// Each configured output's part.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Whether every output has all of it.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.lanes.iter().all(|lane| lane.complete)
    }

    /// How many of its records every output has.
    #[must_use]
    pub fn delivered_records(&self) -> u64 {
        let positions = self.lanes.iter().map(|lane| lane.position);
        positions.min().unwrap_or(0)
    }
}

/// One puller's ledger.
#[derive(Clone)]
pub struct Ledger {
    store: Arc<dyn CheckpointStore>,
    scope: Scope,
    outlet: Outlet,
}

impl Ledger {
    /// The ledger of `scope`, for the outputs of `outlet`.
    #[must_use]
    pub fn new(store: Arc<dyn CheckpointStore>, scope: Scope, outlet: Outlet) -> Self {
        Self {
            store,
            scope,
            outlet,
        }
    }

    /// How `object` stands. An output that was configured later has nothing of it.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn standing(&self, object: &ObjectId) -> Result<Standing, StoreError> {
        let progress = self.load(object).await?;
        let lanes = self.lanes(&progress);
        Ok(Standing { progress, lanes })
    }

    /// Each configured output's part in `progress`.
    fn lanes(&self, progress: &ObjectProgress) -> Vec<Lane> {
        let lane = |port: &OutputPort| {
            let known = progress
                .outputs
                .iter()
                .find(|known| *known.output == *port.name);
            Lane {
                output: port.id,
                position: known.map_or(0, |known| known.delivered),
                complete: known.is_some_and(|known| known.complete),
            }
        };
        self.outlet.ports().iter().map(lane).collect()
    }

    async fn load(&self, object: &ObjectId) -> Result<ObjectProgress, StoreError> {
        let nothing = || ObjectProgress {
            object: object.clone(),
            outputs: Vec::new(),
            updated_unix_ms: now_unix_ms(),
        };
        let Some(value) = self.store.load(object.ledger_key(&self.scope)).await? else {
            return Ok(nothing());
        };
        match envelope::decode::<ObjectProgress>(&value) {
            Ok(progress) if progress.object == *object => Ok(progress),
            Ok(_) => Ok(nothing()),
            Err(error) => {
                warn!(
                    "The ledger's row of s3://{}/{} cannot be read ({error}): the object is sent again",
                    object.bucket, object.key
                );
                Ok(nothing())
            }
        }
    }

    /// Writes down how far `outcome` has come since `standing`; returns when it is on the disk, however long that takes.
    pub async fn record(&self, standing: &Standing, outcome: &Outcome) {
        let mut progress = standing.progress.clone();
        for lane in &outcome.lanes {
            let Some(port) = self.outlet.ports().get(lane.output.index()) else {
                continue;
            };
            let now = OutputProgress {
                output: port.name.to_string(),
                delivered: lane.position,
                complete: lane.complete,
            };
            match progress
                .outputs
                .iter_mut()
                .find(|known| known.output == now.output)
            {
                Some(known) => *known = now,
                None => progress.outputs.push(now),
            }
        }
        progress.updated_unix_ms = now_unix_ms();
        let key = progress.object.ledger_key(&self.scope);
        let mut batch = Batch::new();
        if let Err(error) = batch.put(key, &progress) {
            // Possible only with names of absurd length. The object is delivered all the same; it is just not recognised.
            warn!(
                "The ledger cannot hold s3://{}/{}: {error}",
                progress.object.bucket, progress.object.key
            );
            return;
        }
        self.commit(batch).await;
    }

    /// Commits, again and again until it succeeds: without the checkpoint nothing may be acknowledged.
    async fn commit(&self, batch: Batch) {
        while let Err(error) = self.store.commit(batch.clone()).await {
            warn!(
                "{error}; the checkpoint is written again in {} s",
                AFTER_FAILURE.as_secs()
            );
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }

    /// Puts objects in quarantine; returns when they are on the disk.
    ///
    /// # Errors
    /// The store could not take them.
    pub async fn quarantine(&self, entries: &[Quarantined]) -> Result<(), SourceError> {
        let mut batch = Batch::new();
        for entry in entries {
            let entry = entry.clone().with_bounded_reason();
            batch.put(entry.object.quarantine_key(&self.scope), &entry)?;
        }
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Whether the object was put in quarantine.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn is_quarantined(&self, object: &ObjectId) -> Result<bool, StoreError> {
        let value = self.store.load(object.quarantine_key(&self.scope)).await?;
        let entry = value.and_then(|value| envelope::decode::<Quarantined>(&value).ok());
        Ok(entry.is_some_and(|entry| entry.object == *object))
    }

    /// Forgets objects that every output has, that were last touched longer than `window` ago, and that `may_forget` lets go;
    /// returns how many. What an output still lacks is remembered for as long as SQS can keep its message.
    ///
    /// # Errors
    /// The store could not be asked.
    pub async fn forget(
        &self,
        window: Duration,
        may_forget: impl Fn(&ObjectId) -> bool,
    ) -> Result<usize, StoreError> {
        let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        let now = now_unix_ms();
        let is_old = |progress: &ObjectProgress| {
            let complete = self.lanes(progress).iter().all(|lane| lane.complete);
            let kept_ms = if complete {
                window_ms
            } else {
                window_ms.max(LONGEST_RETENTION_MS)
            };
            progress.updated_unix_ms < now.saturating_sub(kept_ms) && may_forget(&progress.object)
        };
        let mut after = None;
        let mut forgotten = 0;
        loop {
            let prefix = Prefix::scope(Kind::Object, &self.scope);
            let rows = self.store.scan_prefix(prefix, after, FORGET_CHUNK).await?;
            let Some((last, _)) = rows.last() else {
                return Ok(forgotten);
            };
            after = Some(last.clone());
            let mut batch = Batch::new();
            for (key, value) in rows {
                let progress = envelope::decode::<ObjectProgress>(&value);
                if progress.is_ok_and(|progress| is_old(&progress)) {
                    batch.delete(key);
                }
            }
            forgotten += batch.len();
            if !batch.is_empty() {
                self.store.commit(batch).await?;
            }
        }
    }
}

fn now_unix_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
