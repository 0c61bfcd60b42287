//! Tests of ids, packing and keys.

use std::collections::HashSet;

use super::{
    records::{gunzip, split},
    *,
};

const REAL: [&str; 3] = [
    r#"{"eventVersion":"1.08","eventID":"a-1","requestParameters":{"eventID":"inner"},"n":1.10}"#,
    r#"{"requestParameters":{"eventID":"inner"}, "eventID" : "b-2"}"#,
    r#"{"eventSource":"s3.amazonaws.com"}"#,
];

fn records() -> Records {
    Records::from_slices(REAL).expect("records")
}

fn generate(seed: u64) -> Vec<GeneratedObject> {
    let plan = Plan {
        records: 7,
        records_per_object: 3,
        seed,
        ..Plan::default()
    };
    records().objects(plan).expect("objects").collect()
}

fn unpack(body: &[u8]) -> Vec<String> {
    let json = gunzip(body).expect("gzip");
    let records = split(&json).expect("a CloudTrail file");
    records
        .into_iter()
        .map(|record| record.get().to_owned())
        .collect()
}

#[test]
fn only_the_outermost_event_id_changes() {
    let record = &generate(1)[0].records[0];
    let expected = REAL[0].replace("a-1", &record.event_id);
    assert_eq!(record.json, expected);
    let record = &generate(1)[0].records[1];
    assert_eq!(record.json, REAL[1].replace("b-2", &record.event_id));
}

#[test]
fn a_record_without_an_event_id_gets_one() {
    let record = &generate(1)[0].records[2];
    let parsed: serde_json::Value = serde_json::from_slice(&record.json).expect("JSON");
    assert_eq!(parsed["eventID"], record.event_id);
    assert_eq!(parsed["eventSource"], "s3.amazonaws.com");
    let empty = Records::from_slices(["{}"]).expect("a record");
    assert_eq!(empty.0[0].with_id("x"), r#"{"eventID":"x"}"#);
}

#[test]
fn objects_hold_exactly_their_truth_and_ids_are_unique() {
    let objects = generate(1);
    let sizes: Vec<_> = objects.iter().map(|object| object.records.len()).collect();
    assert_eq!(sizes, [3, 3, 1]);
    let mut seen = HashSet::new();
    for object in &objects {
        let unpacked = unpack(&object.body);
        let truth: Vec<_> = object
            .records
            .iter()
            .map(|record| record.json.clone())
            .collect();
        assert_eq!(unpacked, truth);
        for record in &object.records {
            assert!(seen.insert(&record.event_id));
        }
    }
}

#[test]
fn the_seed_decides_every_byte() {
    let bytes = |seed| -> Vec<_> {
        let objects = generate(seed).into_iter();
        objects.map(|object| (object.key, object.body)).collect()
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn keys_are_laid_out_as_cloudtrail_does() {
    let key = &generate(1)[1].key;
    let start = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/01/01/123456789012_CloudTrail_us-east-1_20260101T0005Z_";
    let random = key.strip_prefix(start).expect("the documented layout");
    assert_eq!(random.strip_suffix(".json.gz").map(str::len), Some(16));
}

#[test]
fn what_is_no_record_is_refused() {
    assert!(matches!(
        Records::from_slices(["[1]", "{"]),
        Err(GenerateError::NotCloudTrail { .. })
    ));
    assert!(matches!(
        Records::default().objects(Plan::default()),
        Err(GenerateError::NoRecords)
    ));
}
