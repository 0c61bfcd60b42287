#![allow(clippy::unwrap_used)]

use serde_json::Value;

use super::*;
use crate::event::tag::TagSuffix;
use crate::source::object::compression::Decoder;
use crate::source::object::lines::driver::{self, ACCOUNT, Outcome};

const KEY: &str = "logs/E2KG6TMBAL2PBU.2021-01-23-13.23aaa605.gz";

const JSHERZ: &str = include_str!("../../../tests/data/cloudfront/jsherz__file");
const CATALOG: &str = include_str!("../../../tests/data/cloudfront/oscatalog__raw.log");
const DEVWORX: &[u8] = include_bytes!(
    "../../../tests/data/cloudfront/devworx__E2KG6TMBAL2PBU.2021-01-23-13.23aaa605.gz"
);
const SAMPLES: &[u8] =
    include_bytes!("../../../tests/data/cloudfront/awssamples__sample-cloudfront-access-logs.gz");

/// The form of version 2's JSON output (CloudFront developer guide, "configure standard logging (v2)").
const V2_JSON: &str = concat!(
    r#"{"date":"2024-11-14","time":"22:34:06","x-edge-location":"SOF50-P2","asn":"16509","timestamp(ms)":"1731620046814","c-ip":"192.0.2.1","cs(User-Agent)":"Mozilla/5.0%20(compatible)","sc-range-end":"-"}"#,
    "\n",
    r#"{"timestamp(ms)":"1731620046814","sc-status":200}"#,
    "\n",
    r#"{"timestamp":"1731620046"}"#,
    "\n",
);

fn files(format: RecordFormat) -> CloudFrontFiles {
    let suffix = TagSuffix {
        format_version: "1".to_owned(),
        environment: Some("prod".to_owned()),
    };
    CloudFrontFiles {
        tags: Arc::new(TagTemplate::new(TABLE_BY_TYPE, Some(&suffix)).unwrap()),
        region: "us-east-1".to_owned(),
        by_event: false,
        format,
        max_event_bytes: 2000,
    }
}

fn json(object: &str) -> Outcome {
    driver::read(&files(RecordFormat::Json), KEY, object.as_bytes())
}

fn line(object: &str) -> Outcome {
    driver::read(&files(RecordFormat::Line), KEY, object.as_bytes())
}

fn unzipped(mut object: &[u8]) -> String {
    let mut decoder = Decoder::new();
    let mut text = vec![0; 1 << 20];
    let mut len = 0;
    while !object.is_empty() {
        let progress = decoder.decode(object, &mut text[len..]).unwrap();
        object = &object[progress.consumed..];
        len += progress.produced;
    }
    decoder.finish().unwrap();
    text.truncate(len);
    String::from_utf8(text).unwrap()
}

fn at(text: &str) -> Option<EventTime> {
    Some(EventTime::parse(text).unwrap())
}

fn rows(object: &str) -> Vec<&str> {
    object
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
}

#[test]
fn real_logs_keep_every_value_under_its_fields_name() {
    for object in [JSHERZ, CATALOG, &unzipped(DEVWORX), &unzipped(SAMPLES)] {
        let outcome = json(object);
        assert_eq!(outcome.end, Ok(()));
        let names = object
            .lines()
            .find_map(|line| line.strip_prefix("#Fields: "))
            .unwrap();
        let rows = rows(object);
        assert_eq!(outcome.events.len(), rows.len());
        for (event, row) in outcome.events.iter().zip(rows) {
            let object: serde_json::Map<String, Value> = serde_json::from_str(&event.text).unwrap();
            assert_eq!(object.len(), names.split(' ').count());
            let mut start = 0;
            for (name, value) in names.split(' ').zip(row.split('\t')) {
                let expected = if value == "-" {
                    Value::Null
                } else {
                    value.into()
                };
                assert_eq!(object[name], expected, "{name}");
                // In the header's order.
                start += event.text[start..].find(&format!("\"{name}\":")).unwrap();
            }
            let time = row.get(..19).unwrap().replace('\t', "T");
            assert_eq!(event.time, at(&format!("{time}Z")));
        }
    }
}

#[test]
fn real_logs_go_as_lines_byte_for_byte() {
    for object in [JSHERZ, CATALOG, &unzipped(DEVWORX), &unzipped(SAMPLES)] {
        let outcome = line(object);
        assert_eq!(outcome.texts(), rows(object));
        assert!(
            outcome
                .events
                .iter()
                .all(|event| !event.is_object && event.time.is_some())
        );
    }
}

