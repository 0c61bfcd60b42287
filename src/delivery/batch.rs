//! Batches: many events as one run of finished wire records, built once and shared by all outputs.
//!
//! Records are framed where they are born, so that a sender writes the batch's bytes as they are and nothing is copied again.

use std::ops::Range;

use super::budget::{Budget, Permit};

/// What a batch is built up to before it is sent, in bytes. Large enough that the cost of a batch (a receipt, a channel
/// operation, a confirmation) vanishes beside its events, small enough that every parser can hold one within the budget.
pub(super) const BATCH_BYTES: usize = 256 * 1024;

/// Where one event stands inside the batch's bytes. 32 bits reach 4 GiB; a batch is a thousandth of that.
#[derive(Clone, Copy, Debug)]
struct Span {
    message_start: u32,
    message_end: u32,
    end: u32,
}

/// A run of finished wire records with its share of the byte budget.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    // Held, never read: dropping the batch returns it.
    _permit: Permit,
}

impl Batch {
    /// All records back to back, as they go on the wire.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many events the batch holds.
    #[must_use]
    pub fn events(&self) -> usize {
        self.spans.len()
    }

    /// Each event's message alone, without the record's header and end.
    pub fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|span| {
            self.bytes
                .get(span.message_start as usize..span.message_end as usize)
                .unwrap_or_default()
        })
    }

    /// Each event's whole record.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.spans.iter().map(move |span| {
            let record = self.bytes.get(start..span.end as usize).unwrap_or_default();
            start = span.end as usize;
            record
        })
    }
}

/// A batch in the making.
#[derive(Debug)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    permit: Permit,
}

impl BatchBuilder {
    /// Takes the budget for a batch, enough for one event of `first_event_bytes` at least, and starts it.
    pub async fn start(budget: &Budget, first_event_bytes: usize) -> Self {
        Self::sized(budget, first_event_bytes.max(BATCH_BYTES)).await
    }

    /// Takes the budget for a batch of about `capacity` bytes, all of whose events are known, and starts it.
    pub async fn sized(budget: &Budget, capacity: usize) -> Self {
        let permit = budget.acquire(capacity).await;
        Self {
            bytes: Vec::with_capacity(capacity),
            spans: Vec::new(),
            permit,
        }
    }

    /// Whether an event of `event_bytes` still fits into what the batch has taken of the budget.
    #[must_use]
    pub fn fits(&self, event_bytes: usize) -> bool {
        self.bytes.len() + event_bytes <= self.bytes.capacity()
    }

    /// Whether no event has been added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Adds one event: `frame` appends its whole record and returns where in the buffer its message stands.
    pub fn push(&mut self, frame: impl FnOnce(&mut Vec<u8>) -> Range<usize>) {
        let message = frame(&mut self.bytes);
        self.spans.push(Span {
            message_start: message.start as u32,
            message_end: message.end as u32,
            end: self.bytes.len() as u32,
        });
    }

    /// Finishes the batch; budget that it did not use goes back.
    #[must_use]
    pub fn finish(mut self) -> Batch {
        self.permit.shrink_to(self.bytes.len());
        if self.bytes.len() < self.bytes.capacity() / 2 {
            self.bytes.shrink_to_fit();
        }
        Batch {
            bytes: self.bytes,
            spans: self.spans,
            _permit: self.permit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(header: &str, message: &str) -> impl FnOnce(&mut Vec<u8>) -> Range<usize> {
        move |bytes| {
            bytes.extend_from_slice(header.as_bytes());
            let start = bytes.len();
            bytes.extend_from_slice(message.as_bytes());
            let end = bytes.len();
            bytes.push(b'\n');
            start..end
        }
    }

    #[tokio::test]
    async fn records_and_messages_are_the_events_in_order() {
        let budget = Budget::new(1024 * 1024);
        let mut builder = BatchBuilder::start(&budget, 0).await;
        builder.push(frame("a: ", "one"));
        builder.push(frame("b: ", "two"));
        let batch = builder.finish();
        let records: Vec<&[u8]> = batch.records().collect();
        let messages: Vec<&[u8]> = batch.messages().collect();
        assert_eq!(records, [b"a: one\n", b"b: two\n"]);
        assert_eq!(messages, [b"one", b"two"]);
        assert_eq!(batch.bytes(), b"a: one\nb: two\n");
        assert_eq!(batch.events(), 2);
    }

    #[tokio::test]
    async fn a_small_batch_holds_no_more_of_the_budget_than_it_needs() {
        let budget = Budget::new(1024 * 1024);
        let mut builder = BatchBuilder::start(&budget, 0).await;
        assert_eq!(budget.in_use_bytes(), BATCH_BYTES);
        builder.push(frame("", "x"));
        let batch = builder.finish();
        assert_eq!(budget.in_use_bytes(), 1024);
        drop(batch);
        assert_eq!(budget.in_use_bytes(), 0);
    }

    #[tokio::test]
    async fn an_event_larger_than_a_batch_gets_a_batch_of_its_size() {
        let budget = Budget::new(4 * 1024 * 1024);
        let builder = BatchBuilder::start(&budget, 2 * BATCH_BYTES).await;
        assert!(builder.fits(2 * BATCH_BYTES));
    }
}
