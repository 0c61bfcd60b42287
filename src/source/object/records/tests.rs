#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

const LIMIT: usize = 1 << 20;

/// The records that come out when `object` arrives in pieces of the given lengths, over and over, and how it ended.
fn split_in(
    object: &[u8],
    pieces: &[usize],
    limit: usize,
) -> (Vec<String>, Result<(), RecordError>) {
    let mut splitter = RecordSplitter::new("Records", limit);
    let mut records = Vec::new();
    let (mut rest, mut pieces) = (object, pieces.iter().cycle());
    while !rest.is_empty() {
        let room = splitter.window().room();
        let len = room.len().min(rest.len()).min(*pieces.next().unwrap());
        assert!(len > 0, "no room");
        room[..len].copy_from_slice(&rest[..len]);
        splitter.window().commit(len);
        rest = &rest[len..];
        loop {
            match splitter.next_record() {
                Ok(Some(record)) => records.push(String::from_utf8(record.to_vec()).unwrap()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(splitter.finish(), Err(error));
                    return (records, Err(error));
                }
            }
        }
        assert!(splitter.window().capacity() <= INITIAL_WINDOW.max(limit + (32 << 10)));
    }
    assert_eq!(splitter.records(), records.len() as u64);
    (records, splitter.finish())
}

const INITIAL_WINDOW: usize = 256 << 10;

/// Splits `object` at once and byte by byte, which must not differ.
fn split(object: &str) -> (Vec<String>, Result<(), RecordError>) {
    let at_once = split_in(object.as_bytes(), &[usize::MAX], LIMIT);
    assert_eq!(
        split_in(object.as_bytes(), &[1], LIMIT),
        at_once,
        "{object}"
    );
    at_once
}

fn fault(object: &str) -> (usize, RecordFault, u64) {
    let (records, end) = split(object);
    let error = end.unwrap_err();
    assert_eq!(error.records, records.len() as u64);
    (records.len(), error.fault, error.offset)
}

#[test]
fn records_come_out_byte_for_byte() {
    let (records, end) =
        split("{\"Records\":[{\"a\":1.10} ,\n {\"b\":{\"c\":[]},\"d\":\"}]\\\"\"},{}]}\n");
    assert_eq!(
        records,
        ["{\"a\":1.10}", "{\"b\":{\"c\":[]},\"d\":\"}]\\\"\"}", "{}"]
    );
    assert_eq!(end, Ok(()));
}

#[test]
fn the_member_may_stand_anywhere_and_be_spelt_with_escapes() {
    for object in [
        r#"{"Records":[{}],"after":[1,{"x":"]"}]}"#,
        r#"{"before":{"Records":[1]},"s":"\"Records\":[2]","n":-1e5,"t":true,"Records":[{}]}"#,
        r#"{"a":null , "Records" : [ {} ] , "b":0}"#,
        r#"{"\u0052ecord\u0073":[{}]}"#,
        r#"{"Re\"cords":[1],"records":[2],"Record":[3],"Recordss":[4],"Records":[{}]}"#,
        "\u{feff} {\"Records\":[{}]}",
    ] {
        assert_eq!(split(object), (vec!["{}".to_owned()], Ok(())), "{object}");
    }
}

