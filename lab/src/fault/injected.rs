//! The faults that are injected, their counts, and which of them strike a call.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Fault, FaultKind, Times};
use crate::sync::lock;

/// Names an injected fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FaultId(u64);

impl fmt::Display for FaultId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An injected fault and how often it has struck.
#[derive(Debug, Clone, Serialize)]
pub struct FaultReport {
    /// Its name.
    pub id: FaultId,
    /// What was asked for.
    #[serde(flatten)]
    pub fault: Fault,
    /// How often it has struck.
    pub hits: u64,
}

/// What the faults that strike one call amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) latency: Duration,
    pub(crate) fault: Option<FaultKind>,
}

/// The injected faults. A cheap handle: clones share them.
#[derive(Debug, Clone)]
pub struct Faults {
    injected: Arc<Mutex<Vec<Injected>>>,
    next_id: Arc<Mutex<u64>>,
    hits: watch::Sender<()>,
}

#[derive(Debug)]
struct Injected {
    report: FaultReport,
    draw: fastrand::Rng,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            injected: Arc::default(),
            next_id: Arc::default(),
            hits: watch::Sender::new(()),
        }
    }
}

impl Faults {
    /// Injects `fault`. Faults are tried in the order they were added.
    pub fn add(&self, fault: Fault) -> FaultId {
        let id = {
            let mut next_id = lock(&self.next_id);
            *next_id += 1;
            FaultId(*next_id)
        };
        let seed = match fault.times {
            Times::Chance { seed, .. } => seed,
            Times::Count(_) | Times::Forever => 0,
        };
        lock(&self.injected).push(Injected {
            report: FaultReport { id, fault, hits: 0 },
            draw: fastrand::Rng::with_seed(seed),
        });
        id
    }

    /// Removes one fault.
    pub fn remove(&self, id: FaultId) {
        lock(&self.injected).retain(|injected| injected.report.id != id);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        lock(&self.injected).clear();
    }

    /// All faults, also those whose count is used up, with their hits.
    pub fn list(&self) -> Vec<FaultReport> {
        lock(&self.injected)
            .iter()
            .map(|injected| injected.report.clone())
            .collect()
    }

    /// How often a fault has struck; 0 if it was removed.
    pub fn hits(&self, id: FaultId) -> u64 {
        lock(&self.injected)
            .iter()
            .find(|injected| injected.report.id == id)
            .map_or(0, |injected| injected.report.hits)
    }

    /// Waits until a fault has struck at least `count` times.
    pub async fn until_hits(&self, id: FaultId, count: u64) {
        let mut hits = self.hits.subscribe();
        // `changed` cannot fail while `self` holds the sender.
        while self.hits(id) < count && hits.changed().await.is_ok() {}
    }

    /// Decides what strikes this call: every matching latency, and the first matching fault of another kind.
    pub(crate) fn strike(&self, operation: &str, resource: &str) -> Strike {
        let mut strike = Strike::default();
        for injected in lock(&self.injected).iter_mut() {
            let delays = matches!(injected.report.fault.fault, FaultKind::Latency { .. });
            if (strike.fault.is_some() && !delays) || !injected.strikes(operation, resource) {
                continue;
            }
            match &injected.report.fault.fault {
                FaultKind::Latency { millis } => strike.latency += Duration::from_millis(*millis),
                other => strike.fault = Some(other.clone()),
            }
        }
        if strike != Strike::default() {
            self.hits.send_replace(());
        }
        strike
    }
}

impl Injected {
    fn strikes(&mut self, operation: &str, resource: &str) -> bool {
        if !self.report.fault.matches(operation, resource) {
            return false;
        }
        let strikes = match self.report.fault.times {
            Times::Count(count) => self.report.hits < count,
            Times::Forever => true,
            Times::Chance { probability, .. } => self.draw.f64() < probability,
        };
        self.report.hits += u64::from(strikes);
        strikes
    }
}
