#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

macro_rules! real {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/data/s3_notifications/", $name)).as_slice()
    };
}

fn objects(body: &[u8]) -> Vec<ObjectRef> {
    match parse(body) {
        Ok(Notification::Objects(objects)) => objects,
        other => panic!("{other:?}"),
    }
}

fn keys(body: &[u8]) -> Vec<String> {
    objects(body).into_iter().map(|object| object.key).collect()
}

fn in_sns(message: &str) -> String {
    json!({ "Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": message })
        .to_string()
}

fn event_bridge(key: &str) -> String {
    json!({
        "version": "0", "detail-type": "Object Created", "source": "aws.s3", "account": "1",
        "time": "2021-11-12T00:00:00Z", "region": "ca-central-1",
        "detail": { "bucket": { "name": "b" }, "object": { "key": key, "size": 5, "etag": "e", "sequencer": "s" } },
    })
    .to_string()
}

/// What a Lambda function is given in place of the message: `member` of each of its records is the message.
fn messages_of_lambda_event(event: &[u8], member: &str) -> Vec<String> {
    let event: Value = serde_json::from_slice(event).unwrap();
    let message = |record: &Value| match &record[member] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    event["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(message)
        .collect()
}

/// All objects within `value` that have the member `member`.
fn with_member<'a>(value: &'a Value, member: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) if members.contains_key(member) => found.push(value),
        Value::Object(members) => members
            .values()
            .for_each(|inner| with_member(inner, member, found)),
        Value::Array(elements) => elements
            .iter()
            .for_each(|inner| with_member(inner, member, found)),
        _ => {}
    }
}

#[test]
fn an_s3_event_names_its_object() {
    let expected = ObjectRef {
        bucket: "lambda-artifacts-deafc19498e3f2df".to_owned(),
        key: "b21b84d653bb07b05b1e6b33684dc11b".to_owned(),
        etag: Some("b21b84d653bb07b05b1e6b33684dc11b".to_owned()),
        sequencer: Some("0C0F6F405D6ED209E1".to_owned()),
        size: Some(1_305_107),
        event_time: EventTime::parse("2019-09-03T19:37:27.192Z"),
        region: Some("us-east-2".to_owned()),
    };
    for body in [
        real!("boogy__s3-event-object-created.json"),
        real!("powertools__s3Event.json"),
    ] {
        assert_eq!(objects(body), std::slice::from_ref(&expected));
    }
}

#[test]
fn one_message_may_name_many_objects_with_encoded_keys() {
    assert_eq!(
        keys(real!("dotnet__s3-event.json")),
        ["HappyFace.jpg", "New File.jpg"]
    );
    for body in [
        real!("go__s3-event-with-decoded.json"),
        real!("rust__example-s3-event-with-decoded.json"),
    ] {
        assert_eq!(keys(body), ["Happy Face.jpg"]);
    }
}

#[test]
fn events_that_create_nothing_name_no_objects() {
    for body in [
        real!("go__s3-glacier-event.json"),
        real!("go__s3-lifecycle-event.json"),
        real!("go__s3-restore-event.json"),
        real!("powertools__s3EventDeleteObject.json"),
        real!("stech__s3-delete.json"),
        real!("boogy__eventbridge-object-deleted.json"),
        real!("boogy__eventbridge-object-annotation-created.json"),
        br#"{"Records":[]}"#,
    ] {
        assert_eq!(objects(body), []);
    }
}

