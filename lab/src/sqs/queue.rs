//! One queue as a state machine over an explicit `now`: no I/O, no waiting, no other queue.

mod acknowledge;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    attributes::Attributes,
    error::SqsError,
    fifo::Fifo,
    message::{Message, Outgoing, Received, Visibility},
    receipt::Receipt,
    stats::{MessageView, QueueStats},
};
use crate::ids;

/// Most messages in flight in a standard queue ("Amazon SQS message quotas").
const MAX_IN_FLIGHT: usize = 120_000;

/// A queue and its messages.
#[derive(Debug)]
pub(super) struct Queue {
    serial: u64,
    pub(super) arn: String,
    pub(super) attributes: Attributes,
    pub(super) created: Instant,
    pub(super) modified: Instant,
    messages: BTreeMap<u64, Message>,
    visible: BTreeSet<u64>,
    hidden: BTreeSet<(Instant, u64)>,
    delayed: usize,
    fifo: Fifo,
    next_message: u64,
    next_receive: u64,
    stats: QueueStats,
}

/// What a send returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) sequence: u64,
}

impl Queue {
    pub(super) fn new(serial: u64, arn: String, attributes: Attributes, now: Instant) -> Self {
        Self {
            serial,
            arn,
            attributes,
            created: now,
            modified: now,
            messages: BTreeMap::new(),
            visible: BTreeSet::new(),
            hidden: BTreeSet::new(),
            delayed: 0,
            fifo: Fifo::default(),
            next_message: 1,
            next_receive: 1,
            stats: QueueStats::default(),
        }
    }

    /// Accepts a message.
    pub(super) fn send(&mut self, mut outgoing: Outgoing, now: Instant) -> Result<Sent, SqsError> {
        outgoing.check(&self.attributes)?;
        if self.attributes.fifo {
            let by_content = self.attributes.content_based_deduplication;
            let id = Fifo::deduplication_id(&outgoing, by_content)?;
            if let Some(sent) = self.fifo.repeat(&id, now) {
                return Ok(sent);
            }
            outgoing.deduplication_id = Some(id);
        }
        let delay = outgoing
            .delay_seconds
            .map_or(self.attributes.delay, Duration::from_secs);
        let visibility = if delay.is_zero() {
            Visibility::Visible
        } else {
            Visibility::Delayed { until: now + delay }
        };
        let message = Message {
            id: ids::random_uuid(),
            sent: now,
            outgoing,
            visibility,
            receive_count: 0,
            first_received: None,
            last_received: None,
            receive: 0,
            sequence: 0,
            dead_letter_source: None,
        };
        self.stats.sent += 1;
        let sent = self.insert(message);
        if self.attributes.fifo {
            let message = &self.messages[&sent.sequence];
            self.fifo.remember(&message.outgoing, &sent, now);
        }
        Ok(sent)
    }

    /// Takes over a message that was received too often elsewhere. Its receive count and timestamps go on.
    pub(super) fn bury(&mut self, mut message: Message, source_arn: &str) {
        message.dead_letter_source = Some(source_arn.to_owned());
        message.visibility = Visibility::Visible;
        self.stats.buried += 1;
        self.insert(message);
    }

    fn insert(&mut self, mut message: Message) -> Sent {
        let key = self.next_message;
        self.next_message += 1;
        message.sequence = key;
        match message.visibility {
            Visibility::Visible => {
                self.visible.insert(key);
            }
            Visibility::InFlight { until } => {
                self.hidden.insert((until, key));
            }
            Visibility::Delayed { until } => {
                self.hidden.insert((until, key));
                self.delayed += 1;
            }
        }
        let sent = Sent {
            id: message.id.clone(),
            sequence: key,
        };
        self.messages.insert(key, message);
        sent
    }

    /// Receives up to `max` messages and hides them for `visibility`. The second list holds messages that were received
    /// `limit` times before: the caller buries them in the dead-letter queue.
    pub(super) fn receive(
        &mut self,
        max: usize,
        visibility: Duration,
        limit: u32,
        now: Instant,
    ) -> Result<(Vec<Received>, Vec<Message>), SqsError> {
        self.catch_up(now);
        if !self.attributes.fifo && self.in_flight() >= MAX_IN_FLIGHT {
            return Err(SqsError::OverLimit);
        }
        let (chosen, dead) = self.choose(max, limit);
        let dead = dead
            .into_iter()
            .filter_map(|key| self.remove(key))
            .collect::<Vec<_>>();
        self.stats.moved_to_dead_letter += dead.len() as u64;
        let received = chosen
            .into_iter()
            .filter_map(|key| self.take(key, visibility, now))
            .collect();
        Ok((received, dead))
    }

