//! The supervision loop: carries out what the [`Decider`] decides.
//!
//! A supervisor is a worker whose function is this loop. It is sequential, like OTP's: while it stops or starts one child,
//! the others' ends wait in line; only a shutdown does not wait. A supervisor counts as started once it has tried to start
//! each of its own children, so the start order holds across the levels of a tree.

use std::future;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ractor::{ActorCell, ActorId, SpawnErr};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::decide::{Decider, Plan};
use super::exit::{BoxError, Exit, Failure, SHUTDOWN};
use super::intensity::IntensitySpent;
use super::lease::{Gone, Lease};
use super::link::{Ends, Link};
use super::spawn::{Place, spawn_child};
use super::spec::SupervisorSpec;
use super::state::{self, NodeState};

/// How long a killed child may take to vanish. It does so at its next await; a child that blocks its thread for longer
/// cannot be ended at all, and is left behind with an error in the log.
pub(super) const KILL_GRACE: Duration = Duration::from_secs(1);

/// Why a supervisor failed.
#[derive(Debug, thiserror::Error)]
enum Escalation {
    #[error("{child} ended ({exit}), and {reason}")]
    Spent {
        child: String,
        exit: Exit,
        reason: IntensitySpent,
    },
    #[error("the link to the children was lost")]
    LinkLost,
}

/// Starts the children of `spec`, keeps them up, and stops them at the shutdown; fails when it has to give up. `started` is
/// told once a start of each was tried.
///
/// Boxed by name, since starting a child supervisor leads back here.
pub(super) fn supervise(
    spec: Arc<SupervisorSpec>,
    place: Place,
    started: oneshot::Sender<()>,
    shutdown: CancellationToken,
) -> BoxFuture<'static, Result<(), BoxError>> {
    async move {
        let (link, ends) = Link::open().await?;
        let mut supervision = Supervision::new(spec, place, link, ends);
        let result = supervision.run(started, &shutdown).await;
        for index in (0..supervision.slots.len()).rev() {
            supervision.stop(index).await;
        }
        Ok(result?)
    }
    .boxed()
}

struct Supervision {
    spec: Arc<SupervisorSpec>,
    place: Place,
    decider: Decider,
    /// One for each child, in start order.
    slots: Vec<Slot>,
    link: Link,
    ends: Ends,
}

struct Slot {
    path: String,
    phase: Phase,
}

enum Phase {
    /// Not running, and not to be started.
    Idle,
    /// To be started at this time.
    Due(Instant),
    Up(ActorCell, Gone),
    /// Ended, or not able to start, and not yet dealt with.
    Ended(Exit, Gone),
}

impl Supervision {
    fn new(spec: Arc<SupervisorSpec>, place: Place, link: Link, ends: Ends) -> Self {
        let decider = Decider::new(
            spec.strategy,
            spec.intensity,
            spec.backoff,
            spec.children.iter().map(|child| child.restart),
            fastrand::Rng::new(),
        );
        let now = Instant::now();
        let slots = spec.children.iter().map(|child| Slot {
            path: state::join(&place.path, &child.name),
            phase: Phase::Due(now),
        });
        Self {
            slots: slots.collect(),
            spec,
            place,
            decider,
            link,
            ends,
        }
    }

