//! Rows of a log file as JSON: the header's names as keys, what stands in the row as strings.
//!
//! Nothing is interpreted: numbers stay text, percent signs stay as they are, and the order is the header's. `-`, which is
//! how AWS writes "no value", is null. What has no place under a name has a member of ours, and their names begin with
//! `_` since AWS's never do: `_extra`, an array of the values behind the last name; `_cut_bytes`, how many bytes of the row
//! were left out; `_line`, a line that is no row. Names without a value are left out, so no row is ever refused.

use std::fmt::Write as _;

/// How AWS's log files write "no value" (VPC user guide, "flow log records"; CloudFront developer guide, "log file fields").
const NO_VALUE: &str = "-";

/// The names of a file's columns, ready to be written.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    names: Vec<Box<str>>,
    /// Each as a JSON key: quoted, escaped, with the colon.
    keys: Vec<Box<str>>,
}

impl Columns {
    /// The columns of these names, in this order.
    #[must_use]
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut columns = Self::default();
        for name in names {
            let mut key = String::new();
            push_string(&mut key, name);
            key.push(':');
            columns.keys.push(key.into());
            columns.names.push(name.into());
        }
        columns
    }

    /// Where the column of this name is.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| **other == *name)
    }

    /// Replaces what is in `json` by the object of one row, of which `left_out_bytes` bytes were cut.
    pub fn write_row<'v>(
        &self,
        json: &mut String,
        values: impl Iterator<Item = &'v str>,
        left_out_bytes: u64,
    ) {
        json.clear();
        json.push('{');
        let mut keys = self.keys.iter();
        let mut extra = false;
        for value in values {
            if json.len() > 1 {
                json.push(',');
            }
            if let Some(key) = keys.next() {
                json.push_str(key);
            } else if !extra {
                json.push_str(r#""_extra":["#);
                extra = true;
            }
            push_value(json, value);
        }
        if extra {
            json.push(']');
        }
        close(json, left_out_bytes);
    }
}

/// Replaces what is in `json` by an object that carries a line of JSON which is not whole any more.
pub fn write_cut_line(json: &mut String, line: &str, left_out_bytes: u64) {
    json.clear();
    json.push_str(r#"{"_line":"#);
    push_string(json, line);
    close(json, left_out_bytes);
}

/// The values at the `wanted` places of a row; `None` where there is none, or only a `-`.
pub fn pick<'v, const N: usize>(
    values: impl Iterator<Item = &'v str>,
    wanted: [Option<usize>; N],
) -> [Option<&'v str>; N] {
    let mut picked = [None; N];
    let Some(last) = wanted.into_iter().flatten().max() else {
        return picked;
    };
    for (index, value) in values.enumerate().take(last + 1) {
        for (place, picked) in wanted.iter().zip(&mut picked) {
            if *place == Some(index) && value != NO_VALUE {
                *picked = Some(value);
            }
        }
    }
    picked
}

fn close(json: &mut String, left_out_bytes: u64) {
    if left_out_bytes > 0 {
        // Writing to a String does not fail.
        let _ = write!(json, r#","_cut_bytes":"{left_out_bytes}""#);
    }
    json.push('}');
}

fn push_value(json: &mut String, value: &str) {
    if value == NO_VALUE {
        json.push_str("null");
    } else {
        push_string(json, value);
    }
}

/// Appends `text` as a JSON string (RFC 8259, section 7), escaping only what must be.
fn push_string(json: &mut String, text: &str) {
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(must_be_escaped) {
        json.push_str(&rest[..at]);
        // What must be escaped is ASCII, one byte long.
        let byte = rest.as_bytes()[at];
        match byte {
            b'"' | b'\\' => json.extend(['\\', char::from(byte)]),
            _ => {
                // Writing to a String does not fail.
                let _ = write!(json, "\\u{byte:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    json.push_str(rest);
    json.push('"');
}

fn must_be_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn object(names: &str, values: &str, left_out_bytes: u64) -> String {
        let mut json = "old".to_owned();
        Columns::new(names.split(' ')).write_row(&mut json, values.split(' '), left_out_bytes);
        json
    }

    #[test]
    fn values_are_strings_in_the_headers_order_and_a_dash_is_null() {
        assert_eq!(
            object("version srcport action", "2 - OK", 0),
            r#"{"version":"2","srcport":null,"action":"OK"}"#
        );
    }

    #[test]
    fn a_row_that_does_not_fit_the_header_keeps_all_it_has() {
        assert_eq!(object("a b", "1", 0), r#"{"a":"1"}"#);
        assert_eq!(
            object("a", "1 2 - 3", 0),
            r#"{"a":"1","_extra":["2",null,"3"]}"#
        );
    }

    #[test]
    fn a_cut_row_says_so() {
        assert_eq!(
            object("a b", "1 2", 7),
            r#"{"a":"1","b":"2","_cut_bytes":"7"}"#
        );
        let mut json = String::new();
        write_cut_line(&mut json, r#"{"a":"b"#, 3);
        assert_eq!(json, r#"{"_line":"{\"a\":\"b","_cut_bytes":"3"}"#);
    }

    #[test]
    fn picked_values_are_those_that_are_there() {
        let row = || "a - c".split(' ');
        assert_eq!(
            pick(row(), [Some(2), None, Some(0)]),
            [Some("c"), None, Some("a")]
        );
        assert_eq!(pick(row(), [Some(1), Some(3)]), [None, None]);
    }

    proptest! {
        #[test]
        fn any_row_makes_valid_json_with_its_values_unchanged(
            names in proptest::collection::btree_set("\\PC{0,5}|[a-z(\"\\\\]{1,5}", 0..6),
            values in proptest::collection::vec("\\PC{0,8}|[\"\\\\\0-\x1f-]{0,4}", 0..8),
        ) {
            let columns = Columns::new(names.iter().map(String::as_str));
            let mut json = String::new();
            columns.write_row(&mut json, values.iter().map(String::as_str), 0);
            let object: serde_json::Map<String, Value> = serde_json::from_str(&json).unwrap();
            let expected = |value: &String| if value == "-" { Value::Null } else { value.as_str().into() };
            for (name, value) in names.iter().zip(&values) {
                prop_assert_eq!(&object[name], &expected(value));
            }
            let extra: Vec<Value> = values.iter().skip(names.len()).map(expected).collect();
            let found = object.get("_extra").cloned().unwrap_or(Value::Array(vec![]));
            prop_assert_eq!(found, Value::Array(extra));
        }
    }
}
