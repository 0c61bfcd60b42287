//! All the ways in which a queue can name objects.

use bytes::Bytes;
use cloudweir_lab::generate::pack;
use serde_json::json;

use super::stage::{BUCKET, QUEUE, Setting, Stage};

/// A key with everything in it that one of the forms could get wrong.
const KEY: &str = "AWSLogs/a b+c%2Bd/é (1).json.gz";

/// The key as S3 puts it into its events: form-encoded.
const FORM_ENCODED: &str = "AWSLogs/a+b%2Bc%252Bd/%C3%A9+%281%29.json.gz";

fn s3_event(key: &str) -> String {
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-2",
        "eventTime": "2023-07-10T11:42:36.000Z", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": key, "size": 1}}
    }]})
    .to_string()
}

fn by_sns(message: &str) -> String {
    json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:us-east-2:1:t", "Message": message})
        .to_string()
}

async fn object_named_by(message: String) {
    let mut stage = Stage::usual().await;
    let record = Bytes::from_static(br#"{"eventID":"a"}"#);
    stage.expect(std::slice::from_ref(&record));
    stage
        .lab
        .s3()
        .put_silently(BUCKET, KEY, pack([record]))
        .unwrap();
    stage.lab.sqs().send(QUEUE, message).unwrap();
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn s3s_own_event_with_its_encoded_key() {
    object_named_by(s3_event(FORM_ENCODED)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3s_event_by_way_of_sns() {
    object_named_by(by_sns(&s3_event(FORM_ENCODED))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_bridges_event_with_the_key_as_it_is() {
    object_named_by(
        json!({
            "version": "0", "id": "i", "detail-type": "Object Created", "source": "aws.s3", "account": "1",
            "time": "2023-07-10T11:42:36Z", "region": "us-east-2", "resources": [],
            "detail": {"version": "0", "bucket": {"name": BUCKET}, "object": {"key": KEY, "size": 1}}
        })
        .to_string(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudtrails_own_notification_by_way_of_sns() {
    let own = json!({"s3Bucket": BUCKET, "s3ObjectKey": [KEY]}).to_string();
    object_named_by(by_sns(&own)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn test_events_are_deleted_and_do_no_harm() {
    let stage = Stage::usual().await;
    let test =
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}).to_string();
    stage.lab.sqs().send(QUEUE, by_sns(&test)).unwrap();
    stage.lab.sqs().send(QUEUE, test).unwrap();
    let collector = stage.collector().await;
    stage.drained().await;
    assert_eq!(stage.lab.sqs().stats(QUEUE).unwrap().max_receive_count, 1);
    assert!(stage.lines().is_empty());
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_may_name_many_objects_and_goes_only_with_the_last() {
    let mut stage = Stage::usual().await;
    let mut entries = Vec::new();
    for number in 0..40 {
        let record = Bytes::from(format!("{{\"eventID\":\"{number}\"}}"));
        stage.expect(std::slice::from_ref(&record));
        let key = format!("many/{number}");
        stage
            .lab
            .s3()
            .put_silently(BUCKET, &key, pack([record]))
            .unwrap();
        entries.push(json!({
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}
        }));
    }
    let message = json!({"Records": entries}).to_string();
    stage.lab.sqs().send(QUEUE, message).unwrap();
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_and_what_the_filter_does_not_want_are_acknowledged_unread() {
    let setting = Setting {
        service: "s3_file_type_filter: '/CloudTrail/.*\\.json\\.gz$'".to_owned(),
        ..Setting::default()
    };
    let mut stage = Stage::set(setting).await;
    for key in [
        "AWSLogs/1/CloudTrail-Digest/us-east-2/2023/x.json.gz",
        "AWSLogs/1/Config/y.json.gz",
    ] {
        stage.lab.s3().put(BUCKET, key, "unread").unwrap();
    }
    stage.put(
        "AWSLogs/1/CloudTrail/us-east-2/z.json.gz",
        &[r#"{"eventID":"z"}"#],
    );
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert_eq!(stage.lab.calls().count("s3:GetObject"), 1);
    assert!(collector.stop().await.is_clean());
}
