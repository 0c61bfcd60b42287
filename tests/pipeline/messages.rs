//! The services whose queue has the events themselves: EventBridge's, and Security Hub's among them.

use bytes::Bytes;
use cloudweir_lab::{Line, Outgoing};
use serde_json::{Value, json};

use super::stage::{ACCOUNT, DEAD_LETTERS, REGION, Setting, Stage, data, within};

const EVENTS: &str = "events";

fn service_events(queue: &str) -> String {
    format!(
        "service-events-all:\n  regions: [{REGION}]\n  cloudwatch_sqs_queue_name: {queue}\n  auto_event_type: true"
    )
}

fn security_hub() -> String {
    format!(
        "sqs-cloudwatch-consumer:\n  regions: [{REGION}]\n  cloudwatch_sqs_queue_name: {EVENTS}"
    )
}

async fn stage(services: String) -> Stage {
    let stage = Stage::set(Setting {
        services: Some(services),
        ..Setting::default()
    })
    .await;
    let sqs = stage.lab.sqs();
    let redrive = sqs.redrive(DEAD_LETTERS, 2);
    let visibility = ("VisibilityTimeout", "1".to_owned());
    sqs.create_queue(EVENTS, [visibility, redrive]).unwrap();
    stage
}

/// The real events of a folder, each without the line feed at its end, which is the file's.
fn samples(folder: &str) -> Vec<String> {
    let mut samples: Vec<String> = std::fs::read_dir(data().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| std::fs::read_to_string(path).unwrap().trim().to_owned())
        .collect();
    samples.sort();
    assert!(samples.len() >= 5, "{folder}: {}", samples.len());
    samples
}

