//! The actor that runs one async function.
//!
//! The function runs in a task of its own, so the actor is always free to answer: Stop cancels the function's token and
//! waits for it to return; Kill aborts it.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::BoxFuture;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::exit::{BoxError, Failure};
use super::lease::Lease;

/// One call of a worker's function, not yet made: a panic before its first await must hit the worker, not the supervisor.
pub(super) type Job =
    Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<(), BoxError>> + Send>;

pub(super) struct Worker;

/// Tells the actor that its task has returned; the result stays with the task.
pub(super) struct Finished;

pub(super) struct Running {
    shutdown: CancellationToken,
    task: AbortOnDropHandle<Result<(), Failure>>,
}

impl Actor for Worker {
    type Msg = Finished;
    type State = Running;
    type Arguments = (Job, Lease);

    async fn pre_start(
        &self,
        myself: ActorRef<Finished>,
        (job, lease): (Job, Lease),
    ) -> Result<Running, ActorProcessingErr> {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(job, shutdown.clone(), lease, myself));
        Ok(Running {
            shutdown,
            task: AbortOnDropHandle::new(task),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Finished>,
        Finished: Finished,
        _: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        myself.stop(None);
        Ok(())
    }

    /// Every orderly end comes through here: the one `handle` asked for, and the one a supervisor asks for.
    async fn post_stop(
        &self,
        _: ActorRef<Finished>,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        running.shutdown.cancel();
        match (&mut running.task).await {
            Ok(result) => Ok(result?),
            Err(lost) => Err(Box::new(Failure::from_error(&lost))),
        }
    }
}

async fn run(
    job: Job,
    shutdown: CancellationToken,
    lease: Lease,
    actor: ActorRef<Finished>,
) -> Result<(), Failure> {
    // Declared first, dropped last: whatever the function owns goes before the lease does.
    let _lease = lease;
    let outcome = AssertUnwindSafe(async move { job(shutdown).await })
        .catch_unwind()
        .await;
    // An actor that is stopping takes no messages, and needs none: it waits for the task.
    let _ = actor.cast(Finished);
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure::from_error(error.as_ref())),
        Err(payload) => Err(Failure::from_panic(payload)),
    }
}
