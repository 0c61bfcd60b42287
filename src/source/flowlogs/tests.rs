#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::event::EventTime;
use crate::event::tag::TagSuffix;
use crate::source::object::lines::driver::{self, ACCOUNT, Outcome};

const KEY: &str = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/2023/01/28/123456789012_vpcflowlogs_eu-west-1_fl-1_20230128T0930Z_3a9dfd9d.log.gz";

const DEFAULT_ROW: &str =
    include_str!("../../../tests/data/vpcflow/dvpc__flow-logs-records-examples_1.txt");
const CUSTOM_ROWS: &str =
    include_str!("../../../tests/data/vpcflow/dvpc__flow-logs-records-examples_8.txt");
const NODATA: &str =
    include_str!("../../../tests/data/vpcflow/otel__valid_vpc_flow_log_nodata.log");
const TOO_MANY: &str = include_str!("../../../tests/data/vpcflow/otel__bad_too_many_fields.log");
const TRANSIT_GATEWAY: &str =
    include_str!("../../../tests/data/vpcflow/otel__valid_tgw_flow_log.log");
const ECS: &str = include_str!("../../../tests/data/vpcflow/otel__valid_vpc_flow_log_ecs.log");

/// Rows that AWS's documentation prints without a header, because it tells the fields in words.
const HEADERLESS: [&str; 7] = [
    DEFAULT_ROW,
    include_str!("../../../tests/data/vpcflow/dvpc__flow-logs-records-examples_2.txt"),
    include_str!("../../../tests/data/vpcflow/dvpc__flow-logs-records-examples_3.txt"),
    include_str!("../../../tests/data/vpcflow/dvpc__flow-logs-records-examples_5.txt"),
    CUSTOM_ROWS,
    include_str!("../../../tests/data/vpcflow/dvpc__flow-logs-records-examples_15.txt"),
    include_str!("../../../tests/data/vpcflow/dvpc__flow-logs-records-examples_18.txt"),
];

fn files(table: &str, format: RecordFormat) -> FlowLogFiles {
    let suffix = TagSuffix {
        format_version: "1".to_owned(),
        environment: None,
    };
    FlowLogFiles {
        tags: Arc::new(TagTemplate::new(table, Some(&suffix)).unwrap()),
        region: "us-east-1".to_owned(),
        by_event: false,
        format,
        max_event_bytes: 2000,
    }
}

fn json(object: &str) -> Outcome {
    driver::read(&files(TABLE, RecordFormat::Json), KEY, object.as_bytes())
}

/// The tag when account and region are the event's.
fn tag_by_event(key: &str, object: &str) -> String {
    let mut files = files(TABLE_BY_TYPE, RecordFormat::Line);
    files.by_event = true;
    let outcome = driver::read(&files, key, object.as_bytes());
    outcome.events[0].tag.clone()
}

/// Checks that each row became an object with the header's names and its own values.
fn check(object: &str) {
    let outcome = json(object);
    let mut lines = object.lines();
    let names: Vec<&str> = lines.next().unwrap().split(' ').collect();
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.events.len(), lines.clone().count());
    for (event, line) in outcome.events.iter().zip(lines) {
        let row: serde_json::Map<String, Value> = serde_json::from_str(&event.text).unwrap();
        assert_eq!(row.len(), names.len());
        for (name, value) in names.iter().zip(line.split(' ')) {
            let expected = if value == "-" {
                Value::Null
            } else {
                value.into()
            };
            assert_eq!(row[*name], expected, "{name}");
        }
    }
}

