//! The tables of OTP, and properties over random histories.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::{Backoff, Decider, Duration, Exit, Instant, Intensity, Plan, Restart, Strategy};

const SECOND: Duration = Duration::from_secs(1);
const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const STRATEGIES: [Strategy; 3] = [
    Strategy::OneForOne,
    Strategy::OneForAll,
    Strategy::RestForOne,
];

fn exits() -> [Exit; 5] {
    [
        Exit::Normal,
        Exit::Shutdown,
        Exit::Failed("error".into()),
        Exit::Panicked("panic".into()),
        Exit::Killed,
    ]
}

fn decider(strategy: Strategy, max_restarts: u32, children: &[Restart]) -> Decider {
    Decider::new(
        strategy,
        Intensity::new(max_restarts, 10 * SECOND).unwrap(),
        Backoff::new(SECOND, 8 * SECOND).unwrap(),
        children.iter().copied(),
        fastrand::Rng::with_seed(7),
    )
}

/// The children that a plan stops and starts.
fn moves(plan: Plan) -> (Vec<usize>, Vec<usize>) {
    match plan {
        Plan::Restart { stop, start, .. } => (stop, start),
        other => panic!("not a restart: {other:?}"),
    }
}

#[test]
fn the_restart_type_decides_whether_a_child_comes_back() {
    for restart in RESTARTS {
        for exit in exits() {
            let plan = decider(Strategy::OneForOne, 1, &[restart]).decide(0, &exit, Instant::now());
            let as_expected = match restart {
                Restart::Permanent => matches!(plan, Plan::Restart { .. }),
                Restart::Transient if exit.is_abnormal() => matches!(plan, Plan::Restart { .. }),
                Restart::Transient => plan == Plan::Nothing,
                Restart::Temporary => plan == Plan::Remove,
            };
            assert!(as_expected, "{restart:?} after {exit:?}: {plan:?}");
        }
    }
}

#[test]
fn the_strategy_decides_which_siblings_go_with_it() {
    let table = [
        (Strategy::OneForOne, vec![], vec![1]),
        (Strategy::OneForAll, vec![3, 2, 0], vec![0, 1, 2, 3]),
        (Strategy::RestForOne, vec![3, 2], vec![1, 2, 3]),
    ];
    for (strategy, stop, start) in table {
        let plan =
            decider(strategy, 1, &[Restart::Permanent; 4]).decide(1, &Exit::Killed, Instant::now());
        assert_eq!(moves(plan), (stop, start), "{strategy:?}");
    }
}

#[test]
fn a_temporary_sibling_is_stopped_but_not_started_again() {
    let children = [Restart::Permanent, Restart::Temporary, Restart::Transient];
    let mut decider = decider(Strategy::OneForAll, 2, &children);
    let now = Instant::now();
    assert_eq!(
        moves(decider.decide(0, &Exit::Killed, now)),
        (vec![2, 1], vec![0, 2])
    );
    assert_eq!(
        moves(decider.decide(0, &Exit::Killed, now)),
        (vec![2], vec![0, 2])
    );
}

#[test]
fn a_transient_child_that_was_done_starts_again_with_its_group() {
    let children = [Restart::Permanent, Restart::Transient];
    let mut decider = decider(Strategy::RestForOne, 1, &children);
    let now = Instant::now();
    assert_eq!(decider.decide(1, &Exit::Normal, now), Plan::Nothing);
    assert_eq!(
        moves(decider.decide(0, &Exit::Killed, now)),
        (vec![1], vec![0, 1])
    );
}

#[test]
fn one_restart_too_many_escalates() {
    let mut decider = decider(Strategy::OneForOne, 2, &[Restart::Permanent; 2]);
    let now = Instant::now();
    for child in [0, 1] {
        let plan = decider.decide(child, &Exit::Killed, now);
        assert!(matches!(plan, Plan::Restart { .. }));
    }
    let Plan::Escalate { reason } = decider.decide(0, &Exit::Killed, now) else {
        panic!("a third restart");
    };
    assert_eq!(
        reason.to_string(),
        "the 2 restarts allowed in 10s are spent"
    );
}

/// The longest of many delays, which comes close to the cap.
fn longest_delay(failures: u32, up_for: Duration) -> Duration {
    let delays = (0..200).map(|seed| {
        let mut decider = decider(Strategy::OneForOne, u32::MAX, &[Restart::Permanent]);
        decider.random = fastrand::Rng::with_seed(seed);
        let mut now = Instant::now();
        for _ in 0..failures {
            decider.decide(0, &Exit::Killed, now);
        }
        decider.started(0, now);
        now += up_for;
        match decider.decide(0, &Exit::Killed, now) {
            Plan::Restart { delay, .. } => delay,
            other => panic!("not a restart: {other:?}"),
        }
    });
    delays.max().unwrap()
}

#[test]
fn the_backoff_grows_and_a_healthy_run_resets_it() {
    assert!(longest_delay(0, SECOND) <= SECOND);
    assert!(longest_delay(2, 9 * SECOND) > 3 * SECOND);
    assert!(longest_delay(2, 10 * SECOND) <= SECOND);
}

proptest! {
    #[test]
    fn any_history_keeps_the_rules(
        strategy in prop::sample::select(STRATEGIES.to_vec()),
        children in prop::collection::vec(prop::sample::select(RESTARTS.to_vec()), 1..6),
        max_restarts in 0_u32..6,
        history in prop::collection::vec((0_usize..6, 0_usize..5, 0_u64..8_000), 0..80),
        seed: u64,
    ) {
        let mut decider = decider(strategy, max_restarts, &children);
        decider.random = fastrand::Rng::with_seed(seed);
        let mut now = Instant::now();
        let mut restarts: Vec<Instant> = Vec::new();
        let mut gone = vec![false; children.len()];
        for (child, exit, gap_ms) in history {
            let child = child % children.len();
            let exit = &exits()[exit];
            now += Duration::from_millis(gap_ms);
            let in_window = restarts.iter().filter(|then| now - **then < 10 * SECOND).count();
            match decider.decide(child, exit, now) {
                Plan::Nothing => {
                    prop_assert!(gone[child] || (children[child] == Restart::Transient && !exit.is_abnormal()));
                }
                Plan::Remove => {
                    prop_assert!(!gone[child] && children[child] == Restart::Temporary);
                    gone[child] = true;
                }
                Plan::Escalate { .. } => {
                    prop_assert_eq!(in_window, max_restarts as usize);
                    break;
                }
                Plan::Restart { stop, start, delay } => {
                    restarts.push(now);
                    prop_assert!(in_window < max_restarts as usize);
                    prop_assert!(delay <= 8 * SECOND);

                    let touched: Vec<usize> = match strategy {
                        Strategy::OneForOne => vec![child],
                        Strategy::OneForAll => (0..children.len()).collect(),
                        Strategy::RestForOne => (child..children.len()).collect(),
                    };
                    let present = touched.into_iter().filter(|index| !gone[*index]);
                    let (temporary, lasting): (Vec<usize>, Vec<usize>) =
                        present.clone().partition(|index| children[*index] == Restart::Temporary);
                    let mut others: Vec<usize> = present.filter(|index| *index != child).collect();
                    others.reverse();
                    prop_assert_eq!(stop, others);
                    prop_assert_eq!(start, lasting);
                    for index in temporary {
                        gone[index] = true;
                    }
                }
            }
        }
    }
}
