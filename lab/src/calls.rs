//! What the clients called: counts and peak rates of each operation, and the latest calls one by one.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Serialize;
use tokio::{sync::watch, time::Instant};

use crate::sync::lock;

/// How many calls are kept one by one; the counts go on.
const KEPT_CALLS: usize = 10_000;

/// One call and how it was answered.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Arrival, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// For example `sqs:ReceiveMessage`.
    pub operation: String,
    /// The queue name or `bucket/key`; empty if the operation has none.
    pub resource: String,
    /// The access key that signed the call, if any.
    pub access_key: Option<String>,
    /// The HTTP status of the answer; none if the connection was reset instead.
    pub status: Option<u16>,
    /// The error code of the answer.
    pub error: Option<String>,
}

/// The calls of one operation.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OperationCalls {
    /// Calls that arrived.
    pub calls: u64,
    /// Calls answered with an error, or not at all.
    pub failed: u64,
    /// The most calls that arrived within any one second.
    pub busiest_second: usize,
    #[serde(skip)]
    last_second: VecDeque<Instant>,
}

/// The record of all calls. A cheap handle: clones share it.
#[derive(Debug, Clone)]
pub struct CallLog {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    operations: BTreeMap<String, OperationCalls>,
    latest: VecDeque<Call>,
}

impl Default for CallLog {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl CallLog {
    /// Counts of every operation called so far.
    pub fn operations(&self) -> BTreeMap<String, OperationCalls> {
        lock(&self.state).operations.clone()
    }

    /// How often `operation` arrived.
    pub fn count(&self, operation: &str) -> u64 {
        lock(&self.state)
            .operations
            .get(operation)
            .map_or(0, |operation| operation.calls)
    }

    /// The latest calls that were answered, oldest first.
    pub fn latest(&self) -> Vec<Call> {
        lock(&self.state).latest.iter().cloned().collect()
    }

    /// Waits until `operation` has arrived at least `count` times.
    pub async fn until(&self, operation: &str, count: u64) {
        let mut changed = self.changed.subscribe();
        // `changed` cannot fail while `self` holds the sender.
        while self.count(operation) < count && changed.changed().await.is_ok() {}
    }

    /// Counts an arrival.
    pub(crate) fn arrived(&self, operation: &str, now: Instant) {
        let mut state = lock(&self.state);
        let operation = state.operations.entry(operation.to_owned()).or_default();
        operation.calls += 1;
        operation.last_second.push_back(now);
        while let Some(first) = operation.last_second.front() {
            if now.duration_since(*first) < Duration::from_secs(1) {
                break;
            }
            operation.last_second.pop_front();
        }
        operation.busiest_second = operation.busiest_second.max(operation.last_second.len());
        drop(state);
        self.changed.send_replace(());
    }

    /// Records how a call was answered.
    pub(crate) fn answered(&self, call: Call) {
        let mut state = lock(&self.state);
        if call.status.is_none_or(|status| status >= 400)
            && let Some(operation) = state.operations.get_mut(&call.operation)
        {
            operation.failed += 1;
        }
        if state.latest.len() == KEPT_CALLS {
            state.latest.pop_front();
        }
        state.latest.push_back(call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_busiest_second_is_a_sliding_one() {
        let log = CallLog::default();
        let start = Instant::now();
        for offset_ms in [0, 900, 950, 1_100, 1_899, 1_900] {
            log.arrived("s3:GetObject", start + Duration::from_millis(offset_ms));
        }
        let calls = &log.operations()["s3:GetObject"];
        assert_eq!(calls.calls, 6);
        assert_eq!(calls.busiest_second, 4);
    }
}
