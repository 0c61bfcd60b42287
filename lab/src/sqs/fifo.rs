//! What a FIFO queue knows beyond a standard one: recent deduplication ids, and groups with messages in flight.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{error::SqsError, message::Outgoing, queue::Sent};
use crate::ids::hex;

/// The deduplication interval of FIFO queues.
const DEDUPLICATION: Duration = Duration::from_secs(5 * 60);

/// Deduplication and group locks. Idle in a standard queue.
#[derive(Debug, Default)]
pub(super) struct Fifo {
    recent: HashMap<String, Sent>,
    by_age: VecDeque<(Instant, String)>,
    in_flight: HashMap<String, usize>,
}

impl Fifo {
    /// The id under which a message is known: the given one, or the SHA-256 of its body if the queue works by content.
    pub(super) fn deduplication_id(
        outgoing: &Outgoing,
        by_content: bool,
    ) -> Result<String, SqsError> {
        if outgoing.group.is_none() {
            return Err(SqsError::MissingParameter("MessageGroupId"));
        }
        match &outgoing.deduplication_id {
            Some(id) => Ok(id.clone()),
            None if by_content => Ok(hex(&Sha256::digest(&outgoing.body))),
            None => Err(SqsError::InvalidParameterValue {
                value: "null".to_owned(),
                parameter: "MessageDeduplicationId",
                reason: "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly".to_owned(),
            }),
        }
    }

    /// The earlier message sent under the same id within five minutes.
    pub(super) fn repeat(&mut self, id: &str, now: Instant) -> Option<Sent> {
        while let Some((sent, _)) = self.by_age.front()
            && *sent + DEDUPLICATION <= now
            && let Some((_, id)) = self.by_age.pop_front()
        {
            self.recent.remove(&id);
        }
        self.recent.get(id).cloned()
    }

    /// Remembers a message under its deduplication id.
    pub(super) fn remember(&mut self, outgoing: &Outgoing, sent: &Sent, now: Instant) {
        if let Some(id) = &outgoing.deduplication_id {
            self.recent.insert(id.clone(), sent.clone());
            self.by_age.push_back((now, id.clone()));
        }
    }

    /// Whether the message's group has messages in flight.
    pub(super) fn is_locked(&self, outgoing: &Outgoing) -> bool {
        outgoing
            .group
            .as_ref()
            .is_some_and(|group| self.in_flight.contains_key(group))
    }

    /// One more message of the group is in flight.
    pub(super) fn lock(&mut self, outgoing: &Outgoing) {
        if let Some(group) = &outgoing.group {
            *self.in_flight.entry(group.clone()).or_default() += 1;
        }
    }

    /// One message of the group is no longer in flight.
    pub(super) fn unlock(&mut self, outgoing: &Outgoing) {
        if let Some(group) = &outgoing.group
            && let Some(count) = self.in_flight.get_mut(group)
        {
            *count -= 1;
            if *count == 0 {
                self.in_flight.remove(group);
            }
        }
    }

    /// Forgets the locks; deduplication goes on over a purge.
    pub(super) fn purge(&mut self) {
        self.in_flight.clear();
    }
}
