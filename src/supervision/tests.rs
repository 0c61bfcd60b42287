//! The shell's tests: real actors, paused time. `Stage` makes children that write down what happens to them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod escalation;
mod restarts;
mod shutdown;
mod threads;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Longer, in paused time, than anything a test waits for.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// How a test ends a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Finish,
    Fail,
    Panic,
    Kill,
}

/// What a worker does about a stop.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Obeys,
    Ignores,
    Fails,
}

/// The journal of all children, and the strings they hang on.
#[derive(Clone)]
struct Stage {
    /// `+name` when a child begins to run, `-name` when all it owned is dropped.
    journal: watch::Sender<Vec<String>>,
    /// How many children run, whatever was cleared from the journal.
    present: watch::Sender<usize>,
    strings: Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Act>>>>,
}

/// Moved into each child; a child that leaks never writes its end.
struct Presence {
    name: String,
    stage: Stage,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.stage.write(format!("-{}", self.name));
        self.stage.present.send_modify(|present| *present -= 1);
    }
}

impl Stage {
    fn new() -> Self {
        Self {
            journal: watch::Sender::new(Vec::new()),
            present: watch::Sender::new(0),
            strings: Arc::default(),
        }
    }

    fn write(&self, entry: String) {
        self.journal.send_modify(|journal| journal.push(entry));
    }

    fn enter(&self, name: &str) -> (Presence, mpsc::UnboundedReceiver<Act>) {
        let (string, acts) = mpsc::unbounded_channel();
        self.strings.lock().unwrap().insert(name.to_owned(), string);
        self.write(format!("+{name}"));
        self.present.send_modify(|present| *present += 1);
        let presence = Presence {
            name: name.to_owned(),
            stage: self.clone(),
        };
        (presence, acts)
    }

    fn worker(&self, name: &str) -> ChildSpec {
        self.worker_that(name, Manner::Obeys)
    }

    fn worker_that(&self, name: &str, manner: Manner) -> ChildSpec {
        let stage = self.clone();
        let own_name = name.to_owned();
        ChildSpec::worker(name, move |shutdown: CancellationToken| {
            let stage = stage.clone();
            let name = own_name.clone();
            async move {
                let (_presence, mut acts) = stage.enter(&name);
                tokio::select! {
                    Some(act) = acts.recv() => perform(act),
                    () = shutdown.cancelled() => match manner {
                        Manner::Obeys => Ok(()),
                        Manner::Ignores => std::future::pending().await,
                        Manner::Fails => Err("cannot let go".into()),
                    },
                }
            }
        })
    }

    fn actor(&self, name: &str) -> ChildSpec {
        let stage = self.clone();
        let own_name = name.to_owned();
        ChildSpec::actor(name, move || (Puppet, (stage.clone(), own_name.clone())))
    }

    /// Ends the running child at `path`, whose own name is the path's last part.
    fn act(&self, tree: &Tree, path: &str, act: Act) {
        if act == Act::Kill {
            assert!(tree.kill_child(path), "{path} is not running");
            return;
        }
        let name = path.rsplit('/').next().unwrap();
        let strings = self.strings.lock().unwrap();
        strings[name].send(act).expect("the child is gone");
    }

    fn journal(&self) -> Vec<String> {
        self.journal.borrow().clone()
    }

    fn clear(&self) {
        self.journal.send_modify(Vec::clear);
    }

    /// Waits until the journal is as long as `expected`, and compares.
    async fn expect(&self, expected: &[&str]) {
        let mut journal = self.journal.subscribe();
        let _ = timeout(
            FOR_EVER,
            journal.wait_for(|journal| journal.len() >= expected.len()),
        )
        .await;
        assert_eq!(self.journal(), expected);
    }

    fn present(&self) -> usize {
        *self.present.borrow()
    }

    async fn until_empty(&self) {
        let mut present = self.present.subscribe();
        let empty = timeout(FOR_EVER, present.wait_for(|present| *present == 0));
        assert!(empty.await.is_ok(), "a child leaked");
    }
}

fn perform(act: Act) -> Result<(), BoxError> {
    match act {
        Act::Finish => Ok(()),
        Act::Fail => Err("told to fail".into()),
        Act::Panic => panic!("told to panic"),
        Act::Kill => unreachable!("kills go through the tree"),
    }
}

/// An actor of another kind than a worker.
struct Puppet;

impl Actor for Puppet {
    type Msg = Act;
    type State = Presence;
    type Arguments = (Stage, String);

    async fn pre_start(
        &self,
        myself: ActorRef<Act>,
        (stage, name): (Stage, String),
    ) -> Result<Presence, ActorProcessingErr> {
        let (presence, mut acts) = stage.enter(&name);
        tokio::spawn(async move {
            while let Some(act) = acts.recv().await {
                let _ = myself.cast(act);
            }
        });
        Ok(presence)
    }

    async fn handle(
        &self,
        myself: ActorRef<Act>,
        act: Act,
        _: &mut Presence,
    ) -> Result<(), ActorProcessingErr> {
        perform(act)?;
        myself.stop(None);
        Ok(())
    }
}

fn intensity(max_restarts: u32) -> Intensity {
    Intensity::new(max_restarts, 60 * SECOND).unwrap()
}

fn backoff(initial: Duration, max: Duration) -> Backoff {
    Backoff::new(initial, max).unwrap()
}

/// Waits for a state, and fails loudly instead of hanging when it never comes.
async fn until(tree: &Tree, condition: impl FnMut(&TreeState) -> bool) -> TreeState {
    match timeout(FOR_EVER, tree.until(condition)).await {
        Ok(state) => state,
        Err(_) => panic!("the tree stays at {:#?}", tree.state()),
    }
}

async fn start(spec: SupervisorSpec) -> Tree {
    let tree = Tree::start(spec).await.unwrap();
    until(&tree, TreeState::all_running).await;
    tree
}

fn restarts(state: &TreeState, path: &str) -> u32 {
    state.get(path).unwrap().restarts
}

fn state_of(state: &TreeState, path: &str) -> NodeState {
    state.get(path).unwrap().state
}
