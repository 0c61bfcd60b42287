//! The programs of `external` do what the tests that lean on them believe they do.

#![allow(clippy::expect_used, reason = "the helpers of tests fail tests")]

mod external;

use std::process::Stdio;

use external::moto::Moto;
use external::rsyslog::Rsyslog;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Sends `text` over TLS with the openssl program, with a client certificate or without; returns when it has ended.
async fn send(rsyslog: &Rsyslog, text: &str, with_certificate: bool) {
    let certificates = &rsyslog.certificates;
    let mut openssl = Command::new("openssl");
    openssl
        .args("s_client -quiet -no_ign_eof -verify_return_error -connect".split(' '))
        .arg(rsyslog.address().to_string())
        .arg("-CAfile")
        .arg(&certificates.authority.certificate);
    if with_certificate {
        openssl
            .arg("-cert")
            .arg(&certificates.client.certificate)
            .arg("-key")
            .arg(&certificates.client.key);
    }
    let mut sender = openssl
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl");
    let mut input = sender.stdin.take().expect("the sender's input");
    // A refused sender may be gone before it has read its input.
    let written = input.write_all(text.as_bytes()).await;
    drop(input);
    let status = sender.wait().await.expect("the sender's end");
    assert!(
        !with_certificate || (written.is_ok() && status.success()),
        "openssl s_client: {written:?}, {status}"
    );
}

#[tokio::test]
async fn rsyslog_keeps_a_message_byte_for_byte() {
    let rsyslog = Rsyslog::start().await;
    let long = "x".repeat(256 * 1024);
    let messages = [
        "<14>Jan  1 00:00:00 host my.app.one.two: a\ttab, an escape \\u00e9 and a letter é"
            .to_owned(),
        format!("<14>Jan  1 00:00:00 host my.app.one.two: {long}"),
    ];

    send(
        &rsyslog,
        &format!("{}\n{}\n", messages[0], messages[1]),
        true,
    )
    .await;

    assert_eq!(
        rsyslog.wait_for_lines(2).await,
        messages.map(String::into_bytes)
    );
}

#[tokio::test]
async fn rsyslog_takes_nothing_from_a_client_without_a_certificate() {
    let rsyslog = Rsyslog::start().await;

    send(
        &rsyslog,
        "<14>Jan  1 00:00:00 host app: from a stranger\n",
        false,
    )
    .await;
    send(
        &rsyslog,
        "<14>Jan  1 00:00:00 host app: from a friend\n",
        true,
    )
    .await;

    assert_eq!(
        rsyslog.wait_for_lines(1).await,
        [b"<14>Jan  1 00:00:00 host app: from a friend"]
    );
    assert!(
        rsyslog
            .diagnostics()
            .contains("did not provide a certificate"),
        "{}",
        rsyslog.diagnostics()
    );
}

#[tokio::test]
async fn rsyslog_returns_on_its_port_with_what_it_had() {
    let mut rsyslog = Rsyslog::start().await;
    send(&rsyslog, "<14>Jan  1 00:00:00 host app: 1\n", true).await;
    rsyslog.wait_for_lines(1).await;

    rsyslog.kill().await;
    assert!(
        tokio::net::TcpStream::connect(rsyslog.address())
            .await
            .is_err(),
        "a killed receiver still listens"
    );
    rsyslog.restart().await;
    send(&rsyslog, "<14>Jan  1 00:00:00 host app: 2\n", true).await;
    rsyslog.wait_for_lines(2).await;
    rsyslog.stop().await;
    rsyslog.restart().await;
    send(&rsyslog, "<14>Jan  1 00:00:00 host app: 3\n", true).await;

    let ends: Vec<_> = rsyslog
        .wait_for_lines(3)
        .await
        .iter()
        .filter_map(|line| line.last().copied())
        .collect();
    assert_eq!(ends, b"123");
}

#[tokio::test]
async fn moto_tells_boto3_of_a_new_object() {
    let moto = Moto::start().await;

    let printed = moto
        .boto3(
            r#"
import boto3, json
sqs, s3 = boto3.client("sqs"), boto3.client("s3")
queue = sqs.create_queue(QueueName="trail")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
s3.create_bucket(Bucket="logs")
s3.put_bucket_notification_configuration(Bucket="logs", NotificationConfiguration={
    "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]})
s3.put_object(Bucket="logs", Key="a/b.json.gz", Body=b"content")
for _ in range(10):
    for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
        for record in json.loads(message["Body"]).get("Records", []):
            print(record["s3"]["bucket"]["name"], record["s3"]["object"]["key"])
            raise SystemExit
"#,
        )
        .await;

    assert_eq!(printed.trim(), "logs a%2Fb.json.gz");
}