#[test]
fn a_row_is_an_object_with_the_headers_names_in_its_order() {
    let outcome = json(NODATA);
    assert_eq!(
        outcome.texts(),
        [
            "{\"version\":\"2\",\"account-id\":\"12345678910\",\"interface-id\":\"eni-0eb1e4178af74336c\",\"srcaddr\":null,\
             \"dstaddr\":null,\"srcport\":null,\"dstport\":null,\"protocol\":null,\"packets\":null,\"bytes\":null,\
             \"start\":\"1742570089\",\"end\":\"1742570142\",\"action\":null,\"log-status\":\"NODATA\"}"
        ]
    );
    let event = &outcome.events[0];
    assert!(event.is_object);
    assert_eq!(event.time, EventTime::from_unix_ms(1_742_570_089_000));
    assert_eq!(
        event.tag,
        format!("cloud.aws.vpc.unknown.{ACCOUNT}.us-east-1.1")
    );
}

#[test]
fn every_version_and_kind_is_read_by_its_header() {
    for object in [NODATA, TRANSIT_GATEWAY, ECS] {
        check(object);
        assert!(json(object).events[0].time.is_some());
    }
    // The custom format of AWS's example, with the header that S3 gets.
    check(&format!(
        "version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport pkt-srcaddr \
         pkt-dstaddr protocol bytes packets start end action tcp-flags log-status\n{CUSTOM_ROWS}"
    ));
    // Fields of versions 5 and 8 to 10, and a name with a digit, as AWS may come to have.
    check(
        "region az-id pkt-src-aws-service flow-direction traffic-path reject-reason resource-id ipv6-scope\nus-east-1 use1-az2 S3 egress 8 BPA - -\n",
    );
}

