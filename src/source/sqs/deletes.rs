//! Deletes in batches: what is delivered and checkpointed goes from the queue ten at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use super::held::Hold;
use super::queue::{BATCH, Queue};

/// How long the first message of a batch waits for others. Nothing depends on a delete being early, and a tenth of a second
/// of messages fills batches well before it costs anything.
const GATHER: Duration = Duration::from_millis(100);

/// Attempts at a call that fails as a whole; after that the messages come again, and the ledger knows their objects.
const ATTEMPTS: u32 = 5;

/// Deletes what comes through `delivered` until all senders are gone. A message stays in work, with its heartbeat, until its
/// delete has been answered.
pub(super) async fn run(origin: Arc<str>, queue: Queue, mut delivered: mpsc::Receiver<Hold>) {
    while let Some(first) = delivered.recv().await {
        let gather_until = Instant::now() + GATHER;
        let mut batch = vec![first];
        while batch.len() < BATCH {
            match timeout_at(gather_until, delivered.recv()).await {
                Ok(Some(hold)) => batch.push(hold),
                Ok(None) | Err(_) => break,
            }
        }
        delete(&origin, &queue, &batch).await;
    }
}

async fn delete(origin: &str, queue: &Queue, batch: &[Hold]) {
    for attempt in 1..=ATTEMPTS {
        let handles: Vec<String> = batch.iter().map(Hold::handle).collect();
        match queue.delete(&handles).await {
            Ok(failed) => {
                for reason in failed.values() {
                    debug!(
                        origin,
                        "queue {}: a delivered message is not deleted: {reason}",
                        queue.name()
                    );
                }
                return;
            }
            Err(error) if attempt == ATTEMPTS => {
                warn!(
                    origin,
                    "{error}; {} delivered message(s) stay in the queue, and will be recognised when they come again",
                    batch.len()
                );
            }
            Err(_) => tokio::time::sleep(GATHER * 2_u32.pow(attempt)).await,
        }
    }
}
