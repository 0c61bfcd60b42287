//! Ends in order: exit 0 within the deadline, the queue consistent, nothing repeated by the next start.

use std::time::Duration;

use super::stage::{QUEUE, Setting, Stage, within};

#[tokio::test(flavor = "multi_thread")]
async fn stopped_in_the_middle_it_exits_0_and_the_next_start_repeats_nothing() {
    let mut stage = Stage::set(Setting {
        visibility_s: 600,
        ..Setting::default()
    })
    .await;
    stage.put_generated(30_000, 200, 31);
    for lines in [1, 8_000, 16_000] {
        let mut program = stage.program();
        within(
            stage
                .receiver
                .until(|receiver| receiver.totals().lines >= lines),
        )
        .await;
        program.signal("TERM");
        assert_eq!(program.exit_code().await, Some(0), "{}", program.log());
        // What was not begun is visible again at once, not after the ten minutes of its timeout.
        assert_eq!(
            stage.lab.sqs().stats(QUEUE).unwrap().in_flight,
            0,
            "{}",
            program.log()
        );
    }
    let mut program = stage.program();
    stage.assert_exact().await;
    program.signal("INT");
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_stalled_receiver_it_exits_at_the_deadline_and_nothing_is_lost() {
    let mut stage = Stage::set(Setting {
        visibility_s: 3,
        globals: "shutdown_timeout: 2s".to_owned(),
        ..Setting::default()
    })
    .await;
    stage.receiver.stall();
    stage.put_generated(20_000, 200, 1);
    let mut program = stage.program();
    let taken = stage.lab.sqs().until(QUEUE, |queue| queue.in_flight > 0);
    within(taken).await.unwrap();
    program.signal("TERM");
    let exit = tokio::time::timeout(Duration::from_secs(15), program.exit_code());
    assert_eq!(exit.await.unwrap(), Some(0), "{}", program.log());
    stage.receiver.resume();
    let program = stage.program();
    stage.drained().await;
    let comparison = stage.comparison();
    assert!(
        comparison.is_complete(),
        "{comparison:?}\n{}",
        program.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let mut stage = Stage::usual().await;
    stage.receiver.stall();
    stage.put_generated(20_000, 200, 1);
    let mut program = stage.program();
    let taken = stage.lab.sqs().until(QUEUE, |queue| queue.in_flight > 0);
    within(taken).await.unwrap();
    program.signal("TERM");
    program.logged("Stopping").await;
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_collectors_do_not_share_a_directory() {
    let stage = Stage::usual().await;
    let first = stage.program();
    first.logged("Starting data collection").await;
    let mut second = stage.program();
    assert_eq!(second.exit_code().await, Some(1));
    let log = second.log();
    assert!(
        log.contains("Cannot start") && log.contains("state"),
        "{log}"
    );
}