#[test]
fn no_records_is_not_an_error_but_no_member_is() {
    assert_eq!(split(r#"{"Records":[]}"#), (vec![], Ok(())));
    assert_eq!(fault("{}"), (0, RecordFault::NoRecords, 2));
    assert_eq!(
        fault(r#"{"x":{"Records":[{}]}}"#),
        (0, RecordFault::NoRecords, 22)
    );
}

#[test]
fn each_kind_of_fault_has_its_own_error_and_place() {
    use RecordFault::*;
    for (object, expected) in [
        ("", (0, Empty, 0)),
        (" \n", (0, Empty, 2)),
        ("\u{feff}", (0, Empty, 3)),
        ("<html>", (0, NotAnObject { found: b'<' }, 0)),
        (" [{}]", (0, NotAnObject { found: b'[' }, 1)),
        (r#"{"Records":null}"#, (0, NotAnArray, 11)),
        (r#"{"Records":{"a":[]}}"#, (0, NotAnArray, 11)),
        (
            r#"{"Records":[{},7]}"#,
            (1, RecordNotAnObject { found: b'7' }, 15),
        ),
        (
            r#"{"Records":[{},]}"#,
            (1, RecordNotAnObject { found: b']' }, 15),
        ),
        (
            r#"{"Records":[{}]} x"#,
            (1, TrailingData { found: b'x' }, 17),
        ),
        (r#"{"Records":[{},{"a":"#, (1, Truncated, 20)),
        (r#"{"Records":[{}]"#, (1, Truncated, 15)),
        (
            r#"{"a key that is longer than any spelling of Records, and cut"#,
            (0, Truncated, 60),
        ),
        (r#"{"Rec"#, (0, Truncated, 5)),
    ] {
        assert_eq!(fault(object), expected, "{object}");
    }
    for (object, place) in [
        ("{1}", 1),
        (r#"{"a"}"#, 4),
        (r#"{"a":}"#, 5),
        (r#"{"a":1 2}"#, 7),
        (r#"{"a":1,}"#, 7),
        (r#"{"Records":[{} {}]}"#, 15),
    ] {
        let (_, fault, offset) = fault(object);
        assert!(matches!(fault, Unexpected { .. }), "{object}: {fault}");
        assert_eq!(offset, place, "{object}");
    }
}

#[test]
fn a_record_over_the_limit_is_an_error_after_those_before_it() {
    let record = |len: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(len - 8));
    for limit in [100, 300 << 10] {
        let object = format!(
            "{{\"Records\":[{},{},{{}}]}}",
            record(limit),
            record(limit + 1)
        );
        for pieces in [&[usize::MAX][..], &[7]] {
            let (records, end) = split_in(object.as_bytes(), pieces, limit);
            assert_eq!(records, [record(limit)]);
            let fault = end.unwrap_err().fault;
            assert_eq!(fault, RecordFault::RecordTooLong { limit_bytes: limit });
        }
    }
}

#[test]
fn members_of_no_interest_may_be_longer_than_any_limit() {
    let long = "x".repeat(1 << 20);
    let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
    let object = format!(
        "{{\"{long}\":\"{long}\",\"d\":{deep},\"n\":{},\"Records\":[{{}}]}}",
        "1".repeat(1 << 20)
    );
    let (records, end) = split_in(object.as_bytes(), &[4096], 100);
    assert_eq!((records, end), (vec!["{}".to_owned()], Ok(())));
}

#[test]
fn unbalanced_brackets_inside_a_record_do_not_panic() {
    for object in [
        r#"{"Records":[{]]]}"#,
        r#"{"Records":[{"a":]}}}}]}"#,
        r#"{"x":[}}}"#,
    ] {
        let _ = split(object);
    }
}

fn json(depth: u32) -> impl Strategy<Value = String> {
    let text = r#"[ -~é\n\t"\\{}\[\]]{0,12}"#;
    let quoted = move |text: String| serde_json::to_string(&text).unwrap();
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("-1.50E+3".to_owned()),
        Just("\"\\u00e9\\/\"".to_owned()),
        text.prop_map(quoted),
    ];
    leaf.prop_recursive(depth, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|v| format!("[{}]", v.join(" ,"))),
            prop::collection::vec((text.prop_map(quoted), inner), 0..5)
                .prop_map(|members| object_of(&members)),
        ]
    })
}

fn object_of(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    format!("{{{}}}", members.join(","))
}

#[derive(serde::Deserialize)]
struct Whole<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

proptest! {
    #[test]
    fn records_are_those_that_a_json_parser_finds(
        before in prop::collection::vec(("[a-q]{1,3}", json(3)), 0..3),
        records in prop::collection::vec(prop::collection::vec(("\"[a-z]{0,4}\"", json(4)), 0..5).prop_map(|members| object_of(&members)), 0..8),
        after in prop::collection::vec(("[r-z]{1,3}", json(3)), 0..3),
        pieces in prop::collection::vec(1_usize..60, 1..10),
    ) {
        let quote = |members: Vec<(String, String)>| members.into_iter().map(|(k, v)| (format!("\"{k}\""), v));
        let wanted = ("\"Records\"".to_owned(), format!("[{}]", records.join(" ,\t")));
        let object = object_of(&quote(before).chain([wanted]).chain(quote(after)).collect::<Vec<_>>());

        let parsed: Whole<'_> = serde_json::from_str(&object).unwrap();
        let expected: Vec<String> = parsed.records.iter().map(|r| r.get().to_owned()).collect();
        prop_assert_eq!(&expected, &records);
        prop_assert_eq!(split_in(object.as_bytes(), &pieces, LIMIT), (expected.clone(), Ok(())));

        for len in 0..object.len() {
            let (records, end) = split_in(&object.as_bytes()[..len], &pieces, LIMIT);
            prop_assert!(expected.starts_with(&records));
            let fault = end.unwrap_err().fault;
            prop_assert!(matches!(fault, RecordFault::Truncated | RecordFault::Empty), "cut at {}: {}", len, fault);
        }
    }

    #[test]
    fn any_bytes_split_alike_in_any_pieces(
        text in r#"(\{"Records":\[)?[\{\}\[\]",:\\ aR1]{0,60}"#, pieces in prop::collection::vec(1_usize..9, 1..5),
    ) {
        prop_assert_eq!(split_in(text.as_bytes(), &pieces, LIMIT), split_in(text.as_bytes(), &[usize::MAX], LIMIT));
    }
}
