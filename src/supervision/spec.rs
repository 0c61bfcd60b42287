//! What to supervise: the specification of a tree, as data.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorCell, SpawnErr};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::decide::{Restart, Strategy};
use super::exit::BoxError;
use super::intensity::Intensity;

/// A supervisor: its children in start order, and the rules for restarting them.
#[derive(Debug)]
pub struct SupervisorSpec {
    pub(super) strategy: Strategy,
    pub(super) intensity: Intensity,
    pub(super) backoff: Backoff,
    pub(super) children: Vec<ChildSpec>,
}

/// One child of a supervisor.
pub struct ChildSpec {
    pub(super) name: String,
    pub(super) restart: Restart,
    pub(super) shutdown: Duration,
    pub(super) kind: Kind,
}

/// How a child is started.
pub(super) enum Kind {
    Worker(WorkerFn),
    Supervisor(Arc<SupervisorSpec>),
    Actor(StartFn),
}

pub(super) type WorkerFn =
    Arc<dyn Fn(CancellationToken) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

/// Starts an actor that is linked to the given cell.
pub(super) type StartFn = Arc<
    dyn Fn(ActorCell) -> BoxFuture<'static, Result<(ActorCell, JoinHandle<()>), SpawnErr>>
        + Send
        + Sync,
>;

/// A tree that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Names are joined to paths like `outputs/devo/sender-0`, so they must not be empty or hold a `/`.
    #[error("supervision: the child name {0:?} must not be empty or hold a '/'")]
    BadName(String),
    /// Two children of one supervisor have the same name.
    #[error("supervision: two siblings have the name {0:?}; each needs its own")]
    DuplicateName(String),
    /// ractor could not start the root.
    #[error("supervision: cannot start the root supervisor")]
    Root(#[source] SpawnErr),
}

/// OTP's default for the shutdown deadline of a worker.
const WORKER_SHUTDOWN: Duration = Duration::from_secs(5);

impl SupervisorSpec {
    /// A supervisor without children, with the default [`Intensity`] and [`Backoff`].
    #[must_use]
    pub fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            intensity: Intensity::default(),
            backoff: Backoff::default(),
            children: Vec::new(),
        }
    }

    /// Sets how many restarts it may make before it fails itself.
    #[must_use]
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = intensity;
        self
    }

    /// Sets how long it waits before a restart.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Adds the next child in start order.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// Adds children in start order.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = ChildSpec>) -> Self {
        self.children.extend(children);
        self
    }

    /// # Errors
    /// If a name is unusable or not unique among its siblings, at any depth.
    pub(super) fn check(&self) -> Result<(), StartError> {
        let mut names = HashSet::new();
        for child in &self.children {
            if child.name.is_empty() || child.name.contains('/') {
                return Err(StartError::BadName(child.name.clone()));
            }
            if !names.insert(&child.name) {
                return Err(StartError::DuplicateName(child.name.clone()));
            }
            if let Kind::Supervisor(spec) = &child.kind {
                spec.check()?;
            }
        }
        Ok(())
    }

    /// The longest that an orderly stop of all children can take.
    fn shutdown(&self) -> Duration {
        self.children.iter().fold(Duration::ZERO, |sum, child| {
            sum.saturating_add(child.shutdown)
                .saturating_add(super::supervisor::KILL_GRACE)
        })
    }
}

impl ChildSpec {
    /// A worker: a child that runs one async function, anew after each restart. Permanent, with a deadline of 5 s.
    ///
    /// When the token is cancelled, the function should come to an end and return; after the deadline its future is
    /// dropped at the await where it stands. Returning `Ok` ends the worker [normally](super::Exit::Normal).
    pub fn worker<F, Fut, E>(name: impl Into<String>, run: F) -> Self
    where
        F: Fn(CancellationToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let run: WorkerFn = Arc::new(move |shutdown| {
            let running = run(shutdown);
            async move { running.await.map_err(Into::into) }.boxed()
        });
        Self::new(name, WORKER_SHUTDOWN, Kind::Worker(run))
    }

    /// A supervisor as a child. Permanent, with a deadline that its children's deadlines fit into.
    pub fn supervisor(name: impl Into<String>, spec: SupervisorSpec) -> Self {
        let shutdown = spec.shutdown();
        Self::new(name, shutdown, Kind::Supervisor(Arc::new(spec)))
    }

    /// Any ractor actor; `make` gives the actor and its arguments for each start. Permanent, with a deadline of 5 s.
    ///
    /// The start lasts as long as the actor's `pre_start`, and meanwhile the supervisor does nothing else but heed a stop:
    /// what may take long belongs after it.
    pub fn actor<A: Actor>(
        name: impl Into<String>,
        make: impl Fn() -> (A, A::Arguments) + Send + Sync + 'static,
    ) -> Self {
        let start: StartFn = Arc::new(move |supervisor| {
            let (actor, arguments) = make();
            async move {
                let (actor, task) = A::spawn_linked(None, actor, arguments, supervisor).await?;
                Ok((actor.get_cell(), task))
            }
            .boxed()
        });
        Self::new(name, WORKER_SHUTDOWN, Kind::Actor(start))
    }

    fn new(name: impl Into<String>, shutdown: Duration, kind: Kind) -> Self {
        Self {
            name: name.into(),
            restart: Restart::Permanent,
            shutdown,
            kind,
        }
    }

    /// Sets after which ends it is started again.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Sets how long it may take to stop before it is killed; zero kills it at once.
    #[must_use]
    pub fn shutdown(mut self, deadline: Duration) -> Self {
        self.shutdown = deadline;
        self
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("name", &self.name)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(name: &str) -> ChildSpec {
        ChildSpec::worker(name, |shutdown| async move {
            shutdown.cancelled().await;
            Ok::<_, BoxError>(())
        })
    }

    #[test]
    fn unusable_names_are_found_at_any_depth() {
        let spec = |name: &str| {
            let inner = SupervisorSpec::new(Strategy::OneForOne).children([idle("a"), idle(name)]);
            SupervisorSpec::new(Strategy::OneForOne)
                .children([idle("a"), ChildSpec::supervisor("inner", inner)])
        };
        assert!(spec("b").check().is_ok());
        assert!(matches!(spec("").check(), Err(StartError::BadName(_))));
        assert!(matches!(spec("x/y").check(), Err(StartError::BadName(_))));
        assert!(matches!(
            spec("a").check(),
            Err(StartError::DuplicateName(_))
        ));
    }

    #[test]
    fn a_supervisor_waits_longer_than_its_children_can_take() {
        let deadline = Duration::from_secs(3);
        let inner = SupervisorSpec::new(Strategy::OneForOne)
            .children([idle("a").shutdown(deadline), idle("b").shutdown(deadline)]);
        let child = ChildSpec::supervisor("inner", inner);
        assert!(child.shutdown > 2 * deadline);
    }
}
