//! Everything that is put arrives, exactly once and byte for byte.

use bytes::Bytes;
use cloudweir_lab::{Fault, FaultKind, Times};

use super::stage::{BUCKET, QUEUE, Setting, Stage, data, real_records, within};

#[tokio::test(flavor = "multi_thread")]
async fn real_files_arrive_exactly_once_byte_for_byte() {
    let mut stage = Stage::usual().await;
    for entry in std::fs::read_dir(data().join("cloudtrail")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".json.gz") {
            let body = std::fs::read(&path).unwrap();
            stage.lab.s3().put(BUCKET, &name, body).unwrap();
        }
    }
    let records: Vec<Bytes> = real_records().iter().cloned().collect();
    assert!(records.len() > 1_000);
    stage.expect(&records);
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_objects_arrive_exactly_once_through_two_connections() {
    let mut stage = Stage::usual().await;
    stage.put_generated(20_000, 137, 7);
    let collector = stage.collector().await;
    stage.assert_exact().await;
    let used = stage.receiver.connections();
    assert!(used.iter().filter(|used| used.lines > 0).count() >= 2);
    assert!(used.iter().all(|used| used.client.is_some()), "mutual TLS");
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_comes_back_whole() {
    let mut stage = Stage::usual().await;
    stage.put_generated(5_000, 100, 3);
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert_eq!(collector.in_flight_bytes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_larger_than_the_whole_budget_passes() {
    let mut stage = Stage::set(Setting {
        globals: "max_in_flight_bytes: 1MiB".to_owned(),
        ..Setting::default()
    })
    .await;
    stage.put_generated(6_000, 6_000, 5);
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_that_comes_twice_is_sent_once() {
    let mut stage = Stage::usual().await;
    stage.put_generated(50, 50, 1);
    let body = stage.lab.sqs().messages(QUEUE).unwrap().pop().unwrap().body;
    for _ in 0..5 {
        stage.lab.sqs().send(QUEUE, body.clone()).unwrap();
    }
    let collector = stage.collector().await;
    stage.assert_exact().await;
    stage.lab.sqs().send(QUEUE, body).unwrap();
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_overwritten_under_its_key_is_sent_again() {
    let mut stage = Stage::usual().await;
    let collector = stage.collector().await;
    stage.put("same-key", &[r#"{"eventID":"first"}"#]);
    stage.assert_exact().await;
    stage.put("same-key", &[r#"{"eventID":"second"}"#]);
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_is_known_after_a_restart() {
    let mut stage = Stage::usual().await;
    stage.put_generated(100, 20, 1);
    let bodies: Vec<String> = stage
        .lab
        .sqs()
        .messages(QUEUE)
        .unwrap()
        .into_iter()
        .map(|message| message.body)
        .collect();
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
    for body in bodies {
        stage.lab.sqs().send(QUEUE, body).unwrap();
    }
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_break_off_are_taken_up_where_they_broke() {
    let mut stage = Stage::usual().await;
    stage.put_generated(4_000, 2_000, 2);
    for after_bytes in [0, 1, 10_000, 60_000] {
        let reset = FaultKind::ResetMidBody { after_bytes };
        stage.lab.faults().add(Fault::once("s3:GetObject", reset));
        let truncated = FaultKind::TruncatedBody { bytes: after_bytes };
        stage
            .lab
            .faults()
            .add(Fault::once("s3:GetObject", truncated));
    }
    let collector = stage.collector().await;
    stage.assert_exact().await;
    // Taken up, not begun anew: no message had to be received twice.
    assert_eq!(stage.lab.sqs().stats(QUEUE).unwrap().max_receive_count, 1);
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_errors_of_every_call_lose_nothing() {
    let mut stage = Stage::set(Setting {
        visibility_s: 3,
        ..Setting::default()
    })
    .await;
    stage.put_generated(2_000, 40, 9);
    let chance = |seed| Times::Chance {
        probability: 0.2,
        seed,
    };
    for (seed, operation) in ["sqs:*", "s3:GetObject", "sts:*"].into_iter().enumerate() {
        for fault in [
            FaultKind::Throttle,
            FaultKind::InternalError,
            FaultKind::ResetBeforeAnswer { applied: true },
        ] {
            let fault = Fault::once(operation, fault).times(chance(seed as u64));
            stage.lab.faults().add(fault);
        }
    }
    let collector = stage.collector().await;
    stage.all_lines().await;
    stage.drained().await;
    let comparison = stage.comparison();
    assert!(comparison.is_complete(), "{comparison:?}");
    assert_eq!(comparison.duplicated, 0, "the ledger knows what came again");
    stage.lab.faults().clear();
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_stays_invisible_while_its_object_is_in_work() {
    let mut stage = Stage::set(Setting {
        visibility_s: 1,
        ..Setting::default()
    })
    .await;
    stage.put_generated(10, 10, 1);
    let slow = FaultKind::Latency { millis: 4_000 };
    stage.lab.faults().add(Fault::once("s3:GetObject", slow));
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert_eq!(stage.lab.sqs().stats(QUEUE).unwrap().max_receive_count, 1);
    assert!(stage.lab.calls().count("sqs:ChangeMessageVisibilityBatch") >= 3);
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_go_in_batches() {
    let mut stage = Stage::usual().await;
    stage.put_generated(300, 3, 1);
    let collector = stage.collector().await;
    stage.assert_exact().await;
    let deletes = stage.lab.calls().count("sqs:DeleteMessageBatch");
    let deleted = stage.lab.sqs().stats(QUEUE).unwrap().deleted;
    assert!(
        deletes * 5 <= deleted,
        "{deletes} calls for {deleted} messages"
    );
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_on_its_way_within_a_second_of_its_notification() {
    let mut stage = Stage::usual().await;
    let collector = stage.collector().await;
    within(stage.lab.calls().until("sqs:ReceiveMessage", 1)).await;
    stage.put("late", &[r#"{"eventID":"late"}"#]);
    let put = tokio::time::Instant::now();
    stage.all_lines().await;
    // A long poll of 20 s must answer at once; the bound is generous since this machine may be busy.
    assert!(put.elapsed().as_secs() < 5);
    assert!(collector.stop().await.is_clean());
}
