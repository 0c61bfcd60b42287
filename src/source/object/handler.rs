//! What is done with a message that names objects: each is delivered; then, and only then, the message has had its use.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};

use super::delivery::{Ended, ObjectDelivery, ObjectSettings, received};
use crate::checkpoint::record::Quarantined;
use crate::source::sqs::notification::{self, Notification, ObjectRef};
use crate::source::sqs::{Fault, Handler, Message, Place, Verdict, What};
use crate::source::{Counted, SourceError};

/// How many objects of one message are in work at once. Messages that name more than one are rare.
const OBJECTS_AT_ONCE: usize = 8;

/// Handles messages that name objects.
pub struct ObjectHandler {
    delivery: ObjectDelivery,
}

impl ObjectHandler {
    /// A handler that works with `settings`.
    #[must_use]
    pub fn new(settings: ObjectSettings) -> Self {
        Self {
            delivery: ObjectDelivery::new(settings),
        }
    }

    async fn deliver_all(&self, objects: Vec<ObjectRef>, place: Arc<Place>) -> Verdict {
        let deliveries: Vec<_> = objects
            .into_iter()
            .map(|object| self.delivery.deliver(object, Arc::clone(&place)))
            .collect();
        // The place is free again when the last object has been read, so only the deliveries may hold it.
        drop(place);
        let ends: Vec<Ended> = futures::stream::iter(deliveries)
            .buffer_unordered(OBJECTS_AT_ONCE)
            .collect()
            .await;
        let mut faults = Vec::new();
        let mut released = false;
        for end in ends {
            match end {
                Ended::Delivered => {}
                Ended::Unreadable(fault) => faults.push(fault),
                Ended::Release => released = true,
            }
        }
        if released {
            Verdict::Release
        } else if faults.is_empty() {
            Verdict::Delivered
        } else {
            Verdict::Unreadable(faults)
        }
    }

    async fn handle_one(&self, message: &Message, place: Arc<Place>) -> Verdict {
        match notification::parse(message.body.as_bytes()) {
            Ok(Notification::TestEvent) => Verdict::Delivered,
            Ok(Notification::Objects(objects)) => self.deliver_all(objects, place).await,
            Err(error) => {
                self.delivery.settings().tally.discarded_file();
                Verdict::Unreadable(vec![Fault {
                    what: What::Message,
                    problem: error.to_string(),
                }])
            }
        }
    }
}

impl Handler for ObjectHandler {
    fn cycle_begins(&self) {
        // A message can come again at any time, so the window alone decides.
        self.delivery.forget_old_objects(|_| true);
    }

    fn handle<'a>(&'a self, messages: &'a [Message], place: Place) -> BoxFuture<'a, Vec<Verdict>> {
        let place = Arc::new(place);
        let handled = messages
            .iter()
            .map(|message| self.handle_one(message, Arc::clone(&place)));
        futures::future::join_all(handled).boxed()
    }

    fn quarantine<'a>(
        &'a self,
        message: &'a Message,
        faults: &'a [Fault],
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        async move {
            let entries: Vec<Quarantined> = faults
                .iter()
                .map(|fault| fault.quarantined(message))
                .collect();
            self.delivery.settings().ledger.quarantine(&entries).await
        }
        .boxed()
    }

    fn received(&self, counts: &Counted) -> String {
        received(counts)
    }
}
