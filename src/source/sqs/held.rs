//! The messages in work: each with the newest handle that SQS gave for it, and the heartbeat that keeps them invisible to others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::queue::{BATCH, Message, Queue};

/// The heartbeat never comes more often than this, however short the visibility timeout is.
const SHORTEST_BEAT: Duration = Duration::from_millis(300);

/// The messages in work of one queue. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct HeldMessages {
    origin: Arc<str>,
    visibility: Duration,
    table: Arc<Mutex<HashMap<String, Entitled>>>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct Entitled {
    handle: String,
    extend_at: Instant,
}

impl HeldMessages {
    /// No messages yet; each is kept invisible by extensions of `visibility`. `origin` signs in the log.
    pub(super) fn new(origin: Arc<str>, visibility: Duration) -> Self {
        Self {
            origin,
            visibility,
            table: Arc::default(),
            changed: Arc::default(),
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, Entitled>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Extensions come at half of the time, so that one that fails can be tried again.
    fn next_beat(&self) -> Instant {
        Instant::now() + (self.visibility / 2).max(SHORTEST_BEAT)
    }

    /// Takes `message` into work; `None` if it already is (SQS delivers at least once): its newer handle is used from then on.
    pub(super) fn hold(&self, message: &Message) -> Option<Hold> {
        let entitled = Entitled {
            handle: message.handle.clone(),
            extend_at: self.next_beat(),
        };
        match self.table().entry(message.id.clone()) {
            Entry::Occupied(mut known) => {
                known.insert(entitled);
                return None;
            }
            Entry::Vacant(place) => {
                place.insert(entitled);
            }
        }
        self.changed.notify_one();
        Some(Hold {
            id: message.id.clone(),
            held: self.clone(),
        })
    }

    /// How many messages are in work.
    pub(super) fn len(&self) -> usize {
        self.table().len()
    }

    /// The handles of all messages in work.
    pub(super) fn handles(&self) -> Vec<String> {
        let table = self.table();
        table.values().map(|held| held.handle.clone()).collect()
    }

    /// Extends what is due, for ever.
    pub(super) async fn heartbeat(self, queue: Queue) {
        loop {
            let next = self.table().values().map(|held| held.extend_at).min();
            let Some(next) = next else {
                self.changed.notified().await;
                continue;
            };
            sleep_until(next).await;
            for due in self.take_due().chunks(BATCH) {
                self.extend(&queue, due).await;
            }
        }
    }

    /// What is due, or will be soon enough to go into the same call.
    fn take_due(&self) -> Vec<(String, String)> {
        let soon = Instant::now() + (self.visibility / 8).min(Duration::from_secs(2));
        let again = self.next_beat();
        let mut due = Vec::new();
        for (id, held) in self.table().iter_mut() {
            if held.extend_at <= soon {
                held.extend_at = again;
                due.push((id.clone(), held.handle.clone()));
            }
        }
        due
    }

    async fn extend(&self, queue: &Queue, due: &[(String, String)]) {
        let handles: Vec<String> = due.iter().map(|(_, handle)| handle.clone()).collect();
        match queue.set_visibility(&handles, self.visibility).await {
            Ok(failed) => {
                for (place, reason) in failed {
                    // Past 12 hours SQS refuses: the message comes again, and is then known by its id.
                    if let Some((id, _)) = due.get(place) {
                        debug!(
                            origin = %self.origin,
                            "queue {}: message {id} is not extended: {reason}",
                            queue.name()
                        );
                    }
                }
            }
            Err(error) => {
                warn!(
                    origin = %self.origin,
                    "{error}; the visibility of {} message(s) is extended again soon",
                    due.len()
                );
                let soon = Instant::now() + (self.visibility / 8).max(SHORTEST_BEAT);
                let mut table = self.table();
                for (id, _) in due {
                    if let Some(held) = table.get_mut(id) {
                        held.extend_at = held.extend_at.min(soon);
                    }
                }
            }
        }
    }
}

/// A message in work. Dropping it ends the heartbeat for it: if it was not deleted, it becomes visible again by itself.
#[derive(Debug)]
pub(super) struct Hold {
    id: String,
    held: HeldMessages,
}

impl Hold {
    /// The newest receipt handle.
    pub(super) fn handle(&self) -> String {
        let table = self.held.table();
        table
            .get(&self.id)
            .map(|held| held.handle.clone())
            .unwrap_or_default()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.table().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, handle: &str) -> Message {
        Message {
            id: id.to_owned(),
            handle: handle.to_owned(),
            body: String::new(),
            receive_count: 1,
        }
    }

    #[tokio::test]
    async fn a_message_that_comes_again_while_in_work_only_brings_its_newer_handle() {
        let held = HeldMessages::new("test".into(), Duration::from_secs(30));
        let hold = held.hold(&message("a", "first")).unwrap();
        assert!(held.hold(&message("a", "second")).is_none());
        assert_eq!(hold.handle(), "second");
        drop(hold);
        assert!(held.hold(&message("a", "third")).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_due_at_half_its_visibility_and_again_after_that() {
        let held = HeldMessages::new("test".into(), Duration::from_secs(32));
        let _hold = held.hold(&message("a", "first")).unwrap();
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(held.take_due().is_empty());
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(held.take_due().len(), 1);
        assert!(held.take_due().is_empty());
        tokio::time::advance(Duration::from_secs(16)).await;
        assert_eq!(held.take_due().len(), 1);
    }
}
