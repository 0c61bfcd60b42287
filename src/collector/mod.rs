//! The collector: the tree that a configuration asks for, running.
//!
//! ```text
//! /                      rest_for_one
//! ├─ checkpoints         the store
//! ├─ outputs             one_for_one: a pool of senders for each output
//! └─ inputs              one_for_one: for each input its sessions, and a supervisor for each service and region
//! ```
//!
//! This is the one place that knows all rooms. Nothing global is installed here: no logger, no signal handler, no panic hook.

mod builder;
mod inputs;
mod outputs;

use std::time::Duration;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

pub use builder::{Builder, CustomSource, MakeSource};

use crate::delivery::Budget;
use crate::source::registry::RegistryError;
use crate::supervision::{Exit, StopReport, Tree, TreeState};

/// The name of the checkpoint store in the tree.
const CHECKPOINTS: &str = "checkpoints";

/// What is left of the shutdown timeout for the outputs and the checkpoint store when the sources have drained.
const AFTER_DRAIN: Duration = Duration::from_secs(2);

/// Why a collector cannot be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// A service cannot be set up as configured.
    #[error(transparent)]
    Service(#[from] RegistryError),
    /// More outputs than can be told apart.
    #[error("{0} outputs are configured; there can be 64")]
    TooManyOutputs(usize),
    /// The supervision settings contradict themselves.
    #[error("globals.supervision: {0}")]
    Supervision(String),
    /// The tree cannot be started.
    #[error(transparent)]
    Tree(#[from] crate::supervision::StartError),
    /// The checkpoint store does not open.
    #[error("{0}")]
    Checkpoints(String),
}

/// A running collector. Dropping it kills it, as a crash would: nothing is lost, what was in flight is read again.
#[derive(Debug)]
pub struct Collector {
    tree: Tree,
    intake: CancellationToken,
    budget: Budget,
    shutdown_timeout: Duration,
}

impl Collector {
    /// Waits until the tree ends by itself, which it does only when restarting did not help.
    pub async fn wait(&self) -> Exit {
        self.tree.wait().await
    }

    /// Stops in order: the sources stop taking, what is in flight is delivered and checkpointed within the configured
    /// shutdown timeout, then everything ends. What is left at the deadline is read again at the next start.
    pub async fn stop(&self) -> StopReport {
        self.intake.cancel();
        self.tree.stop(self.shutdown_timeout).await
    }

    /// The tree as it is now.
    #[must_use]
    pub fn state(&self) -> TreeState {
        self.tree.state()
    }

    /// The tree itself, to wait for states of it, or to try out what a crash of any part does.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Bytes of events in flight.
    #[must_use]
    pub fn in_flight_bytes(&self) -> usize {
        self.budget.in_use_bytes()
    }
}

/// How long the sources may take to drain, out of the whole shutdown timeout.
fn drain_time(shutdown_timeout: Duration) -> Duration {
    shutdown_timeout
        .saturating_sub(AFTER_DRAIN)
        .max(shutdown_timeout / 2)
}
