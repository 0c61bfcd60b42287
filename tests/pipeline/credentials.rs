//! Credentials: wrong ones, expired ones, and an AWS that is away.

use cloudweir_lab::{AccessKey, Fault, FaultKind, LabOptions, Times};

use super::stage::{QUEUE, Setting, Stage, within};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_said_and_tried_again_without_a_tight_loop() {
    let stage = Stage::set(Setting {
        lab: LabOptions {
            access_keys: vec![AccessKey {
                id: "AKIAANOTHER".to_owned(),
                arn: "arn:aws:iam::123456789012:user/another".to_owned(),
                user_id: "AIDAANOTHER".to_owned(),
            }],
            ..LabOptions::default()
        },
        ..Setting::default()
    })
    .await;
    let program = stage.program();
    program.logged("InvalidClientTokenId").await;
    program.logged("next attempt in").await;
    let busiest = stage
        .lab
        .calls()
        .operations()
        .values()
        .map(|calls| calls.busiest_second)
        .max();
    assert!(busiest.unwrap() <= 8, "{busiest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_read_anew_and_the_work_goes_on() {
    let mut stage = Stage::set(Setting {
        visibility_s: 2,
        ..Setting::default()
    })
    .await;
    let collector = stage.collector().await;
    stage.put_generated(200, 20, 1);
    stage.all_lines().await;
    let identities = stage.lab.calls().count("sts:GetCallerIdentity");
    for operation in ["sqs:*", "s3:*"] {
        let fault = Fault::once(operation, FaultKind::ExpiredToken).times(Times::Count(3));
        stage.lab.faults().add(fault);
    }
    stage.put_generated(200, 20, 2);
    stage.assert_exact().await;
    assert!(stage.lab.calls().count("sts:GetCallerIdentity") > identities);
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_does_not_exist_yet_is_awaited() {
    let mut stage = Stage::usual().await;
    stage.lab.sqs().delete_queue(QUEUE).unwrap();
    let program = stage.program();
    program
        .logged("Setup for module <AwsSqsS3CloudTrailPuller> failed")
        .await;
    stage.lab.sqs().create_queue(QUEUE, []).unwrap();
    stage.lab.s3().notify(super::stage::BUCKET, QUEUE).unwrap();
    stage.put_generated(20, 10, 1);
    stage.assert_exact().await;
    within(program.logged("has been successfully executed")).await;
}
