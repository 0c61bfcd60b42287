//! The delivery core: what stands between a source that can read something again and an output that may fail.
//!
//! A source opens a [`Unit`], issues [`Receipt`]s for ranges of its positions, and waits for the unit to settle. Each receipt
//! travels to an output inside a [`Delivery`], next to the [`Batch`] it stands for. Confirming the receipt advances the unit's
//! [`Frontier`] for that output; dropping it, for whatever reason (a crash included), leaves a hole that the frontier never passes.
//!
//! This module knows neither AWS nor syslog: sources and sinks depend on it, never the other way round.

mod batch;
mod budget;
mod frontier;
mod outlet;
mod output;
mod unit;

pub use batch::{Batch, BatchBuilder};
pub use budget::{Budget, Permit};
pub use frontier::Frontier;
pub use outlet::{Delivery, Outlet, OutputPort};
pub use output::{OutputId, OutputSet};
pub use unit::{Lane, Outcome, Receipt, Settlement, Unit};

#[cfg(test)]
mod interleavings;
