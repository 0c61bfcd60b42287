//! The pipeline between programs that nobody here wrote: moto as AWS, fed by boto3, and rsyslog as the receiver.

use std::path::Path;

use cloudweir_lab::Truth;

use super::external::moto::Moto;
use super::external::rsyslog::Rsyslog;
use super::external::wait_until;
use super::stage::{Program, data, real_records};

const PRODUCER: &str = r#"
import boto3
import glob, os, sys
queue = boto3.client('sqs', region_name='us-east-2').create_queue(QueueName='cloudtrail')['QueueUrl']
arn = boto3.client('sqs', region_name='us-east-2').get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
s3 = boto3.client('s3', region_name='us-east-2')
s3.create_bucket(Bucket='trail', CreateBucketConfiguration={'LocationConstraint': 'us-east-2'})
s3.put_bucket_notification_configuration(Bucket='trail', NotificationConfiguration={
    'QueueConfigurations': [{'QueueArn': arn, 'Events': ['s3:ObjectCreated:*']}]})
for path in sorted(glob.glob('DATA/*.json.gz')):
    with open(path, 'rb') as file:
        s3.put_object(Bucket='trail', Key='AWSLogs/a b+c/' + os.path.basename(path), Body=file.read())
"#;

const LEFT: &str = r"
import boto3
sqs = boto3.client('sqs', region_name='us-east-2')
queue = sqs.get_queue_url(QueueName='cloudtrail')['QueueUrl']
attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['All'])['Attributes']
print(int(attributes['ApproximateNumberOfMessages']) + int(attributes['ApproximateNumberOfMessagesNotVisible']))
";

fn yaml(endpoint: &str, rsyslog: &Rsyslog) -> String {
    let path = |path: &Path| path.display().to_string();
    let certificates = &rsyslog.certificates;
    format!(
        "outputs:
  relay:
    type: syslog
    config:
      address: localhost
      port: {port}
      type: SSL
      chain: {chain}
      cert: {cert}
      key: {key}
      delivery: {{ settle: 500ms }}
inputs:
  aws:
    id: abc123
    endpoint_url: {endpoint}
    credentials: {{ access_key: AKIAIOSFODNN7EXAMPLE, access_secret: wJalrXUtnFEMIK7MDENG }}
    services:
      audit-events-all:
        types: [audits_s3]
        regions: [us-east-2]
        audit_sqs_queue_name: cloudtrail
        auto_event_type: true
",
        port = rsyslog.address().port(),
        chain = path(&certificates.authority.certificate),
        cert = path(&certificates.client.certificate),
        key = path(&certificates.client.key),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn from_moto_to_rsyslog_every_real_record_arrives_byte_for_byte() {
    let moto = Moto::start().await;
    let rsyslog = Rsyslog::start().await;
    let cloudtrail = data().join("cloudtrail");
    let producer = PRODUCER.replace("DATA", &cloudtrail.display().to_string());
    moto.boto3(&producer).await;
    let mut truth = Truth::default();
    for record in real_records().iter() {
        truth.add(record);
    }

    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path(), &yaml(&moto.endpoint(), &rsyslog), &[]);
    let lines = rsyslog
        .wait_for_lines(usize::try_from(truth.sent()).unwrap())
        .await;
    let comparison = truth.compare(&lines);
    assert!(comparison.is_exact(), "{comparison:?}\n{}", program.log());
    wait_until("the queue is empty", async || {
        moto.boto3(LEFT).await.trim() == "0"
    })
    .await;
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0), "{}", program.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_killed_and_started_again_misses_nothing() {
    let moto = Moto::start().await;
    let mut rsyslog = Rsyslog::start().await;
    let cloudtrail = data().join("cloudtrail");
    let mut truth = Truth::default();
    for record in real_records().iter() {
        truth.add(record);
    }
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path(), &yaml(&moto.endpoint(), &rsyslog), &[]);
    let producer = PRODUCER.replace("DATA", &cloudtrail.display().to_string());
    moto.boto3(&producer).await;
    rsyslog.wait_for_lines(200).await;
    rsyslog.kill().await;
    rsyslog.restart().await;
    wait_until("all has arrived and left the queue", async || {
        moto.boto3(LEFT).await.trim() == "0"
    })
    .await;
    let comparison = truth.compare(rsyslog.lines());
    assert_eq!(comparison.missing, 0, "{comparison:?}\n{}", program.log());
}
