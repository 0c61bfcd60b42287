//! Starting one child, of whatever kind.

use std::sync::Arc;

use ractor::{Actor, ActorCell, SpawnErr};
use tokio::sync::oneshot;

use super::lease::Lease;
use super::spec::{Kind, SupervisorSpec};
use super::state::Board;
use super::supervisor::supervise;
use super::worker::{Job, Worker};

/// A child's place in the tree.
pub(super) struct Place {
    pub(super) path: String,
    pub(super) board: Board,
    pub(super) lease: Lease,
}

/// Resolves when a supervisor has tried to start each of its children; an error means that it has ended before.
pub(super) type Ready = oneshot::Receiver<()>;

/// Starts the supervisor of `spec`, linked to the actor `supervisor`.
pub(super) async fn spawn_supervisor(
    spec: Arc<SupervisorSpec>,
    place: Place,
    supervisor: ActorCell,
) -> Result<(ActorCell, Ready), SpawnErr> {
    let lease = place.lease.clone();
    let (started, ready) = oneshot::channel();
    let job: Job = Box::new(move |shutdown| supervise(spec, place, started, shutdown));
    let cell = spawn_worker(job, lease, supervisor).await?;
    Ok((cell, ready))
}

async fn spawn_worker(
    job: Job,
    lease: Lease,
    supervisor: ActorCell,
) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Worker::spawn_linked(None, Worker, (job, lease), supervisor).await?;
    Ok(actor.get_cell())
}

/// Starts one child. Only a supervisor may need longer to be ready than to be spawned.
pub(super) async fn spawn_child(
    kind: &Kind,
    place: Place,
    supervisor: ActorCell,
) -> Result<(ActorCell, Option<Ready>), SpawnErr> {
    match kind {
        Kind::Worker(run) => {
            let run = Arc::clone(run);
            let job: Job = Box::new(move |shutdown| run(shutdown));
            let cell = spawn_worker(job, place.lease, supervisor).await?;
            Ok((cell, None))
        }
        Kind::Supervisor(spec) => {
            let (cell, ready) = spawn_supervisor(Arc::clone(spec), place, supervisor).await?;
            Ok((cell, Some(ready)))
        }
        Kind::Actor(start) => {
            let (cell, task) = start(supervisor).await?;
            tokio::spawn(async move {
                let _lease = place.lease;
                // However the actor's task ends, the actor's end is reported by its link.
                let _ = task.await;
            });
            Ok((cell, None))
        }
    }
}