#[test]
fn a_row_with_more_or_fewer_values_than_the_header_is_not_lost() {
    let outcome = json(TOO_MANY);
    assert_eq!(outcome.end, Ok(()));
    assert!(outcome.texts()[0].ends_with(r#""log-status":"NODATA","_extra":["one-too-many"]}"#));
    let outcome = json("version start\n2\n2 1418530010 \n");
    assert_eq!(
        outcome.texts(),
        [
            r#"{"version":"2"}"#,
            r#"{"version":"2","start":"1418530010"}"#
        ]
    );
    assert_eq!(outcome.events[0].time, None);
}

#[test]
fn rows_of_the_default_format_need_no_header() {
    let outcome = json(DEFAULT_ROW);
    assert_eq!(
        outcome.texts()[0],
        "{\"version\":\"2\",\"account-id\":\"123456789010\",\"interface-id\":\"eni-1235b8ca123456789\",\
         \"srcaddr\":\"172.31.9.69\",\"dstaddr\":\"172.31.9.12\",\"srcport\":\"49761\",\"dstport\":\"3389\",\
         \"protocol\":\"6\",\"packets\":\"20\",\"bytes\":\"4249\",\"start\":\"1418530010\",\"end\":\"1418530070\",\
         \"action\":\"REJECT\",\"log-status\":\"OK\"}"
    );
    assert_eq!(
        outcome.events[0].time,
        EventTime::from_unix_ms(1_418_530_010_000)
    );
}

#[test]
fn other_rows_without_a_header_are_a_fault_unless_they_go_as_lines() {
    for object in [
        CUSTOM_ROWS,
        HEADERLESS[5],
        HEADERLESS[6],
        "{\"a\":1}\n",
        "\0\u{1}\n",
    ] {
        let outcome = json(object);
        assert!(outcome.events.is_empty());
        assert!(
            outcome.end.unwrap_err().starts_with("no header line"),
            "{object}"
        );
    }
}

#[test]
fn lines_go_as_they_are_and_a_header_is_none_of_them() {
    let files = files(TABLE, RecordFormat::Line);
    for object in HEADERLESS {
        let outcome = driver::read(&files, KEY, object.as_bytes());
        assert_eq!(outcome.texts(), object.lines().collect::<Vec<_>>());
        assert!(!outcome.events[0].is_object);
    }
    for object in [NODATA, TOO_MANY, TRANSIT_GATEWAY, ECS] {
        let outcome = driver::read(&files, KEY, object.as_bytes());
        assert_eq!(outcome.texts(), object.lines().skip(1).collect::<Vec<_>>());
        assert!(outcome.events[0].time.is_some());
    }
}

#[test]
fn ids_in_lower_case_are_no_header() {
    let object = "i-01234567890123456 eni-1111aaaa2222bbbb3\n";
    let outcome = driver::read(&files(TABLE, RecordFormat::Line), KEY, object.as_bytes());
    assert_eq!(
        outcome.texts(),
        ["i-01234567890123456 eni-1111aaaa2222bbbb3"]
    );
}

#[test]
fn a_header_that_comes_again_where_files_were_joined_is_no_row() {
    let joined = format!("{NODATA}{NODATA}\r\n");
    assert_eq!(
        json(&joined).texts(),
        [json(NODATA).texts(), json(NODATA).texts()].concat()
    );
}

#[test]
fn start_may_be_in_milliseconds_and_a_strange_one_is_no_time() {
    let outcome = json("start\n1418530010123\n-\nsoon\n");
    let times: Vec<_> = outcome.events.iter().map(|event| event.time).collect();
    assert_eq!(
        times,
        [EventTime::from_unix_ms(1_418_530_010_123), None, None]
    );
}

#[test]
fn account_and_region_are_the_keys_or_else_the_rows() {
    let object = "account-id region\n210987654321 ap-south-1\n";
    assert_eq!(
        tag_by_event(KEY, object),
        "cloud.aws.vpc.flow.123456789012.eu-west-1.1"
    );
    let hive = "x/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2023/x.log.gz";
    assert_eq!(
        tag_by_event(hive, object),
        "cloud.aws.vpc.flow.123456789012.eu-west-1.1"
    );
    assert_eq!(
        tag_by_event("x.log", object),
        "cloud.aws.vpc.flow.210987654321.ap-south-1.1"
    );
    assert_eq!(
        tag_by_event("x.log", "start account-id\n1 -\n"),
        "cloud.aws.vpc.flow.unknown.unknown.1"
    );
}

#[test]
fn a_row_that_is_too_long_is_cut_counted_and_still_json() {
    let object = format!("version srcaddr\n2 {}\n2 b\n", "x".repeat(3000));
    let outcome = json(&object);
    assert_eq!(
        (outcome.cut, outcome.events.len(), &outcome.end),
        (1, 2, &Ok(()))
    );
    assert_eq!(
        outcome.texts()[0],
        format!(
            r#"{{"version":"2","srcaddr":"{}","_cut_bytes":"1002"}}"#,
            "x".repeat(1998)
        )
    );
    let outcome = driver::read(&files(TABLE, RecordFormat::Line), KEY, object.as_bytes());
    assert!(outcome.texts()[0].ends_with("x [cut by cloudweir: 1002 bytes left out]"));
}

#[test]
fn an_object_without_rows_is_no_fault() {
    for object in ["", "\n", NODATA.lines().next().unwrap()] {
        let outcome = json(object);
        assert_eq!((outcome.events.len(), outcome.end), (0, Ok(())), "{object}");
    }
}

proptest! {
    #[test]
    fn values_survive_whatever_they_are(values in proptest::collection::vec("[^\\s]{1,8}", 1..6)) {
        let names: Vec<String> = (b'a'..).map(|c| char::from(c).to_string()).take(values.len()).collect();
        let object = format!("{}\n{}\n", names.join(" "), values.join(" "));
        prop_assume!(names != values);
        let outcome = json(&object);
        let row: serde_json::Map<String, Value> = serde_json::from_str(outcome.texts()[0]).unwrap();
        for (name, value) in names.iter().zip(&values) {
            let expected = if value == "-" { Value::Null } else { value.as_str().into() };
            prop_assert_eq!(&row[name], &expected);
        }
    }

    #[test]
    fn any_bytes_are_events_or_a_fault(object in proptest::collection::vec(any::<u8>(), 0..200)) {
        let with_header = [b"version start\n", &object[..]].concat();
        for object in [object, with_header] {
            for event in driver::read(&files(TABLE, RecordFormat::Json), KEY, &object).events {
                prop_assert!(serde_json::from_str::<serde_json::Map<String, Value>>(&event.text).is_ok());
            }
        }
    }
}
