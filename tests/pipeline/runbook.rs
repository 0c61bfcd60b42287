//! The log: the lines of the vendor's runbook, word for word, and the same events as JSON. And no secret, anywhere.

use cloudweir_lab::{Fault, FaultKind, Times};

use super::stage::{Program, Setting, Stage};

async fn log_of_a_run(arguments: &[&str]) -> String {
    let mut stage = Stage::set(Setting {
        service: "request_period_in_seconds: 1".to_owned(),
        delivery: "{ confirm: tcp, settle: 100ms }\n      period_sender_stats_in_seconds: 1"
            .to_owned(),
        ..Setting::default()
    })
    .await;
    stage.put_generated(120, 10, 1);
    let mut program = Program::start(stage.dir.path(), &stage.yaml(), arguments);
    stage.assert_exact().await;
    program.logged("Data collection completed").await;
    program.logged("Consumed messages").await;
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0));
    program.log()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runbooks_lines_are_there_word_for_word() {
    let log = log_of_a_run(&[]).await;
    let setup = "INFO InputProcess::AwsSqsS3GenericPullerSetup(aws,aws#abc123,audit-events-all#predefined,us-east-2) -> ";
    let puller = "INFO InputProcess::AwsSqsS3CloudTrailPuller(aws,abc123,audit-events-all,predefined,us-east-2) -> ";
    for (prefix, text) in [
        (
            setup,
            "Session cannot expire. Using user/profile authentication.",
        ),
        (setup, "Creating user session"),
        (setup, "New AWS session started."),
        (
            setup,
            "Setup for module <AwsSqsS3CloudTrailPuller> has been successfully executed",
        ),
        (puller, "Starting data collection every 1 seconds"),
        (
            puller,
            "Starting a new pulling from \"cloudtrail\" queue at \"20",
        ),
        (puller, "Received "),
        (puller, "Statistics for this pull cycle (@devo_pulling_id="),
        (puller, "Data collection completed. Elapsed time: "),
        (
            "INFO OutputProcess::DevoSender(standard_senders,devo_sender_0) -> ",
            "Created a sender: {",
        ),
        (
            "INFO OutputProcess::OutputStandardConsumer(standard_senders_consumer_0) -> ",
            "Consumed messages: ",
        ),
        (
            "INFO OutputProcess::DevoSender(standard_senders,devo_sender_0) -> ",
            "Consumed messages: ",
        ),
    ] {
        let wanted = format!("{prefix}{text}");
        assert!(log.contains(&wanted), "missing: {wanted}\n{log}");
    }
}

/// Adds up the numbers that follow `label` in every line that has it.
fn sum(log: &str, label: &str) -> u64 {
    log.lines()
        .filter_map(|line| line.split_once(label))
        .map(|(_, rest)| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u64>().unwrap()
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statistics_add_up_to_what_was_sent() {
    let log = log_of_a_run(&[]).await;
    assert_eq!(sum(&log, "Number of events received: "), 120);
    assert_eq!(sum(&log, "Number of events generated and sent: "), 120);
    assert_eq!(
        sum(&log, "messages (fromSQS/generated): "),
        13,
        "12 objects and the test event"
    );
    let confirmed: u64 = (0..2)
        .map(|sender| {
            sum(
                &log,
                &format!("devo_sender_{sender}) -> Consumed messages: "),
            )
        })
        .sum();
    assert_eq!(confirmed, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_json() {
    let log = log_of_a_run(&["--log-format", "json"]).await;
    let mut found = false;
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["timestamp"].is_string() && event["level"].is_string());
        found |= event["origin"]
            == "InputProcess::AwsSqsS3CloudTrailPuller(aws,abc123,audit-events-all,predefined,us-east-2)"
            && event["message"] == "Starting data collection every 1 seconds";
    }
    assert!(found, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_gets_into_the_log_even_when_everything_goes_wrong() {
    let mut stage = Stage::set(Setting {
        globals: "debug: true".to_owned(),
        credentials: "{ access_key: AKIAEXAMPLE, access_secret: wJalrXUtnFEMIK7MDENG, session_token: FwoGZXIvYXdzEXAMPLE }".to_owned(),
        ..Setting::default()
    })
    .await;
    let denied = || FaultKind::Error {
        code: "AccessDenied".to_owned(),
        status: 403,
    };
    for (operation, fault) in [
        ("sts:*", denied()),
        ("sqs:*", denied()),
        // S3 repeats the session token in its answer to an expired one.
        ("s3:GetObject", FaultKind::ExpiredToken),
    ] {
        let fault = Fault::once(operation, fault).times(Times::Count(2));
        stage.lab.faults().add(fault);
    }
    stage.put_generated(10, 10, 1);
    let program = stage.program();
    program.logged("AccessDenied").await;
    program.logged("ExpiredToken").await;
    stage.assert_exact().await;
    let key = std::fs::read_to_string(stage.dir.path().join("certs/client.key")).unwrap();
    let key_line = key.lines().nth(1).unwrap();
    for secret in ["wJalrXUtnFEMIK7MDENG", "FwoGZXIvYXdzEXAMPLE", key_line] {
        assert!(!program.log().contains(secret), "{}", program.log());
    }
}
