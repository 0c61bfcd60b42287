//! The byte budget: memory for events in flight is bounded by construction, whatever the receivers do.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which the budget is counted: one KiB, so that a semaphore's 32-bit count reaches terabytes.
const GRAIN_BYTES: usize = 1024;

/// A budget of bytes, shared by everything that builds batches. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget {
    grains: Arc<Semaphore>,
    total_grains: u32,
}

impl Budget {
    /// A budget of `bytes`, rounded up to a whole KiB.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let total_grains = grains(bytes);
        Self {
            grains: Arc::new(Semaphore::new(total_grains as usize)),
            total_grains,
        }
    }

    /// Waits until `bytes` are free and takes them. A request larger than the whole budget is granted when nothing else is
    /// in flight, so that one oversize batch can never wait for ever. Requests are served in order.
    pub async fn acquire(&self, bytes: usize) -> Permit {
        let wanted = grains(bytes).min(self.total_grains);
        // The semaphore is never closed, so the error cannot happen; an empty permit is the harmless answer to it.
        let held = Arc::clone(&self.grains)
            .acquire_many_owned(wanted)
            .await
            .ok();
        Permit { held }
    }

    /// Bytes taken and not yet returned.
    #[must_use]
    pub fn in_use_bytes(&self) -> usize {
        (self.total_grains as usize).saturating_sub(self.grains.available_permits()) * GRAIN_BYTES
    }

    /// The whole budget in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.total_grains as usize * GRAIN_BYTES
    }
}

/// Bytes of the budget, returned when dropped.
#[derive(Debug)]
pub struct Permit {
    held: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// Returns what is held above `bytes` to the budget at once.
    pub fn shrink_to(&mut self, bytes: usize) {
        if let Some(held) = &mut self.held {
            let surplus = held.num_permits().saturating_sub(grains(bytes) as usize);
            drop(held.split(surplus));
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.held
            .as_ref()
            .map_or(0, |held| held.num_permits() * GRAIN_BYTES)
    }
}

fn grains(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(GRAIN_BYTES).max(1))
        .unwrap_or(u32::MAX)
        // tokio's semaphore holds at most usize::MAX >> 3 permits; 2^30 KiB is a tebibyte.
        .min(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn permits_come_back_when_dropped_or_shrunk() {
        let budget = Budget::new(64 * 1024);
        let mut permit = budget.acquire(16 * 1024).await;
        assert_eq!(budget.in_use_bytes(), 16 * 1024);
        permit.shrink_to(1);
        assert_eq!(budget.in_use_bytes(), 1024);
        drop(permit);
        assert_eq!(budget.in_use_bytes(), 0);
    }

    #[tokio::test]
    async fn an_oversize_request_is_admitted_when_nothing_else_is_in_flight() {
        let budget = Budget::new(4 * 1024);
        let small = budget.acquire(1024).await;
        assert!(budget.acquire(1024 * 1024).now_or_never().is_none());
        drop(small);
        let oversize = budget.acquire(1024 * 1024).await;
        assert_eq!(oversize.bytes(), budget.total_bytes());
    }
}
