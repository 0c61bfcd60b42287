//! What a source counts for the log: added up by whoever does the work, taken by the puller at the end of a cycle.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::event::EventType;

/// Counters that any part of a source may add to.
#[derive(Debug, Default)]
pub struct Tally {
    requests: AtomicU64,
    request_micros: AtomicU64,
    messages: AtomicU64,
    events: AtomicU64,
    dropped: AtomicU64,
    duplicated: AtomicU64,
    generated: AtomicU64,
    discarded_files: AtomicU64,
    event_types: Mutex<BTreeSet<String>>,
}

/// The most event types that are told apart; AWS has fewer services.
const MOST_EVENT_TYPES: usize = 500;

/// The counts of one cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Answers received from AWS.
    pub requests: u64,
    /// How long those answers took, all together.
    pub request_time: Duration,
    /// Messages received, for sources fed by a queue.
    pub messages: u64,
    /// Events read.
    pub events: u64,
    /// Events that the configuration drops.
    pub dropped: u64,
    /// Events that had been delivered before.
    pub duplicated: u64,
    /// Events sent on.
    pub generated: u64,
    /// Objects (or messages) from which nothing, or not everything, could be taken.
    pub discarded_files: u64,
    /// The types of the events, for modules that tell.
    pub event_types: BTreeSet<String>,
}

impl Tally {
    /// An answer came after `time`.
    pub fn request(&self, time: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.request_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Messages came.
    pub fn messages(&self, count: usize) {
        self.messages.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// An object gave nothing, or not everything.
    pub fn discarded_file(&self) {
        self.discarded_files.fetch_add(1, Ordering::Relaxed);
    }

    /// Events that the configuration drops.
    pub fn dropped(&self, events: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.dropped.fetch_add(events, Ordering::Relaxed);
    }

    /// Events that had been delivered before.
    pub fn duplicated(&self, events: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.duplicated.fetch_add(events, Ordering::Relaxed);
    }

    /// Events sent on.
    pub fn generated(&self, events: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.generated.fetch_add(events, Ordering::Relaxed);
    }

    /// An event of this type was seen.
    pub fn event_type(&self, event_type: EventType<'_>) {
        let name = event_type.as_found();
        let mut seen = self
            .event_types
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if seen.len() < MOST_EVENT_TYPES && !seen.contains(name) {
            seen.insert(name.to_owned());
        }
    }

    /// Takes the counts and starts again at zero.
    pub fn take(&self) -> Counted {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Counted {
            requests: take(&self.requests),
            request_time: Duration::from_micros(take(&self.request_micros)),
            messages: take(&self.messages),
            events: take(&self.events),
            dropped: take(&self.dropped),
            duplicated: take(&self.duplicated),
            generated: take(&self.generated),
            discarded_files: take(&self.discarded_files),
            event_types: std::mem::take(
                &mut *self
                    .event_types
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            ),
        }
    }
}

impl Counted {
    /// The statistics line of the runbook.
    #[must_use]
    pub fn statistics(&self, pulling_id: &str, elapsed: Duration) -> String {
        let Self {
            requests,
            events,
            duplicated,
            generated,
            ..
        } = self;
        let rate = *generated as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        format!(
            "Statistics for this pull cycle (@devo_pulling_id={pulling_id}): Number of requests performed: {requests}; \
             Number of events received: {events}; Number of duplicated events filtered out: {duplicated}; \
             Number of events generated and sent: {generated} (from {events} unflattened events); \
             Average of events per second: {rate:.2}."
        )
    }

    /// The mean time an answer took, in milliseconds.
    #[must_use]
    pub fn mean_request_ms(&self) -> f64 {
        self.request_time.as_secs_f64() * 1000.0 / self.requests.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_once() {
        let tally = Tally::default();
        tally.request(Duration::from_millis(10));
        tally.generated(3);
        tally.duplicated(2);
        let counts = tally.take();
        assert_eq!(
            (counts.events, counts.generated, counts.duplicated),
            (5, 3, 2)
        );
        assert_eq!(tally.take(), Counted::default());
    }

    #[test]
    fn the_statistics_line_is_the_runbooks() {
        let counts = Counted {
            requests: 2,
            events: 52,
            generated: 52,
            ..Counted::default()
        };
        assert_eq!(
            counts.statistics("1655983326.290848", Duration::from_secs(1)),
            "Statistics for this pull cycle (@devo_pulling_id=1655983326.290848): Number of requests performed: 2; \
             Number of events received: 52; Number of duplicated events filtered out: 0; \
             Number of events generated and sent: 52 (from 52 unflattened events); Average of events per second: 52.00."
        );
    }
}
