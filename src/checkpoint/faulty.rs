//! The faulty twin: a store that fails as a crash makes one fail, for tests of those who use it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::export::Exported;
use super::key::{Key, Prefix};
use super::store::{Batch, CheckpointStore, Row, StoreError};

/// How one call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    None,
    /// Nothing was done.
    Refused,
    /// Nothing was done, for want of space on the disk.
    NoSpace,
    /// Everything was done, and the answer lost.
    AnswerLost,
}

/// A [`CheckpointStore`] that hands each call to another one, and fails those its plan says.
pub struct FaultyStore {
    inner: Arc<dyn CheckpointStore>,
    plan: Mutex<Plan>,
}

enum Plan {
    Script(VecDeque<Fault>),
    Seeded { random: fastrand::Rng, percent: u8 },
}

impl FaultyStore {
    /// Fails by a script: one entry a call, and no fault once it is used up.
    #[must_use]
    pub fn scripted(
        inner: Arc<dyn CheckpointStore>,
        script: impl IntoIterator<Item = Fault>,
    ) -> Self {
        Self {
            inner,
            plan: Mutex::new(Plan::Script(script.into_iter().collect())),
        }
    }

    /// Fails `percent` of the calls, as [`Fault::Refused`] or [`Fault::AnswerLost`]; the same seed fails the same calls.
    #[must_use]
    pub fn seeded(inner: Arc<dyn CheckpointStore>, seed: u64, percent: u8) -> Self {
        Self {
            inner,
            plan: Mutex::new(Plan::Seeded {
                random: fastrand::Rng::with_seed(seed),
                percent,
            }),
        }
    }

    fn next_fault(&self) -> Fault {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *plan {
            Plan::Script(script) => script.pop_front().unwrap_or(Fault::None),
            Plan::Seeded { random, percent } => {
                if random.u8(0..100) >= *percent {
                    Fault::None
                } else if random.bool() {
                    Fault::Refused
                } else {
                    Fault::AnswerLost
                }
            }
        }
    }

    /// The call is made, and so takes its place in the script, when its future is first polled.
    fn call<'a, T: 'a + Send>(
        &'a self,
        call: impl FnOnce(&'a dyn CheckpointStore) -> BoxFuture<'a, Result<T, StoreError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        async move {
            match self.next_fault() {
                Fault::None => call(&*self.inner).await,
                Fault::Refused => Err(injected()),
                Fault::NoSpace => Err(StoreError::NoSpace {
                    directory: PathBuf::new(),
                    available_bytes: 0,
                    needed_bytes: 1,
                }),
                Fault::AnswerLost => call(&*self.inner).await.and(Err(injected())),
            }
        }
        .boxed()
    }
}

fn injected() -> StoreError {
    StoreError::Ended {
        reason: "a fault was injected".into(),
    }
}

impl CheckpointStore for FaultyStore {
    fn load(&self, key: Key) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.call(move |inner| inner.load(key))
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        self.call(move |inner| inner.commit(batch))
    }

    fn scan_prefix(
        &self,
        prefix: Prefix,
        after: Option<Key>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        self.call(move |inner| inner.scan_prefix(prefix, after, limit))
    }

    fn export(&self, path: PathBuf) -> BoxFuture<'_, Result<Exported, StoreError>> {
        self.call(move |inner| inner.export(path))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::conformance::{key, value};
    use super::super::memory::MemoryStore;
    use super::*;

    async fn commit(store: &FaultyStore, number: u32) -> bool {
        let mut batch = Batch::new();
        batch.put_raw(key(b"s", number), value(number));
        store.commit(batch).await.is_ok()
    }

    #[tokio::test]
    async fn a_script_is_followed_to_its_end() {
        let inner = Arc::new(MemoryStore::new());
        let store = FaultyStore::scripted(inner.clone(), [Fault::Refused, Fault::AnswerLost]);
        assert!(!commit(&store, 0).await);
        assert!(!commit(&store, 1).await);
        assert!(commit(&store, 2).await);
        let there = |number| inner.load(key(b"s", number));
        assert_eq!(there(0).await.unwrap(), None);
        assert_eq!(there(1).await.unwrap(), Some(value(1)));
        assert_eq!(there(2).await.unwrap(), Some(value(2)));
    }

    #[tokio::test]
    async fn a_seed_fails_the_same_calls_again() {
        let mut runs = Vec::new();
        for _ in 0..2 {
            let store = FaultyStore::seeded(Arc::new(MemoryStore::new()), 7, 50);
            let mut answers = Vec::new();
            for number in 0..100 {
                answers.push(commit(&store, number).await);
            }
            runs.push(answers);
        }
        assert_eq!(runs[0], runs[1]);
        assert!(runs[0].contains(&true) && runs[0].contains(&false));
    }
}
