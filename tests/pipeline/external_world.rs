//! The pipeline between programs that nobody here wrote: moto as AWS, fed by boto3, and rsyslog as the receiver.

use std::path::Path;

use cloudweir_lab::{Line, Truth};

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

const TRAIL: &str = "      audit-events-all:
        types: [audits_s3]
        regions: [us-east-2]
        audit_sqs_queue_name: cloudtrail
        auto_event_type: true
";

fn yaml(endpoint: &str, rsyslog: &Rsyslog, services: &str) -> String {
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
{services}",
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
    let mut program = Program::start(dir.path(), &yaml(&moto.endpoint(), &rsyslog, TRAIL), &[]);
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
    let program = Program::start(dir.path(), &yaml(&moto.endpoint(), &rsyslog, TRAIL), &[]);
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

const EVERYTHING: &str = r##"
import boto3, gzip, json
sqs = boto3.client('sqs', region_name='us-east-2')
s3 = boto3.client('s3', region_name='us-east-2')
def queue(name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)['QueueUrl']
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
events, _ = queue('events.fifo', FifoQueue='true')
for number in range(12):
    sqs.send_message(QueueUrl=events, MessageGroupId=str(number % 3), MessageDeduplicationId=str(number),
                     MessageBody=json.dumps({'source': 'aws.ec2', 'number': number}))
hub, _ = queue('securityhub')
sqs.send_message(QueueUrl=hub, MessageBody=json.dumps(
    {'source': 'aws.securityhub', 'detail': {'findings': [{'Id': 'a'}, {'Id': 'b'}]}}))
for name, key, text in [
    ('flow', 'AWSLogs/1/vpcflowlogs/us-east-2/x.log.gz', 'version srcaddr start\n2 10.0.0.1 1418530010\n2 - 1418530010\n'),
    ('cf', 'x.gz', '#Version: 1.0\n#Fields: date time cs-method\n2019-12-04\t21:02:31\tGET\n'),
    ('umbrella', 'dnslogs/2015-01-16/x.csv.gz', '"2015-01-16 17:48:41","a, b"\n"2015-01-16 17:48:42","c"\n'),
]:
    _, arn = queue(name)
    s3.create_bucket(Bucket=name + '-bucket', CreateBucketConfiguration={'LocationConstraint': 'us-east-2'})
    s3.put_bucket_notification_configuration(Bucket=name + '-bucket', NotificationConfiguration={
        'QueueConfigurations': [{'QueueArn': arn, 'Events': ['s3:ObjectCreated:*']}]})
    s3.put_object(Bucket=name + '-bucket', Key=key, Body=gzip.compress(text.encode()))
"##;

const ALL_SERVICES: &str = "      service-events-all: { regions: [us-east-2], cloudwatch_sqs_queue_name: events.fifo, auto_event_type: true }
      sqs-cloudwatch-consumer: { regions: [us-east-2], cloudwatch_sqs_queue_name: securityhub }
      non-cloudwatch-logs:
        types: [flowlogs, cloudfrontlogs]
        regions: [us-east-2]
        vpcflowlogs_sqs_queue_name: flow
        cloudfrontlogs_sqs_queue_name: cf
        auto_event_type: true
      cisco-umbrella: { regions: [us-east-2], cisco_umbrella_sqs_queue_name: umbrella }
";

#[tokio::test(flavor = "multi_thread")]
async fn every_queue_fed_service_works_between_moto_and_rsyslog() {
    let moto = Moto::start().await;
    let rsyslog = Rsyslog::start().await;
    moto.boto3(EVERYTHING).await;
    let dir = tempfile::tempdir().unwrap();
    let yaml = yaml(&moto.endpoint(), &rsyslog, ALL_SERVICES);
    let program = Program::start(dir.path(), &yaml, &[]);
    let lines = rsyslog.wait_for_lines(19).await;
    let with = |tag: &str| {
        let tagged = lines.iter().filter(|line| {
            let line = Line::parse(line).unwrap_or_else(|| panic!("{}", program.log()));
            line.tag.starts_with(tag)
        });
        tagged.count()
    };
    assert_eq!(with("cloud.aws.cloudwatch.ec2."), 12);
    assert_eq!(with("cloud.aws.securityhub.findings."), 2);
    assert_eq!(with("cloud.aws.vpc.flow."), 2);
    assert_eq!(with("cloud.aws.cloudfront.web_1."), 1);
    assert_eq!(with("sig.cisco.umbrella.dns"), 2);
    assert_eq!(lines.len(), 19);
}
