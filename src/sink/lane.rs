//! A sender's window: the deliveries it has taken and not yet seen confirmed. It belongs to the pool, so it outlives the
//! sender: the next connection, or the next sender after a crash, sends all of it again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::delivery::{Batch, Delivery};

/// Counts since the collector's start; they only ever grow.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) taken_events: AtomicU64,
    pub(super) taken_bytes: AtomicU64,
    pub(super) confirmed_events: AtomicU64,
    pub(super) confirmed_batches: AtomicU64,
    pub(super) resent_batches: AtomicU64,
    pub(super) connections: AtomicU64,
}

/// The window of one sender.
#[derive(Debug, Default)]
pub(super) struct Lane {
    window: Mutex<VecDeque<Delivery>>,
    pub(super) counts: Counts,
}

impl Lane {
    /// Each change of the window is one call, so a panic elsewhere cannot leave it half-changed.
    fn window(&self) -> MutexGuard<'_, VecDeque<Delivery>> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a delivery at the window's end.
    pub(super) fn push(&self, delivery: Delivery) {
        let events = delivery.batch.events() as u64;
        let bytes = delivery.batch.bytes().len() as u64;
        self.counts
            .taken_events
            .fetch_add(events, Ordering::Relaxed);
        self.counts.taken_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.window().push_back(delivery);
    }

    /// The batch at `place`, counted from the oldest.
    pub(super) fn batch(&self, place: usize) -> Option<Arc<Batch>> {
        let window = self.window();
        window
            .get(place)
            .map(|delivery| Arc::clone(&delivery.batch))
    }

    /// Confirms the oldest `count` deliveries.
    pub(super) fn confirm(&self, count: usize) {
        let confirmed: Vec<Delivery> = {
            let mut window = self.window();
            let count = count.min(window.len());
            window.drain(..count).collect()
        };
        for delivery in confirmed {
            let events = delivery.batch.events() as u64;
            self.counts
                .confirmed_events
                .fetch_add(events, Ordering::Relaxed);
            self.counts
                .confirmed_batches
                .fetch_add(1, Ordering::Relaxed);
            delivery.receipt.confirm();
        }
    }

    /// Refuses everything in the window.
    pub(super) fn refuse_all(&self) {
        let refused = std::mem::take(&mut *self.window());
        drop(refused);
    }

    /// How many deliveries have been confirmed so far.
    pub(super) fn confirmed_batches(&self) -> u64 {
        self.counts.confirmed_batches.load(Ordering::Relaxed)
    }

    pub(super) fn len(&self) -> usize {
        self.window().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.window().is_empty()
    }
}
