//! The way from a source to the outputs: one bounded queue an output, which outlives the actors at both its ends.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::watch;

use super::batch::Batch;
use super::output::{OutputId, OutputSet};
use super::unit::{Receipt, Unit};

/// A batch on its way to one output, with the receipt that the output owes for it.
#[derive(Debug)]
pub struct Delivery {
    /// The batch, shared with the other outputs.
    pub batch: Arc<Batch>,
    /// What this output confirms, or refuses by dropping it.
    pub receipt: Receipt,
}

/// The way to one output.
#[derive(Clone, Debug)]
pub struct OutputPort {
    /// The output's number.
    pub id: OutputId,
    /// The output's name in the configuration.
    pub name: Arc<str>,
    /// Where its senders take deliveries from.
    pub queue: async_channel::Sender<Delivery>,
    /// `false` while the output has failed for so long that it must not hold the others up any more.
    pub accepting: watch::Receiver<bool>,
}

impl OutputPort {
    /// Waits until the output takes deliveries again.
    async fn accepts(&self) {
        // An output that is gone for good refuses what is sent to it; nobody is kept waiting for it here.
        let _ = self.accepting.clone().wait_for(|open| *open).await;
    }

    async fn stops_accepting(&self) {
        if self
            .accepting
            .clone()
            .wait_for(|open| !*open)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }

    /// Queues the delivery; refuses it where the output does not accept any, so that the budget it holds is free for others.
    async fn send(&self, delivery: Delivery) {
        if !*self.accepting.borrow() {
            return;
        }
        tokio::select! {
            // A closed queue gives the delivery back inside the error; dropping that is the refusal.
            _ = self.queue.send(delivery) => {}
            () = self.stops_accepting() => {}
        }
    }
}

/// The way to all outputs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outlet {
    ports: Arc<[OutputPort]>,
}

impl Outlet {
    /// An outlet to the given outputs.
    #[must_use]
    pub fn new(ports: Vec<OutputPort>) -> Self {
        Self {
            ports: ports.into(),
        }
    }

    /// The outputs.
    #[must_use]
    pub fn ports(&self) -> &[OutputPort] {
        &self.ports
    }

    /// The output of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<OutputId> {
        self.ports
            .iter()
            .find(|port| &*port.name == name)
            .map(|port| port.id)
    }

    /// Sends `batch`, which covers `range` of `unit`, to every output that still lacks that range. Returns when each of
    /// them has it queued or has refused it.
    pub async fn send(&self, unit: &Unit, range: Range<u64>, batch: Batch) {
        let batch = Arc::new(batch);
        for receipt in unit.issue(&range) {
            if let Some(port) = self.ports.iter().find(|port| port.id == receipt.output()) {
                let batch = Arc::clone(&batch);
                port.send(Delivery { batch, receipt }).await;
            }
        }
    }

    /// Waits until at least one of `outputs` takes deliveries.
    pub async fn any_accepting(&self, outputs: OutputSet) {
        let waits: Vec<_> = self
            .ports
            .iter()
            .filter(|port| outputs.contains(port.id))
            .map(|port| Box::pin(port.accepts()))
            .collect();
        if !waits.is_empty() {
            futures::future::select_all(waits).await;
        }
    }
}
