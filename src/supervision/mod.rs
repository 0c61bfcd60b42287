//! OTP supervision on ractor: who is started, stopped and started again, when, and in which order.
//!
//! A [`Tree`] runs a [`SupervisorSpec`]; its children are workers (one async function each), ractor actors, or further
//! supervisors. The rules are Erlang/OTP's (<https://www.erlang.org/doc/system/sup_princ.html>), with two additions: a
//! backoff before each restart, and a start that fails counts as a restart instead of failing the supervisor.
//!
//! The parts, from pure to effectful:
//! - [`decide`](Decider), [`Backoff`], [`Intensity`]: what to do about an exit. No clock of their own, no tasks, no actors.
//! - `worker`: the actor that runs one async function in a task of its own, and so always answers Stop and Kill.
//! - `supervisor`: carries the decisions out. A supervisor *is* a worker whose function is the supervision loop.
//! - `spawn`: starts a child of any kind.
//! - `link`, `lease`: how a loop learns that a child has ended, and that nothing of it is left.
//! - [`Tree`], [`TreeState`]: the root, and what the outside can see.
//!
//! Invariants:
//! - Children start in order and stop in the reverse order, one by one, each within its own deadline, then it is killed.
//! - A child is started again only when nothing of its former self runs, its descendants included.
//! - A stop is honoured at once, also in the middle of a backoff or of a slow start.
//! - No actor has a global name, so many trees live in one process.
//!
//! Not here: what the children do, signals, exit codes, metrics. Nothing in this module knows of AWS.

mod backoff;
mod decide;
mod exit;
mod intensity;
mod lease;
mod link;
mod spawn;
mod spec;
mod state;
mod supervisor;
mod tree;
mod worker;

#[cfg(test)]
mod tests;

pub use backoff::{Backoff, BackoffError};
pub use decide::{Decider, Plan, Restart, Strategy};
pub use exit::{BoxError, Exit};
pub use intensity::{Intensity, IntensityError, IntensitySpent};
pub use spec::{ChildSpec, StartError, SupervisorSpec};
pub use state::{Node, NodeState, ROOT, TreeState};
pub use tree::{StopReport, Tree};
