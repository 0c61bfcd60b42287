//! Every kind of child, ended in every way, under every strategy; and when it comes back.

use tokio::time::Instant;

use super::*;

const ACTS: [Act; 4] = [Act::Finish, Act::Fail, Act::Panic, Act::Kill];

/// tokio's timers have a resolution of 1 ms.
const TICK: Duration = Duration::from_millis(1);

/// What follows the end of `b` among `a`, `b`, `c`.
const EFFECTS: [(Strategy, &[&str]); 3] = [
    (Strategy::OneForOne, &["-b", "+b"]),
    (Strategy::OneForAll, &["-b", "-c", "-a", "+a", "+b", "+c"]),
    (Strategy::RestForOne, &["-b", "-c", "+b", "+c"]),
];

#[tokio::test(start_paused = true)]
async fn a_worker_comes_back_with_the_siblings_its_strategy_names() {
    every_end_of_every_strategy(Stage::worker).await;
}

#[tokio::test(start_paused = true)]
async fn an_actor_comes_back_with_the_siblings_its_strategy_names() {
    every_end_of_every_strategy(Stage::actor).await;
}

async fn every_end_of_every_strategy(child: fn(&Stage, &str) -> ChildSpec) {
    for (strategy, effect) in EFFECTS {
        for act in ACTS {
            let stage = Stage::new();
            let children = ["a", "b", "c"].map(|name| child(&stage, name));
            let tree = start(SupervisorSpec::new(strategy).children(children)).await;
            stage.expect(&["+a", "+b", "+c"]).await;
            stage.clear();
            stage.act(&tree, "b", act);
            stage.expect(effect).await;
            let state = until(&tree, TreeState::all_running).await;
            assert_eq!(restarts(&state, "b"), 1, "{strategy:?} {act:?}");
            assert!(tree.stop(FOR_EVER).await.is_clean());
            assert_eq!(stage.present(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_supervisor_takes_its_children_along_and_comes_back_with_them() {
    for (strategy, effect) in EFFECTS {
        let stage = Stage::new();
        let inner = SupervisorSpec::new(Strategy::OneForOne).child(stage.worker("b"));
        let spec = SupervisorSpec::new(strategy)
            .child(stage.worker("a"))
            .child(ChildSpec::supervisor("inner", inner))
            .child(stage.worker("c"));
        let tree = start(spec).await;
        stage.expect(&["+a", "+b", "+c"]).await;
        stage.clear();
        assert!(tree.kill_child("inner"));
        stage.expect(effect).await;
        let state = until(&tree, TreeState::all_running).await;
        assert_eq!(restarts(&state, "inner"), 1, "{strategy:?}");
        assert_eq!(restarts(&state, "inner/b"), 1, "{strategy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_state_tells_how_a_child_ended() {
    let table = [
        (Act::Finish, None),
        (Act::Fail, Some("failed: told to fail")),
        (Act::Panic, Some("panicked: told to panic")),
        (Act::Kill, Some("killed")),
    ];
    for (act, error) in table {
        let stage = Stage::new();
        let child = stage.worker("a").restart(Restart::Temporary);
        let tree = start(SupervisorSpec::new(Strategy::OneForAll).child(child)).await;
        stage.expect(&["+a"]).await;
        stage.act(&tree, "a", act);
        let ended = |state: &TreeState| state_of(state, "a") != NodeState::Running;
        let state = until(&tree, ended).await;
        assert_eq!(state.get("a").unwrap().last_error.as_deref(), error);
        stage.expect(&["+a", "-a"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_transient_child_comes_back_only_after_a_failure() {
    let stage = Stage::new();
    let child = stage.worker("a").restart(Restart::Transient);
    let tree = start(SupervisorSpec::new(Strategy::OneForOne).child(child)).await;
    stage.expect(&["+a"]).await;
    stage.act(&tree, "a", Act::Panic);
    stage.expect(&["+a", "-a", "+a"]).await;
    stage.act(&tree, "a", Act::Finish);
    until(&tree, |state| state_of(state, "a") == NodeState::Stopped).await;
    tokio::time::advance(FOR_EVER / 2).await;
    stage.expect(&["+a", "-a", "+a", "-a"]).await;
    assert!(!tree.kill_child("a"));
}

#[tokio::test(start_paused = true)]
async fn restarts_wait_for_a_growing_backoff_until_a_healthy_run() {
    let stage = Stage::new();
    let spec = SupervisorSpec::new(Strategy::OneForOne)
        .intensity(Intensity::new(100, 1000 * SECOND).unwrap())
        .backoff(backoff(SECOND, 4 * SECOND))
        .child(stage.worker("a"));
    let tree = start(spec).await;
    let mut waited = Duration::ZERO;
    for (count, cap_s) in [(1, 1), (2, 2), (3, 4), (4, 4)] {
        stage.act(&tree, "a", Act::Fail);
        until(&tree, |state| state_of(state, "a") == NodeState::Backoff).await;
        let failed_at = Instant::now();
        until(&tree, |state| {
            restarts(state, "a") == count && state.all_running()
        })
        .await;
        assert!(failed_at.elapsed() <= cap_s * SECOND + TICK);
        waited += failed_at.elapsed();
        stage
            .journal
            .subscribe()
            .wait_for(|it| it.len() == 2 * count as usize + 1)
            .await
            .unwrap();
    }
    assert!(waited > TICK);
    tokio::time::advance(1000 * SECOND).await;
    stage.act(&tree, "a", Act::Fail);
    until(&tree, |state| state_of(state, "a") == NodeState::Backoff).await;
    let failed_at = Instant::now();
    until(&tree, TreeState::all_running).await;
    assert!(failed_at.elapsed() <= SECOND + TICK);
}

#[tokio::test(start_paused = true)]
async fn siblings_that_need_a_child_wait_until_it_can_start() {
    let stage = Stage::new();
    let tries = Arc::new(Mutex::new(0));
    let first = {
        let stage = stage.clone();
        ChildSpec::actor("a", move || {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            let succeeds = *tries > 3;
            drop(tries);
            assert!(succeeds, "not yet");
            (Puppet, (stage.clone(), "a".to_owned()))
        })
    };
    let spec = SupervisorSpec::new(Strategy::RestForOne)
        .child(first)
        .child(stage.worker("b"));
    let tree = start(spec).await;
    stage.expect(&["+a", "+b"]).await;
    let state = tree.state();
    assert_eq!(restarts(&state, "a"), 3);
    assert_eq!(restarts(&state, "b"), 0);
    let error = state.get("a").unwrap().last_error.as_deref();
    assert_eq!(error, Some("panicked: not yet"));
}

#[tokio::test(start_paused = true)]
async fn siblings_that_need_nobody_start_past_one_that_cannot() {
    let stage = Stage::new();
    let broken = ChildSpec::actor("a", || (Unstartable, ()));
    let spec = SupervisorSpec::new(Strategy::OneForOne)
        .child(broken)
        .child(stage.worker("b"));
    let tree = Tree::start(spec).await.unwrap();
    let state = until(&tree, |state| {
        restarts(state, "a") == 2 && state_of(state, "b") == NodeState::Running
    })
    .await;
    let error = state.get("a").unwrap().last_error.as_deref();
    assert_eq!(error, Some("failed: no database"));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_before_its_first_await_is_restarted() {
    let child = ChildSpec::worker("a", |_| -> std::future::Ready<Result<(), BoxError>> {
        panic!("at once")
    });
    let spec = SupervisorSpec::new(Strategy::OneForOne).child(child);
    let tree = Tree::start(spec).await.unwrap();
    let state = until(&tree, |state| restarts(state, "a") == 2).await;
    let error = state.get("a").unwrap().last_error.as_deref();
    assert_eq!(error, Some("panicked: at once"));
}

/// An actor whose start fails.
struct Unstartable;

impl Actor for Unstartable {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Err("no database".into())
    }
}
