//! What an event looks like when it arrives: its tag, its time, its bytes.

use bytes::Bytes;
use cloudweir_lab::Line;

use super::stage::{ACCOUNT, BUCKET, REGION, Setting, Stage};

async fn arrived(setting: Setting, records: &[&str]) -> Vec<String> {
    let mut stage = Stage::set(setting).await;
    stage.put("object", records);
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
    stage.lines()
}

fn tags(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| Line::parse(line.as_bytes()).unwrap().tag)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tag_is_by_the_records_own_event_source() {
    let lines = arrived(
        Setting::default(),
        &[
            r#"{"eventSource":"acm-pca.amazonaws.com"}"#,
            r#"{"eventName":"x"}"#,
            r#"{"requestParameters":{"eventSource":"decoy.amazonaws.com"},"eventSource":"s3.amazonaws.com"}"#,
            r#"{"requestParameters":{"eventSource":"decoy.amazonaws.com"}}"#,
            r#"{"eventName":"a \"quoted\" name, {brace","eventSource":"e\u0063\u0032.amazonaws.com"}"#,
            r#"{"\u0065ventSource":"kms.amazonaws.com"}"#,
            r#"{"eventSource":"EC2.amazonaws.com","eventCategory":"Insight"}"#,
            r#"{"eventSource":null}"#,
            r#"{"eventSource":"we ird.x"}"#,
        ],
    )
    .await;
    let types: Vec<&str> = tags(&lines)
        .into_iter()
        .map(|tag| tag.split('.').nth(3).unwrap())
        .collect();
    let expected = [
        "acm_pca", "unknown", "s3", "unknown", "ec2", "kms", "insights", "unknown", "we_ird",
    ];
    assert_eq!(types, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_auto_event_type_everything_goes_to_one_table() {
    let setting = Setting {
        service: "auto_event_type: false".to_owned(),
        ..Setting::default()
    };
    let lines = arrived(setting, &[r#"{"eventSource":"s3.amazonaws.com"}"#]).await;
    let expected = format!("cloud.aws.cloudtrail.events.{ACCOUNT}.{REGION}.1");
    assert_eq!(tags(&lines), [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_and_region_can_be_the_events_own() {
    let setting = Setting {
        service: "auto_event_type: true\nuse_region_and_account_id_from_event: true".to_owned(),
        ..Setting::default()
    };
    let lines = arrived(
        setting,
        &[
            r#"{"eventSource":"s3.amazonaws.com","recipientAccountId":"999988887777","awsRegion":"eu-west-1"}"#,
            r#"{"eventSource":"s3.amazonaws.com"}"#,
        ],
    )
    .await;
    assert_eq!(
        tags(&lines),
        [
            "cloud.aws.cloudtrail.s3.999988887777.eu-west-1.1",
            "cloud.aws.cloudtrail.s3.unknown.unknown.1",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_the_events_time_this_host_and_one_pulling_id_a_cycle() {
    let lines = arrived(
        Setting::default(),
        &[
            r#"{"eventTime":"2023-07-10T11:42:36Z"}"#,
            r#"{"eventTime":"2023-07-10T11:42:36.789+02:00"}"#,
        ],
    )
    .await;
    let parsed: Vec<Line<'_>> = lines
        .iter()
        .map(|line| Line::parse(line.as_bytes()).unwrap())
        .collect();
    assert_eq!(parsed[0].timestamp, "2023-07-10 11:42:36.000");
    assert_eq!(parsed[1].timestamp, "2023-07-10 09:42:36.789");
    assert_eq!(parsed[0].hostname, "testhost");
    let id = parsed[0].pulling_id().unwrap();
    assert_eq!(parsed[1].pulling_id(), Some(id));
    let (seconds, micros) = id.split_once('.').unwrap();
    assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000);
    assert_eq!(micros.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_record_are_not_touched() {
    let lines = arrived(
        Setting::default(),
        &[
            r#"{ "z": 1.10 , "a":1e5,"n":12345678901234567890.5, "u":"\u00e9é\/" }"#,
            r#"{"empty":{},"list":[ ],"deep":[[[{"a":"}]"}]]],"quote":"\\\""}"#,
            r"{}",
            r#"{"same":1,"same":2}"#,
        ],
    )
    .await;
    assert!(lines[2].ends_with(r#""}"#), "{}", lines[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pretty_printed_object_arrives_on_one_line_a_record() {
    let mut stage = Stage::usual().await;
    let record = "{\n    \"eventID\": \"a\",\n    \"list\": [\n      1\n    ]\n  }";
    let body = format!(
        "\u{feff}{{\n  \"Other\": [1, {{}}],\n  \"Records\": [\n  {record}\n  ],\n  \"After\": \"x\"\n}}\n"
    );
    stage.expect(&[Bytes::from(record)]);
    stage.lab.s3().put(BUCKET, "pretty.json", body).unwrap();
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_utf8_become_the_replacement_character() {
    let stage = Stage::usual().await;
    let body = b"{\"Records\":[{\"eventID\":\"a\xff\"}]}".to_vec();
    stage.lab.s3().put(BUCKET, "latin", body).unwrap();
    let collector = stage.collector().await;
    stage.drained().await;
    assert!(stage.lines()[0].ends_with("\"eventID\":\"a\u{fffd}\"}"));
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_to_drop_are_dropped_and_leave_no_hole() {
    let setting = Setting {
        service: "drop_event_names: [AssumeRole, Decrypt]".to_owned(),
        ..Setting::default()
    };
    let mut stage = Stage::set(setting).await;
    let kept = r#"{"eventName":"AssumeRoleWithSAML"}"#;
    let dropped = r#"{"eventName":"AssumeRole"}"#;
    stage.expect(&[Bytes::from(kept)]);
    let only_dropped = format!("{{\"Records\":[{dropped},{dropped}]}}");
    let mixed = format!("{{\"Records\":[{dropped},{kept},{dropped}]}}");
    stage
        .lab
        .s3()
        .put(BUCKET, "only-dropped", only_dropped)
        .unwrap();
    stage.lab.s3().put(BUCKET, "mixed", mixed).unwrap();
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_read_however_they_are_packed() {
    let mut stage = Stage::usual().await;
    let records: Vec<Bytes> = real_records_of(3);
    let gz = |records: &[Bytes]| cloudweir_lab::generate::pack(records).to_vec();
    let json = |records: &[Bytes]| {
        let joined: Vec<&str> = records
            .iter()
            .map(|record| std::str::from_utf8(record).unwrap())
            .collect();
        format!("{{\"Records\":[{}]}}", joined.join(",")).into_bytes()
    };
    let plain = json(&records);
    let (head, tail) = plain.split_at(plain.len() / 2);
    let members = [gzip(head), gzip(tail)].concat();
    let zstd = zstd::encode_all(&plain[..], 3).unwrap();
    for (key, body) in [
        ("gzip-without-suffix", gz(&records)),
        ("plain.json.gz", plain.clone()),
        ("two-members.gz", members),
        ("zstd.zst", zstd),
    ] {
        stage.expect(&records);
        stage.lab.s3().put(BUCKET, key, body).unwrap();
    }
    let collector = stage.collector().await;
    stage.assert_exact().await;
    assert!(collector.stop().await.is_clean());
}

fn real_records_of(count: usize) -> Vec<Bytes> {
    super::stage::real_records()
        .iter()
        .take(count)
        .cloned()
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