    /// The keys of the messages to return, and of those to bury, in order.
    fn choose(&self, max: usize, limit: u32) -> (Vec<u64>, Vec<u64>) {
        let (mut chosen, mut dead) = (Vec::new(), Vec::new());
        for key in &self.visible {
            let message = &self.messages[key];
            if self.attributes.fifo && self.fifo.is_locked(&message.outgoing) {
                continue;
            }
            if message.receive_count >= limit {
                dead.push(*key);
            } else if chosen.len() < max {
                chosen.push(*key);
            } else {
                break;
            }
        }
        (chosen, dead)
    }

    fn take(&mut self, key: u64, visibility: Duration, now: Instant) -> Option<Received> {
        let receive = self.next_receive;
        self.next_receive += 1;
        let message = self.messages.get_mut(&key)?;
        message.receive = receive;
        message.receive_count += 1;
        message.first_received.get_or_insert(now);
        message.last_received = Some(now);
        self.stats.received += 1;
        self.stats.max_receive_count = self.stats.max_receive_count.max(message.receive_count);
        let receipt = Receipt {
            queue: self.serial,
            message: key,
            receive,
        };
        let received = Received {
            message: message.clone(),
            receipt_handle: receipt.handle(),
        };
        self.hide(key, now + visibility, now);
        Some(received)
    }

    /// Puts a message in flight until `until`; not at all if that is now.
    fn hide(&mut self, key: u64, until: Instant, now: Instant) {
        self.show(key);
        if until <= now {
            return;
        }
        if let Some(message) = self.messages.get_mut(&key) {
            message.visibility = Visibility::InFlight { until };
            self.visible.remove(&key);
            self.hidden.insert((until, key));
            self.fifo.lock(&message.outgoing);
        }
    }

    /// Makes a message visible.
    fn show(&mut self, key: u64) {
        let Some(message) = self.messages.get_mut(&key) else {
            return;
        };
        match message.visibility {
            Visibility::Visible => return,
            Visibility::Delayed { until } => {
                self.hidden.remove(&(until, key));
                self.delayed -= 1;
            }
            Visibility::InFlight { until } => {
                self.hidden.remove(&(until, key));
                self.fifo.unlock(&message.outgoing);
            }
        }
        message.visibility = Visibility::Visible;
        self.visible.insert(key);
    }

    fn remove(&mut self, key: u64) -> Option<Message> {
        self.show(key);
        self.visible.remove(&key);
        self.messages.remove(&key)
    }

    /// Drops all messages.
    pub(super) fn purge(&mut self) {
        self.messages.clear();
        self.visible.clear();
        self.hidden.clear();
        self.delayed = 0;
        self.fifo.purge();
    }

    /// Applies what time has done: timeouts and delays that ran out, messages past their retention.
    fn catch_up(&mut self, now: Instant) {
        while let Some(&(until, key)) = self.hidden.first()
            && until <= now
        {
            self.show(key);
        }
        while let Some((&key, message)) = self.messages.first_key_value()
            && message.sent + self.attributes.retention <= now
        {
            self.remove(key);
        }
    }

    /// The next moment at which a hidden message becomes visible.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.hidden.first().map(|(until, _)| *until)
    }

    fn in_flight(&self) -> usize {
        self.hidden.len() - self.delayed
    }

    /// Counters as of `now`.
    pub(super) fn stats(&mut self, now: Instant) -> QueueStats {
        self.catch_up(now);
        QueueStats {
            visible: self.visible.len() as u64,
            in_flight: self.in_flight() as u64,
            delayed: self.delayed as u64,
            ..self.stats.clone()
        }
    }

    /// The messages in the queue as of `now`, oldest first.
    pub(super) fn views(&mut self, now: Instant) -> Vec<MessageView> {
        self.catch_up(now);
        self.messages
            .values()
            .map(|message| MessageView {
                id: message.id.clone(),
                body: message.outgoing.body.clone(),
                receive_count: message.receive_count,
                visible: message.visibility == Visibility::Visible,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
