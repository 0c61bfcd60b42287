//! What happens when the restart intensity is spent.

use super::*;

/// A chain `top` > `middle` > worker `w`, beside a worker `bystander`; each supervisor may restart as often as given.
fn chain(stage: &Stage, root: u32, top: u32, middle: u32) -> SupervisorSpec {
    let middle = SupervisorSpec::new(Strategy::OneForOne)
        .intensity(intensity(middle))
        .child(stage.worker("w"));
    let top = SupervisorSpec::new(Strategy::OneForOne)
        .intensity(intensity(top))
        .child(ChildSpec::supervisor("middle", middle));
    SupervisorSpec::new(Strategy::OneForOne)
        .intensity(intensity(root))
        .child(stage.worker("bystander"))
        .child(ChildSpec::supervisor("top", top))
}

/// Fails `w` each time it is up, until the tree has ended.
async fn keep_failing(stage: &Stage, tree: &Tree) -> usize {
    let mut failures = 0;
    loop {
        let mut journal = stage.journal.subscribe();
        let up = journal.wait_for(|journal| {
            let starts = journal.iter().filter(|entry| *entry == "+w").count();
            starts > failures
        });
        tokio::select! {
            biased;
            up = timeout(FOR_EVER, up) => assert!(up.is_ok(), "the tree hangs"),
            _ = tree.wait() => return failures,
        }
        stage.act(tree, "top/middle/w", Act::Fail);
        failures += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_climbs_level_by_level_to_the_root_and_ends_the_tree() {
    let stage = Stage::new();
    let tree = start(chain(&stage, 0, 0, 0)).await;
    assert_eq!(keep_failing(&stage, &tree).await, 1);
    let Exit::Failed(error) = tree.wait().await else {
        panic!("the root did not fail");
    };
    let spent = "and the 0 restarts allowed in 60s are spent";
    assert_eq!(
        error,
        format!(
            "top ended (failed: middle ended (failed: w ended (failed: told to fail), {spent}), {spent}), {spent}"
        )
    );
    assert_eq!(stage.present(), 0);
    assert_eq!(state_of(&tree.state(), ROOT), NodeState::Failed);
}

#[tokio::test(start_paused = true)]
async fn each_level_spends_its_own_restarts_first() {
    let stage = Stage::new();
    let tree = start(chain(&stage, 1, 1, 1)).await;
    // Two failures for each life of `middle`, two of those for each of `top`, and two of those for the root.
    assert_eq!(keep_failing(&stage, &tree).await, 8);
    assert!(matches!(tree.wait().await, Exit::Failed(_)));
    let state = tree.state();
    assert_eq!(restarts(&state, "top"), 1);
    assert_eq!(restarts(&state, "top/middle"), 3);
    assert_eq!(restarts(&state, "bystander"), 0);
    assert_eq!(stage.present(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_escalation_stops_the_siblings_in_order_first() {
    let stage = Stage::new();
    let spec = SupervisorSpec::new(Strategy::OneForOne)
        .intensity(intensity(0))
        .children(["a", "b", "c"].map(|name| stage.worker(name)));
    let tree = start(spec).await;
    stage.expect(&["+a", "+b", "+c"]).await;
    stage.clear();
    stage.act(&tree, "b", Act::Panic);
    assert!(matches!(tree.wait().await, Exit::Failed(_)));
    stage.expect(&["-b", "-c", "-a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_always_fails_escalates_too() {
    let child = ChildSpec::actor("a", || -> (Puppet, (Stage, String)) { panic!("no way") });
    let spec = SupervisorSpec::new(Strategy::OneForOne)
        .intensity(intensity(3))
        .backoff(backoff(SECOND, SECOND))
        .child(child);
    let tree = Tree::start(spec).await.unwrap();
    let Exit::Failed(error) = tree.wait().await else {
        panic!("the root did not fail");
    };
    assert!(error.starts_with("a ended (panicked: no way)"), "{error}");
    assert_eq!(restarts(&tree.state(), "a"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_killed_root_ends_the_tree_as_killed() {
    let stage = Stage::new();
    let tree = start(chain(&stage, 1, 1, 1)).await;
    assert!(tree.kill_child(ROOT));
    assert_eq!(tree.wait().await, Exit::Killed);
    assert_eq!(stage.present(), 0);
}
