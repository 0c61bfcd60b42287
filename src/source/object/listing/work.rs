//! The objects in work: so many being read, so many more waiting for their confirmations.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{Id, JoinError, JoinSet};

use crate::checkpoint::record::ObjectId;
use crate::source::object::delivery::{Ended, ObjectDelivery};
use crate::source::sqs::notification::ObjectRef;

/// The most objects in work at once. What waits for its confirmation costs a few KiB, so this bounds the memory.
const MOST_IN_WORK: usize = 1_000;

/// So many more objects than can be read are begun, so that reading never waits for the listing.
const AHEAD: usize = 10;

/// Room for one more object.
pub(super) struct Room {
    /// Among all that are in work.
    slot: OwnedSemaphorePermit,
    /// Among those that are to be read.
    place: OwnedSemaphorePermit,
}

/// The objects in work. They are given up when it is dropped.
pub(super) struct Work {
    delivery: Arc<ObjectDelivery>,
    slots: Arc<Semaphore>,
    places: Arc<Semaphore>,
    tasks: JoinSet<Ended>,
    objects: HashMap<Id, ObjectId>,
    keys: HashSet<String>,
}

impl Work {
    /// No objects yet; `reading` are read at once.
    pub(super) fn new(delivery: Arc<ObjectDelivery>, reading: usize) -> Self {
        Self {
            delivery,
            slots: Arc::new(Semaphore::new(MOST_IN_WORK)),
            places: Arc::new(Semaphore::new(reading + AHEAD)),
            tasks: JoinSet::new(),
            objects: HashMap::new(),
            keys: HashSet::new(),
        }
    }

    /// Waits for room; `None` is never given, since the semaphores are never closed.
    pub(super) fn room(&self) -> impl Future<Output = Option<Room>> + use<> {
        let (slots, places) = (Arc::clone(&self.slots), Arc::clone(&self.places));
        async move {
            Some(Room {
                slot: slots.acquire_owned().await.ok()?,
                place: places.acquire_owned().await.ok()?,
            })
        }
    }

    /// Whether the object under `key` is in work.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// How many objects are in work.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Begins with `object`, which is known as `id`.
    pub(super) fn begin(&mut self, id: ObjectId, object: ObjectRef, room: Room) {
        self.keys.insert(id.key.clone());
        let delivery = Arc::clone(&self.delivery);
        let task = self.tasks.spawn(async move {
            let Room { slot, place } = room;
            let end = delivery.deliver(object, place).await;
            drop(slot);
            end
        });
        self.objects.insert(task.id(), id);
    }

    /// The next object that ended, and how; `None` if none is in work. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<(ObjectId, Result<Ended, JoinError>)> {
        loop {
            let (task, end) = match self.tasks.join_next_with_id().await? {
                Ok((task, end)) => (task, Ok(end)),
                Err(error) => (error.id(), Err(error)),
            };
            if let Some(id) = self.objects.remove(&task) {
                self.keys.remove(&id.key);
                return Some((id, end));
            }
        }
    }

    /// Gives up what is in work.
    pub(super) async fn give_up(&mut self) {
        self.tasks.shutdown().await;
        self.objects.clear();
        self.keys.clear();
    }
}
