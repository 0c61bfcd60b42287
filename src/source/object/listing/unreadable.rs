//! Objects that cannot be read: tried again for some cycles, then put in quarantine, since there is no queue to leave them to.

use std::collections::HashMap;

use tracing::warn;

use crate::checkpoint::record::{ObjectId, Quarantined};
use crate::source::object::delivery::ObjectSettings;
use crate::source::sqs::Fault;

/// In so many cycles an object may be unreadable before it is put in quarantine, as with a queue's `max_receive_count`.
const MOST_ATTEMPTS: u32 = 5;

/// The most objects whose attempts are counted, about 1 MiB of them. The others have their turn when these are done with.
const MOST_COUNTED: usize = 2_000;

/// The attempts at objects that could not be read so far.
#[derive(Debug, Default)]
pub(super) struct Unreadable {
    cycle: u64,
    failed: HashMap<ObjectId, Failed>,
}

#[derive(Debug, Default)]
struct Failed {
    times: u32,
    in_cycle: u64,
}

impl Unreadable {
    /// Forgets objects that were not tried in the cycle that ends: they are no longer listed.
    pub(super) fn begin_cycle(&mut self) {
        let ended = self.cycle;
        self.cycle += 1;
        self.failed.retain(|_, failed| failed.in_cycle == ended);
    }

    /// Says that an object could not be read, and after some attempts puts it in quarantine; whether it did.
    pub(super) async fn give_up(
        &mut self,
        settings: &ObjectSettings,
        id: &ObjectId,
        fault: &Fault,
    ) -> bool {
        let (origin, etag) = (&settings.origin, &id.etag);
        let attempt = self.failed(id);
        if attempt < MOST_ATTEMPTS {
            warn!(
                origin = %origin,
                "Discarded {fault} (etag {etag}, attempt {attempt} of {MOST_ATTEMPTS}); it is read again in the next cycle"
            );
            return false;
        }
        let entry = Quarantined {
            object: id.clone(),
            reason: fault.problem.clone(),
            receive_count: attempt,
            message_id: String::new(),
            at_unix_ms: jiff::Timestamp::now().as_millisecond(),
        };
        match settings.ledger.quarantine(&[entry]).await {
            Ok(()) => {
                warn!(
                    origin = %origin,
                    "Discarded {fault} (etag {etag}, attempt {attempt} of {MOST_ATTEMPTS}): \
                     its coordinates are in quarantine, and it is not read again until its checkpoint is reset"
                );
                true
            }
            Err(error) => {
                warn!(
                    origin = %origin,
                    "{fault} could not be put in quarantine: {error}; it is read again in the next cycle"
                );
                false
            }
        }
    }

    /// One more attempt failed; how many did by now. 0 if there is no room to count it.
    fn failed(&mut self, object: &ObjectId) -> u32 {
        if self.failed.len() >= MOST_COUNTED && !self.failed.contains_key(object) {
            return 0;
        }
        let failed = self.failed.entry(object.clone()).or_default();
        failed.times += 1;
        failed.in_cycle = self.cycle;
        failed.times
    }

    /// The object is done with.
    pub(super) fn forget(&mut self, object: &ObjectId) {
        self.failed.remove(object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(number: usize) -> ObjectId {
        ObjectId {
            bucket: "bucket".to_owned(),
            key: number.to_string(),
            etag: "etag".to_owned(),
        }
    }

    #[test]
    fn attempts_add_up_over_cycles_until_the_object_is_no_longer_listed() {
        let mut unreadable = Unreadable::default();
        for cycle in 1..=3 {
            unreadable.begin_cycle();
            assert_eq!(unreadable.failed(&object(0)), cycle);
        }
        unreadable.begin_cycle();
        unreadable.begin_cycle();
        assert_eq!(unreadable.failed(&object(0)), 1);
    }

    #[test]
    fn what_there_is_no_room_for_has_its_turn_later() {
        let mut unreadable = Unreadable::default();
        for number in 0..MOST_COUNTED {
            assert_eq!(unreadable.failed(&object(number)), 1);
        }
        assert_eq!(unreadable.failed(&object(MOST_COUNTED)), 0);
        unreadable.forget(&object(0));
        assert_eq!(unreadable.failed(&object(MOST_COUNTED)), 1);
    }
}
