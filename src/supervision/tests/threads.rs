//! The same on real threads, where ends and starts race.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_kills_leave_no_child_twice_and_none_behind() {
    let stage = Stage::new();
    let quick = backoff(Duration::from_nanos(1), Duration::from_micros(1));
    let unlimited = Intensity::new(u32::MAX, SECOND).unwrap();
    let supervisor = |strategy| {
        SupervisorSpec::new(strategy)
            .intensity(unlimited)
            .backoff(quick)
    };
    let inner = supervisor(Strategy::OneForAll).children([stage.worker("b"), stage.actor("c")]);
    let spec = supervisor(Strategy::RestForOne)
        .child(stage.worker("a"))
        .child(ChildSpec::supervisor("inner", inner))
        .child(stage.worker("d"));
    let tree = start(spec).await;

    let mut random = fastrand::Rng::with_seed(3);
    let paths = ["a", "inner", "inner/b", "inner/c", "d"];
    for _ in 0..300 {
        let path = paths[random.usize(..paths.len())];
        let before = restarts(&tree.state(), path);
        // It may be down for another's sake, and then comes up just the same.
        if tree.kill_child(path) {
            until(&tree, |state| restarts(state, path) > before).await;
        }
        until(&tree, TreeState::all_running).await;
    }
    assert!(tree.stop(FOR_EVER).await.is_clean());
    stage.until_empty().await;

    for name in ["a", "b", "c", "d"] {
        let mut own = stage.journal();
        own.retain(|entry| entry.ends_with(name));
        let alternates = own
            .iter()
            .enumerate()
            .all(|(index, entry)| entry.starts_with('+') == (index % 2 == 0));
        assert!(alternates, "two of {name} at a time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_child_is_not_replaced_before_it_is_gone() {
    let stage = Stage::new();
    let (successor, meeting) = std::sync::mpsc::channel::<()>();
    let meeting = Arc::new(Mutex::new(Some(meeting)));
    let child = {
        let stage = stage.clone();
        ChildSpec::worker("a", move |_| {
            let (stage, successor) = (stage.clone(), successor.clone());
            let meeting = meeting.lock().unwrap().take();
            async move {
                let (_presence, _acts) = stage.enter("a");
                match meeting {
                    // The first stays in its poll, where no abort reaches it, until the second is there, which should not be.
                    Some(meeting) => drop(meeting.recv_timeout(SECOND / 4)),
                    None => drop(successor.send(())),
                }
                std::future::pending::<Result<(), BoxError>>().await
            }
        })
    };
    let spec = SupervisorSpec::new(Strategy::OneForOne)
        .backoff(backoff(Duration::from_nanos(1), Duration::from_nanos(1)))
        .child(child.shutdown(Duration::ZERO));
    let tree = start(spec).await;
    stage.expect(&["+a"]).await;
    assert!(tree.kill_child("a"));
    stage.expect(&["+a", "-a", "+a"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_that_blocks_its_thread_does_not_hold_up_the_stop() {
    let (release, blocker) = std::sync::mpsc::channel::<()>();
    let blocker = Arc::new(Mutex::new(blocker));
    let blocked = ChildSpec::worker("blocked", move |_| {
        let blocker = Arc::clone(&blocker);
        async move {
            // What no worker should do.
            let _ = blocker.lock().unwrap().recv();
            Ok::<_, BoxError>(())
        }
    });
    let spec = SupervisorSpec::new(Strategy::OneForOne).child(blocked.shutdown(Duration::ZERO));
    let tree = start(spec).await;
    let report = tree.stop(FOR_EVER).await;
    assert_eq!(report.killed, ["blocked"]);
    drop(release);
}