    /// Runs until the shutdown or an escalation; the children are left for the caller to stop.
    async fn run(
        &mut self,
        started: oneshot::Sender<()>,
        shutdown: &CancellationToken,
    ) -> Result<(), Escalation> {
        let mut started = Some(started);
        loop {
            if let Some((index, exit, gone)) = self.take_ended() {
                self.settle(index, gone).await;
                self.recover(index, exit).await?;
                continue;
            }
            let due = self.next_due();
            let nothing_due = due.is_none_or(|(at, _)| at > Instant::now());
            if nothing_due && let Some(started) = started.take() {
                // Nobody waits for the root.
                let _ = started.send(());
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                end = self.ends.recv() => {
                    let (actor, exit) = end.ok_or(Escalation::LinkLost)?;
                    self.note(&actor, exit);
                }
                index = wait_for(due) => tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return Ok(()),
                    () = self.start(index) => {}
                },
            }
        }
    }

    /// The next start: the earliest, and of those the first in start order.
    fn next_due(&self) -> Option<(Instant, usize)> {
        let due = self.slots.iter().enumerate().filter_map(|(index, slot)| {
            if let Phase::Due(at) = slot.phase {
                Some((at, index))
            } else {
                None
            }
        });
        due.min()
    }

    /// Notes the end of a child; that of an actor which is no child any more says nothing.
    fn note(&mut self, actor: &ActorId, exit: Exit) {
        let ended = self
            .slots
            .iter_mut()
            .find(|slot| matches!(&slot.phase, Phase::Up(cell, _) if cell.get_id() == *actor));
        if let Some(slot) = ended
            && let Phase::Up(_, gone) = mem::replace(&mut slot.phase, Phase::Idle)
        {
            slot.phase = Phase::Ended(exit, gone);
        }
    }

    /// Takes the first child in start order whose end was noted and not dealt with.
    fn take_ended(&mut self) -> Option<(usize, Exit, Gone)> {
        let is_ended = |slot: &Slot| matches!(slot.phase, Phase::Ended(..));
        let index = self.slots.iter().position(is_ended)?;
        match mem::replace(&mut self.slots[index].phase, Phase::Idle) {
            Phase::Ended(exit, gone) => Some((index, exit, gone)),
            _ => None,
        }
    }

    /// Waits until nothing of an ended child is left.
    async fn settle(&self, index: usize, gone: Gone) {
        if timeout(KILL_GRACE, gone.wait()).await.is_err() {
            tracing::error!(
                supervisor = self.place.path,
                child = self.spec.children[index].name,
                "a child has ended, but something of it blocks its thread and cannot be aborted"
            );
        }
    }

    async fn start(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let child = &self.spec.children[index];
        let supervisor = &self.place.path;
        let restarts = self.place.board.starting(&slot.path);
        let (lease, gone) = Lease::new(Some(&self.place.lease));
        let place = Place {
            path: slot.path.clone(),
            board: self.place.board.clone(),
            lease,
        };
        let spawning = AssertUnwindSafe(spawn_child(&child.kind, place, self.link.cell()));
        let failure = match spawning.catch_unwind().await {
            Ok(Ok((cell, ready))) => {
                // Known from here on, and so stopped even if a shutdown cuts the wait below short.
                self.place.board.up(&slot.path, &cell);
                slot.phase = Phase::Up(cell, gone);
                if let Some(ready) = ready
                    && ready.await.is_err()
                {
                    // It has ended already, which its link is about to report.
                    return;
                }
                self.decider.started(index, Instant::now());
                self.place.board.running(&slot.path);
                if restarts == 0 {
                    tracing::debug!(supervisor, child = child.name, "child started");
                } else {
                    tracing::info!(
                        supervisor,
                        child = child.name,
                        restarts,
                        "child started again"
                    );
                }
                return;
            }
            // ractor words every failed start as a panic; what counts is inside.
            Ok(Err(SpawnErr::StartupFailed(error))) => Failure::from_error(error.as_ref()),
            Ok(Err(error)) => Failure::from_error(&error),
            Err(payload) => Failure::from_panic(payload),
        };
        slot.phase = Phase::Ended(failure.into(), gone);
    }

    /// Does what the decider says about a child's end.
    async fn recover(&mut self, index: usize, exit: Exit) -> Result<(), Escalation> {
        self.report_end(index, &exit);
        match self.decider.decide(index, &exit, Instant::now()) {
            Plan::Nothing | Plan::Remove => Ok(()),
            Plan::Restart { stop, start, delay } => {
                tracing::warn!(
                    supervisor = self.place.path,
                    child = self.spec.children[index].name,
                    reason = %exit,
                    restarts = self.place.board.restarts(&self.slots[index].path) + 1,
                    delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                    "child will be restarted"
                );
                for sibling in stop {
                    self.stop(sibling).await;
                }
                let due = Instant::now() + delay;
                for sibling in start {
                    let slot = &mut self.slots[sibling];
                    slot.phase = Phase::Due(due);
                    self.place.board.set(&slot.path, NodeState::Backoff);
                }
                Ok(())
            }
            Plan::Escalate { reason } => {
                let child = self.spec.children[index].name.clone();
                tracing::error!(
                    supervisor = self.place.path,
                    child,
                    reason = %exit,
                    "supervisor gives up: {reason}"
                );
                Err(Escalation::Spent {
                    child,
                    exit,
                    reason,
                })
            }
        }
    }

    /// Stops a child, whatever phase it is in: asks, waits for its deadline, kills.
    async fn stop(&mut self, index: usize) {
        let mut was_killed = false;
        if let Phase::Up(cell, _) = &self.slots[index].phase {
            let cell = cell.clone();
            let child = &self.spec.children[index];
            let deadline = child.shutdown;
            self.place.board.stopping(&self.slots[index].path);
            cell.stop(Some(SHUTDOWN.to_owned()));
            if timeout(deadline, self.ended(index)).await.is_err() {
                was_killed = true;
                tracing::warn!(
                    supervisor = self.place.path,
                    child = self.spec.children[index].name,
                    deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
                    "child outlived its shutdown deadline and is killed"
                );
                cell.kill();
                // If it does not end now it blocks its thread, which `settle` reports.
                let _ = timeout(KILL_GRACE, self.ended(index)).await;
            }
        }
        let slot = &mut self.slots[index];
        match mem::replace(&mut slot.phase, Phase::Idle) {
            Phase::Idle => {}
            Phase::Due(_) => self.place.board.set(&slot.path, NodeState::Stopped),
            Phase::Ended(exit, gone) => {
                self.settle(index, gone).await;
                self.report_end(index, &exit);
            }
            Phase::Up(_, gone) => self.settle(index, gone).await,
        }
        if was_killed {
            self.place.board.killed(&self.slots[index].path);
        }
    }

    /// Waits for the end of a child that is up, and meanwhile notes the others'.
    async fn ended(&mut self, index: usize) {
        while let Phase::Up(..) = self.slots[index].phase {
            match self.ends.recv().await {
                Some((actor, exit)) => self.note(&actor, exit),
                None => future::pending().await,
            }
        }
    }

    fn report_end(&self, index: usize, exit: &Exit) {
        self.place.board.ended(&self.slots[index].path, exit);
        let supervisor = &self.place.path;
        let child = &self.spec.children[index].name;
        if exit.is_abnormal() {
            tracing::warn!(supervisor, child, reason = %exit, "child ended");
        } else {
            tracing::debug!(supervisor, child, reason = %exit, "child ended");
        }
    }
}

impl Drop for Supervision {
    /// After an orderly end every child is idle. When the loop itself is killed, its children go with it: ractor would spare
    /// those that are just stopping.
    fn drop(&mut self) {
        for slot in &self.slots {
            match &slot.phase {
                Phase::Idle => {}
                Phase::Due(_) => self.place.board.set(&slot.path, NodeState::Stopped),
                Phase::Ended(exit, _) => self.place.board.ended(&slot.path, exit),
                Phase::Up(cell, _) => {
                    cell.kill();
                    self.place.board.killed(&slot.path);
                }
            }
        }
    }
}

async fn wait_for(due: Option<(Instant, usize)>) -> usize {
    match due {
        Some((at, index)) => {
            sleep_until(at).await;
            index
        }
        None => future::pending().await,
    }
}
