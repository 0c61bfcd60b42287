//! Checkpoints: how far everything was delivered, kept so that a crash costs work done again and never an event.
//!
//! - [`CheckpointStore`]: the trait, with a twin in memory ([`MemoryStore`]), one that fails on demand ([`faulty`]), and
//!   the one on disk ([`SledStore`]). One conformance suite runs on all of them.
//! - [`Key`], [`Scope`], [`Prefix`]: whose row it is, and where it lies in the order.
//! - [`record`]: what the rows hold; [`envelope`]: what keeps a damaged or foreign value from being read as a good one.
//! - [`export`]: the copy that needs no engine.
//! - [`StoreHandle`], [`run_store`]: the handle that outlives a restart of the store, and the worker that keeps it filled.
//!
//! Invariants:
//! - A commit that answered `Ok` is on the disk: it survives a kill and a loss of power.
//! - A batch is applied as a whole or not at all.
//! - Nothing that was written is ever deleted because it cannot be read: it is put aside.
//!
//! Not here: what a position means, when it may be committed (the delivery core and the sources), supervision.

mod fsync;
mod handle;
mod hex;
mod key;
mod memory;
mod run;
mod scope;
mod sled;
mod store;

pub mod envelope;
pub mod export;
pub mod faulty;
pub mod record;

#[cfg(test)]
mod conformance;

pub use handle::{Published, StoreHandle, StoreStatus};
pub use key::{Key, KeyError, Kind, MAX_TAIL_BYTES, Prefix};
pub use memory::MemoryStore;
pub use run::{RunError, StoreSettings, run_store};
pub use scope::{MAX_PART_BYTES, Scope};
pub use sled::{OpenError, Recovery, RowsMissing, SledOptions, SledStats, SledStore};
pub use store::{Batch, CheckpointStore, Row, StoreError};
