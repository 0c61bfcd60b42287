//! What the demo feeds each service with, and the truth about it.

use std::{error::Error, fs, io::Write, path::Path};

use bytes::Bytes;
use cloudweir_lab::{
    Lab, Truth,
    generate::{Objects, Plan, Records},
};
use flate2::{Compression, write::GzEncoder};

use super::{BUCKET, REGION};

/// Rows of a generated file of lines.
const ROWS: usize = 1_000;

/// A service of the demo: where its events go, and what was sent for it.
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) queue: &'static str,
    /// What tells its lines from others'.
    pub(super) tag: &'static str,
    pub(super) truth: Truth,
}

impl Service {
    fn new(name: &'static str, queue: &'static str, tag: &'static str) -> Self {
        Self {
            name,
            queue,
            tag,
            truth: Truth::default(),
        }
    }
}

/// All of them, in the order of the table.
pub(super) fn all() -> Vec<Service> {
    vec![
        Service::new(
            "audit-events-all/audits_s3",
            "cloudtrail",
            "cloud.aws.cloudtrail.",
        ),
        Service::new("service-events-all", "events", "cloud.aws.cloudwatch."),
        Service::new(
            "sqs-cloudwatch-consumer",
            "securityhub",
            "cloud.aws.securityhub.",
        ),
        Service::new("non-cloudwatch-logs/flowlogs", "flow", "cloud.aws.vpc."),
        Service::new(
            "non-cloudwatch-logs/cloudfrontlogs",
            "cf",
            "cloud.aws.cloudfront.",
        ),
        Service::new("cisco-umbrella", "umbrella", "sig.cisco.umbrella."),
    ]
}

/// How much is sent for the services besides CloudTrail.
const EVENTS: usize = 5_000;
const FINDINGS: usize = 1_000;
const FILES: usize = 10;

/// Puts the real CloudTrail files as they are, then generated ones up to `records`. Returns how many real records there are.
pub(super) fn fill_trail(
    service: &mut Service,
    lab: &Lab,
    records: &Records,
    from: &Path,
    plan: Plan,
) -> Result<usize, Box<dyn Error>> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".json.gz") {
            let key = format!("AWSLogs/218007301253/CloudTrail/us-east-1/2023/07/10/{name}");
            put(lab, service, &key, fs::read(&path)?)?;
        }
    }
    for record in records.iter() {
        service.truth.add(record);
    }
    let mut objects = records.objects(plan)?;
    while put_trail(service, lab, &mut objects)? {}
    Ok(records.len())
}

/// Puts one more generated object; `false` when there are no more.
pub(super) fn put_trail(
    service: &mut Service,
    lab: &Lab,
    objects: &mut Objects<'_>,
) -> Result<bool, Box<dyn Error>> {
    let Some(object) = objects.next() else {
        return Ok(false);
    };
    put(lab, service, &object.key, object.body)?;
    for record in &object.records {
        service.truth.add(&record.json);
    }
    Ok(true)
}

