//! Files of lines: VPC flow logs, CloudFront's logs, Cisco Umbrella's.

use cloudweir_lab::Line;
use serde_json::Value;

use super::stage::{ACCOUNT, BUCKET, QUEUE, REGION, Setting, Stage, within};

fn logs(kind: &str, queue_key: &str, more: &str) -> String {
    format!(
        "non-cloudwatch-logs:\n  types: [{kind}]\n  regions: [{REGION}]\n  {queue_key}: {QUEUE}\n  auto_event_type: true\n{more}"
    )
}

fn flow_logs(more: &str) -> String {
    logs("flowlogs", "vpcflowlogs_sqs_queue_name", more)
}

fn cloudfront_logs(more: &str) -> String {
    logs("cloudfrontlogs", "cloudfrontlogs_sqs_queue_name", more)
}

fn umbrella() -> String {
    format!("cisco-umbrella:\n  regions: [{REGION}]\n  cisco_umbrella_sqs_queue_name: {QUEUE}")
}

/// The lines that arrive when these objects are put.
async fn arrived(services: String, objects: &[(&str, Vec<u8>)]) -> Vec<String> {
    let stage = Stage::set(Setting {
        services: Some(services),
        ..Setting::default()
    })
    .await;
    for (key, body) in objects {
        stage.lab.s3().put(BUCKET, key, body.clone()).unwrap();
    }
    let collector = stage.collector().await;
    stage.drained().await;
    assert!(collector.stop().await.is_clean());
    stage.lines()
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn parts(line: &str) -> Line<'_> {
    Line::parse(line.as_bytes()).unwrap()
}