#[test]
fn bodies_of_lambda_sqs_events_are_what_a_queue_delivers() {
    for (event, expected) in [
        (
            real!("boogy__sqs-s3-event.json"),
            "b21b84d653bb07b05b1e6b33684dc11b",
        ),
        (real!("powertools__s3SqsEvent.json"), "test.pdf"),
    ] {
        let bodies = messages_of_lambda_event(event, "body");
        assert_eq!(keys(bodies[0].as_bytes()), [expected]);
    }
    for event in [
        real!("go__sqs-event.json"),
        real!("powertools__sqsDlqTriggerEvent.json"),
    ] {
        let bodies = messages_of_lambda_event(event, "body");
        let error = parse(bodies[0].as_bytes()).unwrap_err();
        assert!(
            matches!(error, NotificationError::NotJson { .. }),
            "{error}"
        );
        let error = parse(event).unwrap_err();
        assert!(
            matches!(error, NotificationError::UnknownShape { .. }),
            "{error}"
        );
    }
    let bodies = messages_of_lambda_event(real!("powertools__snsSqsEvent.json"), "body");
    let error = parse(bodies[0].as_bytes()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with(r#": {"message": "hello world", "username": "lessa"}"#),
        "{error}"
    );
}

#[test]
fn test_events_are_told_apart_plain_and_in_sns() {
    let plain = real!("boogy__s3-test-event.json");
    assert_eq!(parse(plain), Ok(Notification::TestEvent));

    let in_lambda = messages_of_lambda_event(real!("boogy__sns-s3-test-event.json"), "Sns");
    assert_eq!(parse(in_lambda[0].as_bytes()), Ok(Notification::TestEvent));

    let validation = in_sns(CLOUDTRAIL_VALIDATION);
    assert_eq!(parse(validation.as_bytes()), Ok(Notification::TestEvent));
}

#[test]
fn event_bridge_keys_are_taken_as_they_are() {
    let expected = ObjectRef {
        bucket: "b".to_owned(),
        key: "a+b%20c/é".to_owned(),
        etag: Some("e".to_owned()),
        sequencer: Some("s".to_owned()),
        size: Some(5),
        event_time: EventTime::parse("2021-11-12T00:00:00Z"),
        region: Some("ca-central-1".to_owned()),
    };
    assert_eq!(objects(event_bridge("a+b%20c/é").as_bytes()), [expected]);
    assert_eq!(
        keys(real!(
            "boogy__eventbridge-object-created-unsupported-version.json"
        )),
        ["example-key"]
    );
}

#[test]
fn every_event_recorded_from_event_bridge_is_understood() {
    let snapshot: Value = serde_json::from_slice(real!(
        "localstack__test_s3_notifications_eventbridge.snapshot.json"
    ))
    .unwrap();
    let mut events = Vec::new();
    with_member(&snapshot, "detail-type", &mut events);
    assert!(events.len() > 5, "{}", events.len());
    for event in events {
        let created = event["detail-type"] == "Object Created";
        let objects = objects(event.to_string().as_bytes());
        assert_eq!(objects.len(), usize::from(created), "{event}");
    }
}

#[test]
fn every_message_recorded_from_sns_is_understood() {
    let snapshot: Value =
        serde_json::from_slice(real!("localstack__test_s3_notifications_sns.snapshot.json"))
            .unwrap();
    let mut messages = Vec::new();
    with_member(&snapshot, "Records", &mut messages);
    assert!(messages.len() > 1);
    for message in messages {
        let wrapped = in_sns(&message.to_string());
        assert_eq!(objects(wrapped.as_bytes()).len(), 1);
    }
}

#[test]
fn sns_may_wrap_any_form_once_or_twice() {
    let cloudtrail = r#"{"s3Bucket":"b","s3ObjectKey":["k+1","k2"]}"#;
    for (message, expected) in [
        (event_bridge("k+1"), vec!["k+1"]),
        (cloudtrail.to_owned(), vec!["k+1", "k2"]),
    ] {
        for body in [message.clone(), in_sns(&message), in_sns(&in_sns(&message))] {
            assert_eq!(keys(body.as_bytes()), expected, "{body}");
        }
    }
    let mut endless = cloudtrail.to_owned();
    for _ in 0..5 {
        endless = in_sns(&endless);
    }
    let error = parse(endless.as_bytes()).unwrap_err();
    assert!(
        matches!(error, NotificationError::UnknownShape { .. }),
        "{error}"
    );
}

#[test]
fn a_subscription_to_confirm_says_what_to_do() {
    let body = json!({ "Type": "SubscriptionConfirmation", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": "You …" });
    let error = parse(body.to_string().as_bytes()).unwrap_err().to_string();
    assert!(
        error.contains("arn:aws:sns:eu-west-1:1:t") && error.contains("ConfirmSubscription"),
        "{error}"
    );
}

#[test]
fn what_is_not_json_is_told_from_json_of_another_kind() {
    for body in [b"".as_slice(), b"hello world", b"{\"a\":", b"\xff{}"] {
        let error = parse(body).unwrap_err();
        assert!(
            matches!(error, NotificationError::NotJson { .. }),
            "{error}"
        );
    }
    for body in [
        "null",
        "7",
        "[]",
        "{}",
        r#"{"Records":7}"#,
        r#"{"Records":[{"a":1}]}"#,
        r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{},"object":{"key":"k"}}}]}"#,
        r#"{"Type":"Notification"}"#,
        r#"{"Type":"Other","Message":"{}"}"#,
        r#"{"source":"aws.s3","detail-type":"AWS API Call via CloudTrail","detail":{}}"#,
        r#"{"source":"aws.s3","detail-type":"Object Created"}"#,
        r#"{"source":"aws.ec2","detail-type":"Object Created","detail":{}}"#,
        r#"{"s3Bucket":"b"}"#,
    ] {
        let error = parse(body.as_bytes()).unwrap_err();
        assert!(
            matches!(error, NotificationError::UnknownShape { .. }),
            "{body}: {error}"
        );
    }
}

#[test]
fn a_key_that_is_no_text_is_an_error_of_its_own() {
    let body = r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"%ff"}}}]}"#;
    let error = parse(body.as_bytes()).unwrap_err();
    assert!(matches!(error, NotificationError::BadKey { .. }), "{error}");
}

#[test]
fn errors_show_a_short_printable_excerpt() {
    let long = "x".repeat(100_000);
    for body in [
        format!("{long}\n\u{1b}[31m"),
        format!("{{\"Records\":\"{long}\"}}"),
    ] {
        let error = parse(body.as_bytes()).unwrap_err().to_string();
        assert!(
            error.len() < 500 && !error.contains(char::is_control),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn any_key_survives_event_bridge_within_sns(key in any::<String>()) {
        prop_assert_eq!(keys(in_sns(&event_bridge(&key)).as_bytes()), [key]);
    }

    #[test]
    fn any_bytes_are_an_error_or_a_notification(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&body);
    }
}
