//! What users of other collectors complain about, where queues and objects are concerned: each is a case that works here. The
//! threads are named so that one can read what went wrong there.

use bytes::Bytes;
use cloudweir_lab::generate::pack;
use cloudweir_lab::{Fault, FaultKind, Times};
use serde_json::json;

use super::stage::{BUCKET, DEAD_LETTERS, QUEUE, REGION, Setting, Stage, external_wait, within};

/// elastic/beats#38961, vectordotdev/vector#19711: deleted from the queue before delivery.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_before_it_is_delivered() {
    let mut stage = Stage::usual().await;
    stage.receiver.stall();
    stage.put_generated(20_000, 200, 1);
    let collector = stage.collector().await;
    let taken = stage.lab.sqs().until(QUEUE, |queue| queue.in_flight >= 10);
    within(taken).await.unwrap();
    // Whatever the receiver's kernel has taken: it has read nothing, so only the test event may be gone.
    let seen = stage.lab.calls().count("sqs:ReceiveMessage");
    within(stage.lab.calls().until("sqs:ReceiveMessage", seen)).await;
    assert!(stage.lab.sqs().stats(QUEUE).unwrap().deleted <= 1);
    stage.receiver.resume();
    stage.drained().await;
    assert!(stage.comparison().is_complete());
    assert!(collector.stop().await.is_clean());
}

/// vectordotdev/vector#4910, opensearch-project/data-prepper#4812: repeats because visibility ran out in mid-work.
#[tokio::test(flavor = "multi_thread")]
async fn visibility_does_not_run_out_while_an_object_is_in_work() {
    let mut stage = Stage::set(Setting {
        visibility_s: 1,
        ..Setting::default()
    })
    .await;
    stage.put_generated(300, 30, 1);
    let slow = FaultKind::Latency { millis: 2_500 };
    let slow = Fault::once("s3:GetObject", slow).times(Times::Forever);
    stage.lab.faults().add(slow);
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert_eq!(stage.lab.sqs().stats(QUEUE).unwrap().max_receive_count, 1);
    assert!(collector.stop().await.is_clean());
}

/// open-telemetry/opentelemetry-collector-contrib#47045, redpanda-data/connect#4667: TestEvent loops for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_is_taken_once_plain_and_by_way_of_sns() {
    let stage = Stage::usual().await;
    let test =
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}).to_string();
    let wrapped =
        json!({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-2:1:t", "Message": test});
    stage.lab.sqs().send(QUEUE, wrapped.to_string()).unwrap();
    let collector = stage.collector().await;
    stage.drained().await;
    let queue = stage.lab.sqs().stats(QUEUE).unwrap();
    assert_eq!((queue.deleted, queue.max_receive_count), (2, 1));
    assert!(collector.stop().await.is_clean());
}

/// redpanda-data/connect#3221: a deleted object is retried for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_object_goes_to_the_dead_letters() {
    let stage = Stage::set(Setting {
        visibility_s: 1,
        redrive_after: Some(2),
        ..Setting::default()
    })
    .await;
    stage.lab.s3().put(BUCKET, "gone", "x").unwrap();
    stage.lab.s3().delete(BUCKET, "gone").unwrap();
    let collector = stage.collector().await;
    let buried = stage
        .lab
        .sqs()
        .until(DEAD_LETTERS, |queue| queue.buried == 1);
    within(buried).await.unwrap();
    assert!(stage.lab.calls().count("s3:GetObject") <= 2);
    assert!(collector.stop().await.is_clean());
}

/// elastic/integrations#9463, elastic/beats#44735: memory grows to gigabytes.
#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_with_a_backlog_and_a_stalled_receiver() {
    let mut stage = Stage::usual().await;
    stage.receiver.stall();
    stage.put_generated(100_000, 500, 1);
    let program = stage.program();
    let busy = stage.lab.sqs().until(QUEUE, |queue| queue.in_flight >= 14);
    within(busy).await.unwrap();
    stage.receiver.resume();
    stage.all_lines().await;
    assert!(
        program.peak_kib() < 256 * 1024,
        "{} KiB",
        program.peak_kib()
    );
}

/// elastic/beats#37754: workers stall on a synchronous acknowledgement.
#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_while_confirmations_are_waited_for() {
    let mut stage = Stage::set(Setting {
        delivery: "{ confirm: tcp, settle: 5s }".to_owned(),
        ..Setting::default()
    })
    .await;
    stage.put_generated(1_000, 5, 1);
    let collector = stage.collector().await;
    let started = tokio::time::Instant::now();
    stage.all_lines().await;
    // Two hundred objects, read fourteen at a time: waiting for each to settle would take over a minute.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

