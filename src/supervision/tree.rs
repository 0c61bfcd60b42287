//! A running tree, as its owner holds it.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorCell;
use tokio::sync::watch;
use tokio::time::timeout;

use super::exit::{Exit, SHUTDOWN};
use super::lease::{Gone, Lease};
use super::link::{Ends, Link};
use super::spawn::{Place, Ready, spawn_supervisor};
use super::spec::{StartError, SupervisorSpec};
use super::state::{Board, NodeState, ROOT, TreeState};
use super::supervisor::KILL_GRACE;

/// A running tree of supervisors. Dropping it kills the tree; [`Tree::stop`] stops it in order.
#[derive(Debug)]
pub struct Tree {
    root: ActorCell,
    state: watch::Receiver<TreeState>,
    board: Board,
    exit: watch::Receiver<Option<Exit>>,
}

/// How an orderly stop went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopReport {
    /// The paths of the children that outlived a deadline and were killed.
    pub killed: Vec<String>,
    /// The paths of the children that failed while they were stopping, with their errors.
    pub failed: Vec<(String, String)>,
}

impl StopReport {
    /// Whether every child stopped by itself and without an error.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.killed.is_empty() && self.failed.is_empty()
    }

    fn of(before: &TreeState, after: &TreeState) -> Self {
        let mut report = Self::default();
        let ended = after.nodes.iter().filter(|(path, node)| {
            let earlier = before.get(path).map(|node| node.state);
            *path != ROOT && earlier != Some(node.state)
        });
        for (path, node) in ended {
            match node.state {
                NodeState::Killed => report.killed.push(path.clone()),
                NodeState::Failed => {
                    let error = node.last_error.clone().unwrap_or_default();
                    report.failed.push((path.clone(), error));
                }
                _ => {}
            }
        }
        report
    }
}

impl Tree {
    /// Starts the root supervisor, which then starts its children in order; [`Tree::until`] waits for them.
    ///
    /// # Errors
    /// If the names in `spec` are unusable, or ractor cannot start an actor. A child that cannot start is no error here: it is
    /// restarted.
    pub async fn start(spec: SupervisorSpec) -> Result<Self, StartError> {
        spec.check()?;
        let board = Board::new(&spec);
        let (link, ends) = Link::open().await.map_err(StartError::Root)?;
        let (lease, gone) = Lease::new(None);
        let place = Place {
            path: ROOT.to_owned(),
            board: board.clone(),
            lease,
        };
        board.starting(ROOT);
        let (root, ready) = spawn_supervisor(Arc::new(spec), place, link.cell())
            .await
            .map_err(StartError::Root)?;
        board.up(ROOT, &root);
        let (sender, exit) = watch::channel(None);
        tokio::spawn(follow(link, ends, ready, gone, board.clone(), sender));
        Ok(Self {
            root,
            state: board.watch(),
            board,
            exit,
        })
    }

    /// Waits until the tree has ended and nothing of it is left. By itself the root ends only by escalation.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.clone().unwrap_or(Exit::Killed),
            // The runtime is going down, and the tree with it.
            Err(_) => Exit::Killed,
        }
    }

    /// Stops the tree: all children in the reverse of their start order, each within its own deadline. Whatever is left after
    /// `deadline` is killed.
    pub async fn stop(&self, deadline: Duration) -> StopReport {
        let before = self.state();
        self.board.stopping(ROOT);
        self.root.stop(Some(SHUTDOWN.to_owned()));
        if timeout(deadline, self.wait()).await.is_err() {
            tracing::warn!(
                deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
                "the tree outlived its shutdown deadline and is killed"
            );
            self.root.kill();
            self.wait().await;
        }
        StopReport::of(&before, &self.state())
    }

    /// The tree as it is now.
    #[must_use]
    pub fn state(&self) -> TreeState {
        self.state.borrow().clone()
    }

    /// Follows the tree's changes. Only the latest state is kept, so a short-lived one may go unseen; counts never do.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<TreeState> {
        self.state.clone()
    }

    /// Waits until the tree's state meets `condition`, and gives that state.
    pub async fn until(&self, condition: impl FnMut(&TreeState) -> bool) -> TreeState {
        let mut state = self.watch();
        match state.wait_for(condition).await {
            Ok(state) => state.clone(),
            // Cannot be: `self` holds a sender.
            Err(_) => std::future::pending().await,
        }
    }

    /// Kills the child at `path` as a crash would, for tests of what survives it; false if there is no such child running.
    pub fn kill_child(&self, path: &str) -> bool {
        let state = self.state.borrow();
        let cell = state.cell(path);
        if let Some(cell) = cell {
            cell.kill();
        }
        cell.is_some()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.root.kill();
    }
}

/// Waits for the root's start and end, and makes them known.
async fn follow(
    link: Link,
    mut ends: Ends,
    ready: Ready,
    gone: Gone,
    board: Board,
    exit: watch::Sender<Option<Exit>>,
) {
    if ready.await.is_ok() {
        board.running(ROOT);
    }
    // The root is all that is linked here.
    let ended = ends.recv().await.map_or(Exit::Killed, |(_, exit)| exit);
    if timeout(KILL_GRACE, gone.wait()).await.is_err() {
        tracing::error!(
            "the tree has ended, but something of it blocks its thread and cannot be aborted"
        );
    }
    drop(link);
    board.ended(ROOT, &ended);
    exit.send_replace(Some(ended));
}