fn expect(stage: &mut Stage, event: &str) {
    stage.expect(&[Bytes::copy_from_slice(event.as_bytes())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_events_arrive_exactly_once_byte_for_byte() {
    let mut stage = stage(service_events(EVENTS)).await;
    for event in samples("eventbridge") {
        expect(&mut stage, &event);
        stage.lab.sqs().send(EVENTS, event).unwrap();
    }
    let collector = stage.collector().await;
    stage.drained_of(EVENTS).await;
    let comparison = stage.comparison();
    assert!(comparison.is_exact(), "{comparison:?}");
    assert_eq!(collector.in_flight_bytes(), 0);
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_events_source_makes_its_table_also_by_way_of_sns() {
    let mut stage = stage(service_events(EVENTS)).await;
    let event = r#"{"source":"aws.ec2","time":"2023-07-10T11:42:36Z","detail":{"a":"\u00e9"}}"#;
    let wrapped =
        json!({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-2:1:t", "Message": event});
    expect(&mut stage, event);
    stage.lab.sqs().send(EVENTS, wrapped.to_string()).unwrap();
    let collector = stage.collector().await;
    stage.drained_of(EVENTS).await;
    assert!(stage.comparison().is_exact());
    let lines = stage.lines();
    let line = Line::parse(lines[0].as_bytes()).unwrap();
    assert_eq!(
        line.tag,
        format!("cloud.aws.cloudwatch.ec2.{ACCOUNT}.{REGION}.1")
    );
    assert_eq!(line.timestamp, "2023-07-10 11:42:36.000");
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifo_queue_keeps_the_order_within_each_group() {
    let stage = stage(service_events("events.fifo")).await;
    let sqs = stage.lab.sqs();
    sqs.create_queue("events.fifo", [("FifoQueue", "true".to_owned())])
        .unwrap();
    for number in 0..200 {
        let group = format!("group-{}", number % 7);
        let outgoing = Outgoing {
            body: format!(r#"{{"source":"aws.x","group":"{group}","number":{number}}}"#),
            group: Some(group),
            deduplication_id: Some(number.to_string()),
            ..Outgoing::default()
        };
        sqs.send_with("events.fifo", outgoing).unwrap();
    }
    let collector = stage.collector().await;
    within(stage.receiver.await_lines(200)).await;
    stage.drained_of("events.fifo").await;
    // The lines of all connections in the order of their arrival.
    let mut last = std::collections::BTreeMap::new();
    for line in stage.lines() {
        let message = Line::parse(line.as_bytes()).unwrap().message.to_vec();
        let event: Value = serde_json::from_slice(&message).unwrap();
        let group = event["group"].as_str().unwrap().to_owned();
        let number = event["number"].as_u64().unwrap();
        let before = last.insert(group, number);
        assert!(before.is_none_or(|before| before < number), "{last:?}");
    }
    assert!(collector.stop().await.is_clean());
}

/// The events that a message of Security Hub becomes: one a finding, each in the message's envelope.
fn one_a_finding(message: &str) -> Vec<Value> {
    let whole: Value = serde_json::from_str(message).unwrap();
    let Some(findings) = whole["detail"]["findings"].as_array() else {
        return vec![whole];
    };
    let alone = |finding: &Value| {
        let mut event = whole.clone();
        event["detail"]["findings"] = json!([finding]);
        event
    };
    findings.iter().map(alone).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_findings_arrive_one_event_each_in_their_envelope() {
    let stage = stage(security_hub()).await;
    let mut expected = Vec::new();
    for message in samples("securityhub") {
        expected.extend(one_a_finding(&message));
        stage.lab.sqs().send(EVENTS, message).unwrap();
    }
    assert!(expected.len() > 7, "some samples have several findings");
    let collector = stage.collector().await;
    stage.drained_of(EVENTS).await;
    let mut arrived: Vec<String> = stage
        .lines()
        .iter()
        .map(|line| {
            let line = Line::parse(line.as_bytes()).unwrap();
            assert_eq!(
                line.tag,
                format!("cloud.aws.securityhub.findings.{ACCOUNT}.{REGION}.1")
            );
            let event: Value = serde_json::from_slice(&line.record().unwrap()).unwrap();
            event.to_string()
        })
        .collect();
    let mut expected: Vec<String> = expected.iter().map(Value::to_string).collect();
    arrived.sort();
    expected.sort();
    assert_eq!(arrived, expected);
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_finding_keeps_its_envelope_byte_for_byte() {
    let mut stage = stage(security_hub()).await;
    let with = |findings: &str| {
        format!(
            r#"{{"account":"1", "detail":{{"findings":[{findings}],"n":1.10}},"time":"2023-07-10T11:42:36Z"}}"#
        )
    };
    for finding in [r#"{"Id":"a"}"#, r#"{ "Id":"b" }"#] {
        expect(&mut stage, &with(finding));
    }
    let both = with(r#"{"Id":"a"} , { "Id":"b" }"#);
    stage.lab.sqs().send(EVENTS, both).unwrap();
    let collector = stage.collector().await;
    stage.drained_of(EVENTS).await;
    assert!(stage.comparison().is_exact(), "{:?}", stage.lines());
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_event_is_left_for_redrive_and_the_rest_flows() {
    let mut stage = stage(service_events(EVENTS)).await;
    for body in ["not json", "[1]", "\"text\""] {
        stage.lab.sqs().send(EVENTS, body).unwrap();
    }
    for number in 0..30 {
        let event = format!(r#"{{"source":"aws.x","number":{number}}}"#);
        expect(&mut stage, &event);
        stage.lab.sqs().send(EVENTS, event).unwrap();
    }
    let program = stage.program();
    stage.drained_of(EVENTS).await;
    let buried = stage
        .lab
        .sqs()
        .until(DEAD_LETTERS, |queue| queue.buried == 3);
    within(buried).await.unwrap();
    assert!(stage.comparison().is_exact());
    assert!(
        program.log().contains("Discarded message: "),
        "{}",
        program.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statistics_name_the_types_of_the_events() {
    let mut stage = stage(service_events(EVENTS)).await;
    for source in ["aws.ec2", "aws.s3", "aws.ec2"] {
        let event = format!(r#"{{"source":"{source}"}}"#);
        expect(&mut stage, &event);
        stage.lab.sqs().send(EVENTS, event).unwrap();
    }
    let mut program = stage.program();
    stage.drained_of(EVENTS).await;
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0));
    let log = program.log();
    assert!(
        log.contains(
            "received 3 message(s), generated 3 message(s), detected_event_types: [\"ec2\", \"s3\"]"
        ),
        "{log}"
    );
}
