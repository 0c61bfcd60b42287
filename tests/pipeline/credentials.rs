//! Credentials: where they come from, wrong ones, expiring and expired ones, and a queue that is not there yet.

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

#[tokio::test(flavor = "multi_thread")]
async fn the_default_chain_takes_them_from_the_environment() {
    let mut stage = Stage::set(Setting {
        credentials: "{}".to_owned(),
        ..Setting::default()
    })
    .await;
    stage.put_generated(20, 10, 1);
    let program = stage.program_with(&[
        ("AWS_ACCESS_KEY_ID", "AKIAFROMENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    stage.assert_exact().await;
    assert_eq!(keys_used(&stage), ["AKIAFROMENVIRONMENT"]);
    drop(program);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profiles_expiring_credentials_are_renewed_ahead_of_their_expiry() {
    let mut stage = Stage::set(Setting {
        credentials: "{ profile: security }".to_owned(),
        ..Setting::default()
    })
    .await;
    // A program of the operator's own that gives a new key each time, good for six seconds.
    let provider = stage.dir.path().join("provider");
    std::fs::write(
        &provider,
        "#!/bin/sh
cat <<JSON
{\"Version\": 1, \"AccessKeyId\": \"AKIA$$\", \"SecretAccessKey\": \"s\", \"SessionToken\": \"t\",
 \"Expiration\": \"$(date -u -d '+6 seconds' +%Y-%m-%dT%H:%M:%SZ)\"}
JSON
",
    )
    .unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&provider, executable).unwrap();
    let config = stage.dir.path().join("aws-config");
    let profile = format!(
        "[profile security]\ncredential_process = {}\n",
        provider.display()
    );
    std::fs::write(&config, profile).unwrap();
    stage.put_generated(20, 10, 1);
    let program = stage.program_with(&[
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]);
    program.logged("Session expires in").await;
    within(stage.lab.calls().until("sts:GetCallerIdentity", 3)).await;
    stage.put_generated(20, 10, 2);
    stage.assert_exact().await;
    assert!(keys_used(&stage).len() >= 3, "{:?}", keys_used(&stage));
    let failed: u64 = stage
        .lab
        .calls()
        .operations()
        .values()
        .map(|calls| calls.failed)
        .sum();
    assert_eq!(failed, 0, "no call was made with a key that had expired");
}

/// The access keys that calls were made with.
fn keys_used(stage: &Stage) -> Vec<String> {
    let calls = stage.lab.calls().latest();
    let mut keys: Vec<String> = calls
        .into_iter()
        .filter_map(|call| call.access_key)
        .collect();
    keys.sort();
    keys.dedup();
    keys
}
