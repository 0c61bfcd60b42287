//! One object is read by one message at a time: a notification that comes twice waits for the first, and then finds the
//! object in the ledger.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

type Name = (String, String);

/// The objects that are claimed. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    table: Arc<Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>>,
}

impl Claims {
    fn table(&self) -> MutexGuard<'_, HashMap<Name, Arc<tokio::sync::Mutex<()>>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else has the object.
    pub(super) async fn claim(&self, bucket: &str, key: &str) -> Claim {
        let name = (bucket.to_owned(), key.to_owned());
        let lock = Arc::clone(self.table().entry(name.clone()).or_default());
        // Made before the wait, so that giving up the wait tidies the table too.
        let mut claim = Claim {
            name,
            claims: self.clone(),
            held: None,
        };
        claim.held = Some(lock.lock_owned().await);
        claim
    }
}

/// An object that is one's own until this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    name: Name,
    claims: Claims,
    held: Option<OwnedMutexGuard<()>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut table = self.claims.table();
        self.held = None;
        // With nobody holding or awaiting it, the table has the only reference left.
        if table
            .get(&self.name)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            table.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn the_second_claim_waits_for_the_first_and_nothing_is_left_behind() {
        let claims = Claims::default();
        let first = claims.claim("bucket", "key").await;
        let mut second = Box::pin(claims.claim("bucket", "key"));
        assert!((&mut second).now_or_never().is_none());
        assert!(claims.claim("bucket", "other").now_or_never().is_some());
        drop(first);
        drop(second.await);
        assert!(claims.table().is_empty());
    }

    #[tokio::test]
    async fn a_wait_given_up_leaves_nothing_behind() {
        let claims = Claims::default();
        let first = claims.claim("bucket", "key").await;
        let mut second = Box::pin(claims.claim("bucket", "key"));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        drop(second);
        assert!(claims.table().is_empty());
    }
}
