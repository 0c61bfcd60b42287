//! Kill -9 of the collector, at any moment: nothing is missing, and what repeats was in flight.

use super::stage::{Setting, Stage, external_wait, within};

const RECORDS: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_nothing() {
    let mut stage = Stage::set(Setting {
        visibility_s: 2,
        redrive_after: None,
        ..Setting::default()
    })
    .await;
    stage.put_generated(RECORDS, 250, 11);
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..6 {
        let program = stage.program();
        // Killed when so many more lines have come, which is at a different point of the work each time.
        let more = random.u64(0..3_000);
        let until = (stage.receiver.totals().lines + more).min(RECORDS as u64);
        let come = stage
            .receiver
            .until(|receiver| receiver.totals().lines >= until);
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), come).await;
        program.kill().await;
    }
    let program = stage.program();
    stage.drained().await;
    let comparison = stage.comparison();
    // A line that a kill cut off in its middle ends with its connection, and is no line.
    assert!(
        comparison.is_complete(),
        "{comparison:?}\n{}",
        program.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_all_is_delivered_it_repeats_nothing() {
    let mut stage = Stage::set(Setting {
        visibility_s: 2,
        ..Setting::default()
    })
    .await;
    stage.put_generated(1_000, 100, 1);
    let program = stage.program();
    stage.assert_exact().await;
    program.kill().await;
    let program = stage.program();
    stage.put_generated(100, 10, 2);
    stage.assert_exact().await;
    drop(program);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_inside_a_large_object_it_goes_on_from_what_was_written_down() {
    let mut stage = Stage::set(Setting {
        visibility_s: 2,
        redrive_after: None,
        globals: "max_in_flight_bytes: 1MiB".to_owned(),
        delivery: "{ confirm: tcp, settle: 10ms }".to_owned(),
        ..Setting::default()
    })
    .await;
    stage.put_generated(RECORDS, RECORDS, 1);
    let program = stage.program();
    let half = RECORDS as u64 / 2;
    within(
        stage
            .receiver
            .until(|receiver| receiver.totals().lines >= half),
    )
    .await;
    stage.receiver.stall();
    // The progress so far is written down once a second; the log of commits is not to be seen from here, the export is not
    // due yet, so what shows it is the repeats, which are fewer than what had been received.
    let grown = || stage.dir.path().join("state/sled").exists();
    external_wait(grown).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    program.kill().await;
    stage.receiver.resume();
    let program = stage.program();
    stage.drained().await;
    let comparison = stage.comparison();
    assert!(
        comparison.is_complete(),
        "{comparison:?}\n{}",
        program.log()
    );
    assert!(comparison.duplicated < half / 2, "{comparison:?}");
}
