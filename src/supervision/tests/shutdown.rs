//! Ordered stops, deadlines, and that nothing is left behind.

use tokio::time::Instant;

use super::*;

/// A tree `a`, `inner/{b, c}`, `d`, of which `b` behaves as told.
fn nested(stage: &Stage, b: ChildSpec) -> SupervisorSpec {
    let inner = SupervisorSpec::new(Strategy::OneForOne).children([b, stage.actor("c")]);
    SupervisorSpec::new(Strategy::OneForOne)
        .child(stage.worker("a"))
        .child(ChildSpec::supervisor("inner", inner))
        .child(stage.worker("d"))
}

async fn start_nested(stage: &Stage, b: ChildSpec) -> Tree {
    let tree = start(nested(stage, b)).await;
    let mut journal = stage.journal.subscribe();
    journal
        .wait_for(|journal| journal.len() == 4)
        .await
        .unwrap();
    stage.clear();
    tree
}

#[tokio::test(start_paused = true)]
async fn children_stop_in_the_reverse_of_their_start_order() {
    let stage = Stage::new();
    let tree = start_nested(&stage, stage.worker("b")).await;
    let report = tree.stop(FOR_EVER).await;
    assert_eq!(report, StopReport::default());
    stage.expect(&["-d", "-c", "-b", "-a"]).await;
    let state = tree.state();
    let mut nodes = state.nodes.values();
    assert!(nodes.all(|node| node.state == NodeState::Stopped));
    assert_eq!(tree.wait().await, Exit::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_outlives_its_deadline_is_killed_and_named() {
    let stage = Stage::new();
    let stubborn = stage.worker_that("b", Manner::Ignores).shutdown(3 * SECOND);
    let tree = start_nested(&stage, stubborn).await;
    let asked_at = Instant::now();
    let report = tree.stop(FOR_EVER).await;
    assert_eq!(report.killed, ["inner/b"]);
    assert!(report.failed.is_empty());
    assert!(asked_at.elapsed() >= 3 * SECOND);
    assert!(asked_at.elapsed() < 4 * SECOND);
    stage.expect(&["-d", "-c", "-b", "-a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_outlives_the_whole_deadline_is_killed() {
    let stage = Stage::new();
    let stubborn = stage.worker_that("b", Manner::Ignores).shutdown(FOR_EVER);
    let tree = start_nested(&stage, stubborn).await;
    let asked_at = Instant::now();
    let report = tree.stop(2 * SECOND).await;
    assert_eq!(report.killed, ["a", "inner", "inner/b"]);
    assert!(asked_at.elapsed() < 3 * SECOND);
    let mut journal = stage.journal();
    journal[2..].sort();
    assert_eq!(journal, ["-d", "-c", "-a", "-b"]);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_fails_while_it_stops_is_named() {
    let stage = Stage::new();
    let tree = start_nested(&stage, stage.worker_that("b", Manner::Fails)).await;
    let report = tree.stop(FOR_EVER).await;
    let error = "failed: cannot let go".to_owned();
    assert_eq!(report.failed, [("inner/b".to_owned(), error)]);
    assert!(report.killed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_killed_while_it_stops_a_child_takes_the_child_along() {
    let stage = Stage::new();
    let stubborn = stage.worker_that("b", Manner::Ignores).shutdown(FOR_EVER);
    let tree = start_nested(&stage, stubborn).await;
    let killer = async {
        until(&tree, |state| {
            state_of(state, "inner/b") == NodeState::Stopping
        })
        .await;
        assert!(tree.kill_child("inner"));
    };
    let (report, ()) = tokio::join!(tree.stop(FOR_EVER), killer);
    assert_eq!(report.killed, ["inner/b"]);
    stage.expect(&["-d", "-c", "-b", "-a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_backoff_cancels_the_restart_at_once() {
    let stage = Stage::new();
    let spec = SupervisorSpec::new(Strategy::RestForOne)
        .backoff(backoff(3600 * SECOND, 3600 * SECOND))
        .children(["a", "b", "c"].map(|name| stage.worker(name)));
    let tree = start(spec).await;
    stage.expect(&["+a", "+b", "+c"]).await;
    stage.clear();
    stage.act(&tree, "b", Act::Fail);
    until(&tree, |state| state_of(state, "c") == NodeState::Backoff).await;
    let asked_at = Instant::now();
    assert!(tree.stop(FOR_EVER).await.is_clean());
    assert_eq!(asked_at.elapsed(), Duration::ZERO);
    stage.expect(&["-b", "-c", "-a"]).await;
    assert_eq!(state_of(&tree.state(), "b"), NodeState::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_slow_start_is_heeded_at_once() {
    let stage = Stage::new();
    let spec = SupervisorSpec::new(Strategy::OneForOne)
        .child(stage.worker("a"))
        .child(ChildSpec::actor("b", || (NeverUp, ())));
    let tree = Tree::start(spec).await.unwrap();
    until(&tree, |state| state_of(state, "b") == NodeState::Starting).await;
    stage.expect(&["+a"]).await;
    let asked_at = Instant::now();
    assert!(tree.stop(FOR_EVER).await.is_clean());
    assert_eq!(asked_at.elapsed(), Duration::ZERO);
    stage.expect(&["+a", "-a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_tree_leaves_nothing_behind() {
    let stage = Stage::new();
    let tree = start(nested(&stage, stage.worker_that("b", Manner::Ignores))).await;
    assert_eq!(stage.present(), 4);
    drop(tree);
    stage.until_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_finds_nothing_to_do() {
    let stage = Stage::new();
    let tree = start(SupervisorSpec::new(Strategy::OneForOne).child(stage.worker("a"))).await;
    assert!(tree.stop(FOR_EVER).await.is_clean());
    assert!(tree.stop(Duration::ZERO).await.is_clean());
    assert!(!tree.kill_child(ROOT));
}

/// An actor whose start takes for ever.
struct NeverUp;

impl Actor for NeverUp {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        std::future::pending().await
    }
}