#[test]
fn the_tag_is_the_sessions_or_has_the_keys_account() {
    assert_eq!(
        json(JSHERZ).events[0].tag,
        format!("cloud.aws.cloudfront.web_1.{ACCOUNT}.us-east-1.1.prod")
    );
    let mut files = files(RecordFormat::Json);
    files.by_event = true;
    for (key, account) in [
        (
            "AWSLogs/123456789012/CloudFront/E2KG6TMBAL2PBU.2024-11-14-22.a103fd5a.gz",
            "123456789012",
        ),
        (KEY, "unknown"),
    ] {
        let outcome = driver::read(&files, key, JSHERZ.as_bytes());
        assert_eq!(
            outcome.events[0].tag,
            format!("cloud.aws.cloudfront.web_1.{account}.unknown.1.prod")
        );
    }
}

#[test]
fn fields_may_change_within_an_object_and_be_delimited_by_spaces() {
    let outcome = json(
        "#Version: 1.0\n#Fields: c-ip time date\n1.2.3.4\t01:02:03\t2024-01-02\n#Fields: timestamp(ms) c-ip\n1704164523456 ::1\n",
    );
    assert_eq!(
        outcome.texts(),
        [
            r#"{"c-ip":"1.2.3.4","time":"01:02:03","date":"2024-01-02"}"#,
            r#"{"timestamp(ms)":"1704164523456","c-ip":"::1"}"#
        ]
    );
    let times: Vec<_> = outcome.events.iter().map(|event| event.time).collect();
    assert_eq!(
        times,
        [at("2024-01-02T01:02:03Z"), at("2024-01-02T03:02:03.456Z")]
    );
}

#[test]
fn rows_of_the_legacy_form_need_no_header_and_others_are_a_fault_unless_they_go_as_lines() {
    let bare = rows(CATALOG).join("\n");
    assert_eq!(json(&bare), json(CATALOG));
    for object in ["2024-01-02\t01:02:03\t/\n", "<html>\n", &"-\t".repeat(32)] {
        let outcome = json(object);
        assert!(outcome.events.is_empty());
        assert!(
            outcome.end.unwrap_err().starts_with("no #Fields line"),
            "{object}"
        );
        assert_eq!(line(object).texts(), object.lines().collect::<Vec<_>>());
    }
    assert_eq!(
        line("2024-01-02\t01:02:03\t/\n").events[0].time,
        at("2024-01-02T01:02:03Z")
    );
}

#[test]
fn json_lines_go_as_they_are() {
    for (format, is_object) in [(RecordFormat::Json, true), (RecordFormat::Line, false)] {
        let outcome = driver::read(&files(format), KEY, V2_JSON.as_bytes());
        assert_eq!(outcome.texts(), V2_JSON.lines().collect::<Vec<_>>());
        assert!(
            outcome
                .events
                .iter()
                .all(|event| event.is_object == is_object)
        );
        let times: Vec<_> = outcome.events.iter().map(|event| event.time).collect();
        assert_eq!(
            times,
            [
                at("2024-11-14T22:34:06Z"),
                at("2024-11-14T21:34:06.814Z"),
                at("2024-11-14T21:34:06Z")
            ]
        );
    }
}

#[test]
fn broken_json_is_a_fault_after_the_lines_before_it() {
    let object = "{\"date\":\"-\"}\n\n{\"a\":\n{}\n";
    let outcome = json(object);
    assert_eq!(outcome.texts(), ["{\"date\":\"-\"}"]);
    assert!(outcome.end.unwrap_err().starts_with("line 3: "));
    assert_eq!(line(object).events.len(), 3);
}

#[test]
fn what_is_too_long_is_cut_counted_and_still_json() {
    let long = "x".repeat(3000);
    let object = format!("#Fields: a b\nc\t{long}\n{{\"a\":\"{long}\"}}\n{{}}\n");
    let outcome = json(&object);
    assert_eq!(
        (outcome.cut, outcome.events.len(), &outcome.end),
        (2, 3, &Ok(()))
    );
    assert_eq!(
        outcome.texts()[0],
        format!(r#"{{"a":"c","b":"{}","_cut_bytes":"1002"}}"#, &long[..1998])
    );
    assert_eq!(
        outcome.texts()[1],
        format!(
            r#"{{"_line":"{{\"a\":\"{}","_cut_bytes":"1008"}}"#,
            &long[..1994]
        )
    );
    for text in outcome.texts() {
        serde_json::from_str::<Value>(text).unwrap();
    }
    assert!(line(&object).texts()[1].ends_with("x [cut by cloudweir: 1008 bytes left out]"));
}

#[test]
fn an_object_without_rows_is_no_fault() {
    for object in ["", "#Version: 1.0\n#Fields: date time\n"] {
        let outcome = json(object);
        assert_eq!((outcome.events.len(), outcome.end), (0, Ok(())));
    }
}