/// Fills the queue of a service other than CloudTrail.
pub(super) fn fill(service: &mut Service, lab: &Lab) -> Result<(), Box<dyn Error>> {
    match service.queue {
        "events" => send(service, lab, EVENTS, |number| {
            let source = ["aws.ec2", "aws.s3", "aws.autoscaling", "com.example.shop"][number % 4];
            format!(
                r#"{{"version":"0","id":"{number:032x}","detail-type":"Demo","source":"{source}","account":"123456789012","time":"2026-01-01T00:00:00Z","region":"{REGION}","resources":[],"detail":{{"number":{number}}}}}"#
            )
        }),
        "securityhub" => send(service, lab, FINDINGS, |number| {
            format!(
                r#"{{"version":"0","id":"{number:032x}","detail-type":"Security Hub Findings - Imported","source":"aws.securityhub","account":"123456789012","time":"2026-01-01T00:00:00Z","region":"{REGION}","resources":[],"detail":{{"findings":[{{"Id":"finding/{number}","UpdatedAt":"2026-01-01T00:00:00.000Z"}}]}}}}"#
            )
        }),
        "flow" => files(
            service,
            lab,
            &Lines {
                folder: "AWSLogs/123456789012/vpcflowlogs/us-east-2/2026/01/01",
                header: "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status",
                names: |header| header.split(' ').map(ToOwned::to_owned).collect(),
                delimiter: " ",
                row: |number| {
                    let port = number % 65_536;
                    format!(
                        "2 123456789012 eni-{number:017x} 10.0.0.1 10.0.0.2 {port} 443 6 {number} 4249 1767225600 1767225660 ACCEPT OK"
                    )
                },
            },
        ),
        "cf" => files(
            service,
            lab,
            &Lines {
                folder: "cloudfront",
                header: "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs-uri-stem sc-status",
                names: |header| {
                    let fields = header.rsplit("#Fields: ").next().unwrap_or_default();
                    fields.split(' ').map(ToOwned::to_owned).collect()
                },
                delimiter: "\t",
                row: |number| {
                    format!(
                        "2026-01-01\t00:00:00\tFRA2\t{number}\t192.0.2.1\tGET\t/page%20{number}\t200"
                    )
                },
            },
        ),
        "umbrella" => umbrella(service, lab),
        _ => Ok(()),
    }
}

fn send(
    service: &mut Service,
    lab: &Lab,
    count: usize,
    event: impl Fn(usize) -> String,
) -> Result<(), Box<dyn Error>> {
    for number in 0..count {
        let event = event(number);
        lab.sqs().send(service.queue, event.clone())?;
        service.truth.add(&Bytes::from(event));
    }
    Ok(())
}

/// Files whose rows become objects, with the header's names.
struct Lines {
    folder: &'static str,
    header: &'static str,
    names: fn(&str) -> Vec<String>,
    delimiter: &'static str,
    row: fn(usize) -> String,
}

fn files(service: &mut Service, lab: &Lab, lines: &Lines) -> Result<(), Box<dyn Error>> {
    let names = (lines.names)(lines.header);
    for file in 0..FILES {
        let mut text = format!("{}\n", lines.header);
        for number in file * ROWS..(file + 1) * ROWS {
            let row = (lines.row)(number);
            // No value of these has anything in it that JSON would escape.
            let members: Vec<String> = names
                .iter()
                .zip(row.split(lines.delimiter))
                .map(|(name, value)| format!(r#""{name}":"{value}""#))
                .collect();
            let object = format!("{{{}}}", members.join(","));
            service.truth.add(&Bytes::from(object));
            text += &row;
            text.push('\n');
        }
        let key = format!("{}/{file:04}.gz", lines.folder);
        put(lab, service, &key, gzip(&text)?)?;
    }
    Ok(())
}

fn umbrella(service: &mut Service, lab: &Lab) -> Result<(), Box<dyn Error>> {
    for folder in ["dnslogs", "iplogs", "proxylogs"] {
        let mut text = String::new();
        for number in 0..ROWS {
            let row = format!(r#""2026-01-01 00:00:00","{folder}, {number}","10.0.0.1""#);
            text += &row;
            text.push('\n');
            service.truth.add(&Bytes::from(row));
        }
        let key = format!("{folder}/2026-01-01/2026-01-01-00-00-abcd.csv.gz");
        put(lab, service, &key, gzip(&text)?)?;
    }
    Ok(())
}

/// Puts an object into the bucket that tells this service's queue of it.
fn put(
    lab: &Lab,
    service: &Service,
    key: &str,
    body: impl Into<Bytes>,
) -> Result<(), Box<dyn Error>> {
    Ok(lab.s3().put(&bucket(service.queue), key, body)?)
}

/// The bucket whose objects are told to `queue`.
pub(super) fn bucket(queue: &str) -> String {
    format!("{BUCKET}-{queue}")
}

fn gzip(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?)
}