/// vectordotdev/vector#17075, elastic/beats#15502: a source stops silently after a connection reset.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_survives_resets_of_every_call() {
    let mut stage = Stage::set(Setting {
        visibility_s: 2,
        ..Setting::default()
    })
    .await;
    for operation in ["sqs:*", "s3:*", "sts:*"] {
        let reset = FaultKind::ResetBeforeAnswer { applied: false };
        stage
            .lab
            .faults()
            .add(Fault::once(operation, reset).times(Times::Count(6)));
    }
    stage.put_generated(200, 20, 1);
    let collector = stage.collector().await;
    stage.all_lines().await;
    stage.put_generated(200, 20, 2);
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

/// Vector's aws_s3 source deletes (and so loses) on bad JSON, no `Records`, an empty object, gzip without its suffix; and what it
/// sends is not byte-exact: keys sorted, 1.10 becomes 1.1.
#[tokio::test(flavor = "multi_thread")]
async fn bad_objects_are_kept_and_good_ones_are_byte_exact() {
    let mut stage = Stage::set(Setting {
        visibility_s: 1,
        redrive_after: Some(1),
        ..Setting::default()
    })
    .await;
    for (key, body) in [("bad", "{"), ("none", "{\"a\":1}"), ("empty", "")] {
        stage.lab.s3().put(BUCKET, key, body).unwrap();
    }
    stage.put("without-suffix", &[r#"{"z":1.10,"a":1e5}"#]);
    let collector = stage.collector().await;
    let buried = stage
        .lab
        .sqs()
        .until(DEAD_LETTERS, |queue| queue.buried == 3);
    within(buried).await.unwrap();
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

/// The vendor's own: a dead sender is not noticed, a torn state means a silent start from scratch, a stop takes half an hour.
#[tokio::test(flavor = "multi_thread")]
async fn state_that_is_torn_is_loud_and_costs_nothing_that_was_exported() {
    let mut stage = Stage::usual().await;
    stage.put_generated(100, 10, 1);
    let mut program = stage.program();
    stage.assert_exact().await;
    let body = stage.lab.sqs().messages(QUEUE).unwrap();
    assert!(body.is_empty());
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0));
    let database = stage.dir.path().join("state/sled/db");
    let half = std::fs::metadata(&database).unwrap().len() / 2;
    let torn = std::fs::OpenOptions::new()
        .write(true)
        .open(&database)
        .unwrap();
    torn.set_len(half).unwrap();
    let snapshots = std::fs::read_dir(stage.dir.path().join("state/sled")).unwrap();
    for entry in snapshots {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("snap.")
        {
            std::fs::write(path, b"").unwrap();
        }
    }
    let program = stage.program();
    program.logged("Starting data collection").await;
    let log = program.log();
    assert!(log.contains("WARNING") || log.contains("ERROR"), "{log}");
    stage.put_generated(100, 10, 1);
    stage.drained().await;
    // The same objects again: the restored ledger knows them, so nothing more has come.
    assert_eq!(stage.receiver.totals().lines, 100, "{}", program.log());
}

/// Several queues a service, and one queue that is told of several buckets.
#[tokio::test(flavor = "multi_thread")]
async fn several_queues_and_several_buckets_feed_one_service() {
    let mut stage = Stage::set(Setting {
        services: Some(format!(
            "audit-events-all:\n  types: [audits_s3]\n  regions: [{REGION}]\n  audit_sqs_queue_name: [{QUEUE}, second]"
        )),
        ..Setting::default()
    })
    .await;
    let (sqs, s3) = (stage.lab.sqs().clone(), stage.lab.s3().clone());
    sqs.create_queue("second", []).unwrap();
    for (bucket, queue) in [("other", QUEUE), ("third", "second")] {
        s3.create_bucket(bucket).unwrap();
        s3.notify(bucket, queue).unwrap();
        let record = Bytes::from(format!("{{\"eventID\":\"{bucket}\"}}"));
        stage.expect(std::slice::from_ref(&record));
        s3.put(bucket, "x", pack([record])).unwrap();
    }
    stage.put("x", &[r#"{"eventID":"first"}"#]);
    let collector = stage.collector().await;
    stage.drained().await;
    stage.drained_of("second").await;
    within(external_wait(|| stage.comparison().is_exact())).await;
    assert!(collector.stop().await.is_clean());
}
