//! `mode: list`: buckets that cannot notify, and backfill.

use super::stage::{BUCKET, Setting, Stage, external_wait, real_records, within};
use cloudweir_lab::generate::Plan;
use cloudweir_lab::{Fault, FaultKind};

fn service(more: &str) -> String {
    format!(
        "audit-events-all:\n  types: [audits_s3]\n  regions: [us-east-2]\n  mode: list\n  bucket: {BUCKET}\n  prefix: AWSLogs/\n  request_period_in_seconds: 1\n{more}"
    )
}

async fn stage(more: &str) -> Stage {
    Stage::set(Setting {
        services: Some(service(more)),
        ..Setting::default()
    })
    .await
}

impl Stage {
    /// Puts objects of which nobody is told.
    fn put_quietly(&mut self, records: usize, per_object: usize, seed: u64) {
        let plan = Plan {
            records,
            records_per_object: per_object,
            seed,
            ..Plan::default()
        };
        for object in real_records().objects(plan).unwrap() {
            for record in &object.records {
                self.truth.add(&record.json);
            }
            let s3 = self.lab.s3();
            s3.put_silently(BUCKET, &object.key, object.body).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_under_the_prefix_is_read_once_and_what_comes_later_too() {
    let mut stage = stage("").await;
    stage.put_quietly(3_000, 20, 1);
    stage
        .lab
        .s3()
        .put_silently(BUCKET, "other/x", "unread")
        .unwrap();
    let collector = stage.collector().await;
    stage.all_lines().await;
    stage.put_quietly(200, 20, 2);
    stage.all_lines().await;
    // Two more cycles find nothing new.
    let listed = stage.lab.calls().count("s3:ListObjectsV2");
    within(stage.lab.calls().until("s3:ListObjectsV2", listed + 4)).await;
    assert!(stage.comparison().is_exact(), "{:?}", stage.comparison());
    assert_eq!(stage.lab.calls().count("s3:GetObject"), 160);
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_that_is_killed_goes_on_where_it_was() {
    let mut stage = stage("").await;
    stage.put_quietly(20_000, 50, 3);
    let mut killed_at = 0;
    for _ in 0..4 {
        let program = stage.program();
        let until = (stage.receiver.totals().lines + 3_000).min(20_000);
        within(
            stage
                .receiver
                .until(|receiver| receiver.totals().lines >= until),
        )
        .await;
        killed_at = stage.receiver.totals().lines;
        program.kill().await;
    }
    assert!(killed_at < 20_000 + 4 * 3_000);
    let program = stage.program();
    let complete = || stage.comparison().is_complete();
    within(external_wait(complete)).await;
    assert_eq!(stage.comparison().foreign, 0, "{}", program.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_may_not_be_listed_is_said_and_tried_again() {
    let mut stage = stage("").await;
    let denied = FaultKind::Error {
        code: "AccessDenied".to_owned(),
        status: 403,
    };
    stage
        .lab
        .faults()
        .add(Fault::once("s3:ListObjectsV2", denied));
    stage.put_quietly(100, 10, 1);
    let program = stage.program();
    program.logged("AccessDenied").await;
    stage.all_lines().await;
    assert!(stage.comparison().is_exact());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_read_holds_nothing_up() {
    let mut stage = stage("").await;
    stage
        .lab
        .s3()
        .put_silently(BUCKET, "AWSLogs/1/CloudTrail/bad", "hello")
        .unwrap();
    stage.put_quietly(500, 50, 1);
    let program = stage.program();
    stage.all_lines().await;
    program.logged("AWSLogs/1/CloudTrail/bad").await;
    assert!(stage.comparison().is_exact());
}
