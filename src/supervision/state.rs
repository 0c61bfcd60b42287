//! What the outside sees of a tree: one node per path.

use std::collections::BTreeMap;

use ractor::ActorCell;
use tokio::sync::watch;

use super::exit::Exit;
use super::spec::{Kind, SupervisorSpec};

/// The path of the root supervisor; its children's paths are their names, their children's `name/name`.
pub const ROOT: &str = "/";

/// Where a supervised child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// Not started yet, done, or stopped in good order.
    Stopped,
    /// Its start is under way.
    Starting,
    /// Started.
    Running,
    /// Waiting for its restart.
    Backoff,
    /// Asked to stop.
    Stopping,
    /// Ended by an error, a panic or a kill, and not (yet) to be restarted.
    Failed,
    /// Killed by its supervisor: it outlived its deadline, or its supervisor died.
    Killed,
}

/// What is known of one child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub state: NodeState,
    /// How often it was started again, for its own or a sibling's sake, since the tree was started.
    pub restarts: u32,
    /// Its latest abnormal end, or its failed start.
    pub last_error: Option<String>,
    started_once: bool,
    cell: Option<ActorCell>,
}

impl Node {
    const UNSTARTED: Self = Self {
        state: NodeState::Stopped,
        restarts: 0,
        last_error: None,
        started_once: false,
        cell: None,
    };
}

/// A snapshot of a whole tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeState {
    /// All nodes by path, the [`ROOT`] included, those not started yet as well.
    pub nodes: BTreeMap<String, Node>,
}

impl TreeState {
    /// The node at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Whether every node is running.
    #[must_use]
    pub fn all_running(&self) -> bool {
        let mut nodes = self.nodes.values();
        nodes.all(|node| node.state == NodeState::Running)
    }

    pub(super) fn cell(&self, path: &str) -> Option<&ActorCell> {
        self.get(path)?.cell.as_ref()
    }
}

/// Where the supervisors of one tree write down what they do.
#[derive(Debug, Clone)]
pub(super) struct Board(watch::Sender<TreeState>);

impl Board {
    /// A board with every node of `spec`, none of them started.
    pub(super) fn new(spec: &SupervisorSpec) -> Self {
        let mut state = TreeState::default();
        state.nodes.insert(ROOT.to_owned(), Node::UNSTARTED);
        add_children(&mut state, ROOT, spec);
        Self(watch::Sender::new(state))
    }

    pub(super) fn watch(&self) -> watch::Receiver<TreeState> {
        self.0.subscribe()
    }

    /// Notes that a start begins, and gives the number of restarts it makes.
    pub(super) fn starting(&self, path: &str) -> u32 {
        let mut restarts = 0;
        self.update(path, |node| {
            node.state = NodeState::Starting;
            node.restarts += u32::from(node.started_once);
            node.started_once = true;
            restarts = node.restarts;
        });
        restarts
    }

    /// Notes the actor of a child whose start is under way.
    pub(super) fn up(&self, path: &str, cell: &ActorCell) {
        self.update(path, |node| node.cell = Some(cell.clone()));
    }

    /// Notes that a start has succeeded, unless a stop has overtaken it.
    pub(super) fn running(&self, path: &str) {
        self.update(path, |node| {
            if node.state == NodeState::Starting {
                node.state = NodeState::Running;
            }
        });
    }

    /// Notes that a child was asked to stop, unless it has ended meanwhile.
    pub(super) fn stopping(&self, path: &str) {
        self.update(path, |node| {
            if node.cell.is_some() {
                node.state = NodeState::Stopping;
            }
        });
    }

    pub(super) fn restarts(&self, path: &str) -> u32 {
        self.0.borrow().get(path).map_or(0, |node| node.restarts)
    }

    pub(super) fn set(&self, path: &str, state: NodeState) {
        self.update(path, |node| node.state = state);
    }

    pub(super) fn ended(&self, path: &str, exit: &Exit) {
        self.update(path, |node| {
            node.cell = None;
            if exit.is_abnormal() {
                node.state = NodeState::Failed;
                node.last_error = Some(exit.to_string());
            } else {
                node.state = NodeState::Stopped;
            }
        });
    }

    pub(super) fn killed(&self, path: &str) {
        self.update(path, |node| {
            node.cell = None;
            node.state = NodeState::Killed;
        });
    }

    fn update(&self, path: &str, change: impl FnOnce(&mut Node)) {
        self.0.send_if_modified(|state| {
            let node = state.nodes.get_mut(path);
            node.map(change).is_some()
        });
    }
}

fn add_children(state: &mut TreeState, parent: &str, spec: &SupervisorSpec) {
    for child in &spec.children {
        let path = join(parent, &child.name);
        if let Kind::Supervisor(spec) = &child.kind {
            add_children(state, &path, spec);
        }
        state.nodes.insert(path, Node::UNSTARTED);
    }
}

/// The path of the child `name` of the supervisor at `parent`.
pub(super) fn join(parent: &str, name: &str) -> String {
    if parent == ROOT {
        name.to_owned()
    } else {
        format!("{parent}/{name}")
    }
}