const FLOWS: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK
2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA
";

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_an_object_of_the_headers_names() {
    let key = "AWSLogs/999988887777/vpcflowlogs/eu-west-1/2024/01/01/x.log.gz";
    let own = "  use_region_and_account_id_from_event: true";
    let lines = arrived(flow_logs(own), &[(key, gzip(FLOWS))]).await;
    assert_eq!(lines.len(), 2);
    let flow = parts(&lines[0]);
    assert_eq!(flow.tag, "cloud.aws.vpc.flow.999988887777.eu-west-1.1");
    assert_eq!(flow.timestamp, "2014-12-14 04:06:50.000");
    let record = String::from_utf8(flow.record().unwrap()).unwrap();
    assert_eq!(
        record,
        r#"{"version":"2","account-id":"123456789010","interface-id":"eni-1235b8ca123456789","srcaddr":"172.31.16.139","dstaddr":"172.31.16.21","srcport":"20641","dstport":"22","protocol":"6","packets":"20","bytes":"4249","start":"1418530010","end":"1418530070","action":"ACCEPT","log-status":"OK"}"#
    );
    let nodata: Value = serde_json::from_slice(&parts(&lines[1]).record().unwrap()).unwrap();
    assert_eq!(nodata["log-status"], "NODATA");
    assert!(nodata["srcaddr"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_as_a_line_is_the_line() {
    let lines = arrived(flow_logs("  format: line"), &[("x.log", FLOWS.into())]).await;
    let messages: Vec<&[u8]> = lines.iter().map(|line| parts(line).message).collect();
    let rows: Vec<&[u8]> = FLOWS.lines().skip(1).map(str::as_bytes).collect();
    assert_eq!(messages, rows);
    assert_eq!(
        parts(&lines[0]).tag,
        format!("cloud.aws.vpc.flow.{ACCOUNT}.{REGION}.1")
    );
}

const REQUESTS: &str = "#Version: 1.0
#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent)
2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\tMozilla/5.0%20(Windows%20NT%2010.0)
";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_an_object_of_the_fields_names_with_values_as_they_are() {
    let lines = arrived(
        cloudfront_logs(""),
        &[("E1.2019-12-04-21.x.gz", gzip(REQUESTS))],
    )
    .await;
    assert_eq!(lines.len(), 1);
    let request = parts(&lines[0]);
    assert_eq!(
        request.tag,
        format!("cloud.aws.cloudfront.web_1.{ACCOUNT}.{REGION}.1")
    );
    assert_eq!(request.timestamp, "2019-12-04 21:02:31.000");
    let record: Value = serde_json::from_slice(&request.record().unwrap()).unwrap();
    assert_eq!(
        record["cs(User-Agent)"],
        "Mozilla/5.0%20(Windows%20NT%2010.0)"
    );
    assert!(record["cs(Referer)"].is_null());
    assert_eq!(record["sc-bytes"], "392");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_delimiter_that_the_owner_chose_is_found_and_a_byte_order_mark_is_none_of_the_text() {
    let rows = "\u{feff}#Version: 1.0\n#Fields: date time sc-bytes\n2019-12-04|21:02:31|392\n";
    let lines = arrived(cloudfront_logs(""), &[("x", gzip(rows))]).await;
    let request = parts(&lines[0]);
    assert_eq!(request.timestamp, "2019-12-04 21:02:31.000");
    assert_eq!(
        request.record().unwrap(),
        br#"{"date":"2019-12-04","time":"21:02:31","sc-bytes":"392"}"#
    );
    let flows = format!("\u{feff}{FLOWS}");
    let lines = arrived(flow_logs(""), &[("x", gzip(&flows))]).await;
    assert_eq!(lines.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn umbrellas_rows_go_as_they_are_into_the_table_of_their_folder() {
    let dns = "\"2015-01-16 17:48:41\",\"A, \"\"B\"\"\",\"ActiveDirectoryUserName,\nADSite,Network\",\"10.10.1.100\"\n";
    let proxy = "\"2017-10-02 23:52:53\",\"TheComputerName\",\"ActiveDirectoryUserName\"\n";
    let lines = arrived(
        umbrella(),
        &[
            (
                "org/dnslogs/2015-01-16/2015-01-16-17-40-aaaa.csv.gz",
                gzip(dns),
            ),
            (
                "org/proxylogs/2017-10-02/2017-10-02-23-50-bbbb.csv.gz",
                gzip(proxy),
            ),
            ("org/auditlogs/2017-10-02/x.csv.gz", gzip(proxy)),
        ],
    )
    .await;
    let mut arrived: Vec<(&str, &str, String)> = lines
        .iter()
        .map(|line| {
            let line = parts(line);
            let message = String::from_utf8(line.message.to_vec()).unwrap();
            (line.tag, line.timestamp, message)
        })
        .collect();
    arrived.sort();
    let one_line = dns.trim_end().replace('\n', " ");
    let proxy = proxy.trim_end().to_owned();
    assert_eq!(
        arrived,
        [
            (
                "sig.cisco.umbrella.dns",
                "2015-01-16 17:48:41.000",
                one_line
            ),
            (
                "sig.cisco.umbrella.proxy",
                "2017-10-02 23:52:53.000",
                proxy.clone()
            ),
            (
                "sig.cisco.umbrella.unknown",
                "2017-10-02 23:52:53.000",
                proxy
            ),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_too_long_is_cut_marked_and_counted() {
    let long = format!("\"2017-10-02 23:52:53\",\"{}\"\nnext\n", "x".repeat(5_000));
    let services = format!("{}\n  max_event_bytes: 1KiB", umbrella());
    let stage = Stage::set(Setting {
        services: Some(services),
        ..Setting::default()
    })
    .await;
    stage
        .lab
        .s3()
        .put(BUCKET, "dnslogs/x.csv.gz", gzip(&long))
        .unwrap();
    let program = stage.program();
    within(stage.receiver.await_lines(2)).await;
    stage.drained().await;
    let lines = stage.lines();
    assert!(parts(&lines[0]).message.len() <= 1_200, "{}", lines[0]);
    assert!(lines[0].contains("cut"), "{}", lines[0]);
    assert_eq!(parts(&lines[1]).message, b"next");
    assert!(
        program
            .log()
            .contains("1 record(s) of s3://trail/dnslogs/x.csv.gz were longer")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_rows_are_objects_like_those_of_text() {
    let body = std::fs::read(super::stage::data().join("parquet/obsrvbl__flows.parquet")).unwrap();
    let key = "AWSLogs/aws-account-id=999988887777/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2024/month=01/day=01/x.log.parquet";
    let own = "  use_region_and_account_id_from_event: true";
    let lines = arrived(flow_logs(own), &[(key, body)]).await;
    assert!(!lines.is_empty());
    for line in &lines {
        let line = parts(line);
        assert_eq!(line.tag, "cloud.aws.vpc.flow.999988887777.eu-west-1.1");
        let row: Value = serde_json::from_slice(&line.record().unwrap()).unwrap();
        assert!(
            row.as_object()
                .unwrap()
                .values()
                .all(|value| value.is_string() || value.is_null())
        );
        let start: i64 = row["start"].as_str().unwrap().parse().unwrap();
        let at = jiff::Timestamp::from_second(start).unwrap();
        assert_eq!(
            line.timestamp,
            at.strftime("%Y-%m-%d %H:%M:%S.000").to_string()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parquet_file_cut_short_is_left_for_redrive() {
    let body = std::fs::read(super::stage::data().join("parquet/obsrvbl__flows.parquet")).unwrap();
    let stage = Stage::set(Setting {
        services: Some(flow_logs("")),
        visibility_s: 1,
        redrive_after: Some(1),
        ..Setting::default()
    })
    .await;
    let half = body[..body.len() / 2].to_vec();
    stage.lab.s3().put(BUCKET, "half.parquet", half).unwrap();
    let collector = stage.collector().await;
    let buried = stage
        .lab
        .sqs()
        .until(super::stage::DEAD_LETTERS, |queue| queue.buried == 1);
    within(buried).await.unwrap();
    assert!(stage.lines().is_empty());
    assert!(collector.stop().await.is_clean());
}
