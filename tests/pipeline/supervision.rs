//! Every part of the tree can die at any moment: the tree returns to its shape, and nothing is lost.

use super::stage::{Setting, Stage, within};

#[tokio::test(flavor = "multi_thread")]
async fn any_part_may_be_killed_under_load() {
    let mut stage = Stage::set(Setting {
        visibility_s: 2,
        redrive_after: None,
        globals: "supervision: { max_restarts: 1000, window: 60s, backoff: { initial: 10ms, max: 100ms } }".to_owned(),
        ..Setting::default()
    })
    .await;
    stage.put_generated(20_000, 100, 41);
    let collector = stage.collector().await;
    let tree = collector.tree();
    let shape: Vec<String> = within(tree.until(|state| state.all_running()))
        .await
        .nodes
        .into_keys()
        .collect();
    // All but the root, whose end is the program's.
    let victims: Vec<&String> = shape.iter().filter(|path| *path != "/").collect();
    assert!(victims.len() >= 14, "{victims:?}");
    let mut random = fastrand::Rng::with_seed(41);
    let mut order = victims.clone();
    random.shuffle(&mut order);
    for victim in order {
        tree.kill_child(victim);
        within(tree.until(|state| state.all_running())).await;
    }
    stage.drained().await;
    let comparison = stage.comparison();
    assert!(comparison.is_complete(), "{comparison:?}");
    let after: Vec<String> = collector.state().nodes.into_keys().collect();
    assert_eq!(after, shape);
    assert_eq!(collector.in_flight_bytes(), 0);
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn when_restarting_does_not_help_the_program_ends_with_a_failure() {
    let stage = Stage::set(Setting {
        globals:
            "supervision: { max_restarts: 1, window: 60s, backoff: { initial: 1ms, max: 1ms } }"
                .to_owned(),
        ..Setting::default()
    })
    .await;
    let collector = stage.collector().await;
    let tree = collector.tree();
    let path = "outputs/devo/devo_sender_0";
    let ended = async {
        loop {
            let running = tree.until(|state| {
                state
                    .get(path)
                    .is_some_and(|node| node.state == cloudweir::supervision::NodeState::Running)
            });
            running.await;
            tree.kill_child(path);
        }
    };
    let exit = tokio::select! {
        exit = within(collector.wait()) => exit,
        () = ended => unreachable!("it never ends"),
    };
    assert!(exit.is_abnormal());
}
