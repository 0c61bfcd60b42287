//! Values as text, as the text form of the same logs has them, and as JSON.

use std::borrow::Cow;
use std::fmt::Write as _;

use parquet::record::{Field, Row};

use crate::event::text;

/// What the text forms of flow logs and CloudFront's logs have where there is no value.
const NO_VALUE: &str = "-";

/// Decimals have a precision of 38 at most wherever they are used.
const MAX_DECIMAL_SCALE: i32 = 38;

/// A value as the text form would have it, or `None` if there is none. Times that count from 1970 stay numbers, as they are
/// there; lists and groups are JSON.
pub(super) fn value(field: &Field) -> Option<Cow<'_, str>> {
    let text = match field {
        Field::Null => return None,
        Field::Str(text) => Cow::Borrowed(text.as_str()),
        Field::Bytes(bytes) => text::decode(bytes.data()),
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => {
            let mut json = String::new();
            append(&mut json, field);
            Cow::Owned(json)
        }
        Field::Float(value) => Cow::Owned(value.to_string()),
        Field::Double(value) => Cow::Owned(value.to_string()),
        Field::TimestampMillis(value) | Field::TimestampMicros(value) => {
            Cow::Owned(value.to_string())
        }
        Field::Decimal(decimal) if decimal.scale() > MAX_DECIMAL_SCALE => return None,
        other => Cow::Owned(other.to_string()),
    };
    (text != NO_VALUE).then_some(text)
}

/// Appends a value as JSON: a string, `null`, or for lists and groups an array or object of such.
pub(super) fn append(out: &mut String, field: &Field) {
    match field {
        Field::Group(row) => append_group(out, row),
        Field::ListInternal(list) => {
            append_between(out, ['[', ']'], list.elements(), append);
        }
        Field::MapInternal(map) => {
            append_between(out, ['{', '}'], map.entries(), |out, (key, field)| {
                append_key(out, &value(key).unwrap_or(Cow::Borrowed(NO_VALUE)));
                append(out, field);
            });
        }
        // Most values of flow logs are one of these two; what they print has nothing to escape.
        Field::Int(number) => append_number(out, i64::from(*number)),
        Field::Long(number) => append_number(out, *number),
        other => match value(other) {
            Some(text) => append_string(out, &text),
            None => out.push_str("null"),
        },
    }
}

/// Appends a name as the key of a member, with its colon.
pub(super) fn append_key(out: &mut String, name: &str) {
    append_string(out, name);
    out.push(':');
}

fn append_group(out: &mut String, row: &Row) {
    append_between(
        out,
        ['{', '}'],
        row.get_column_iter(),
        |out, (name, field)| {
            append_key(out, name);
            append(out, field);
        },
    );
}

fn append_between<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    mut append: impl FnMut(&mut String, T),
) {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        append(out, item);
    }
    out.push(close);
}

fn append_number(out: &mut String, number: i64) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\"{number}\"");
}

/// Appends `text` as a JSON string (RFC 8259, section 7): quotes, backslashes and control characters are escaped.
fn append_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        // What was found is one byte long.
        let (special, after) = special.split_at(1);
        match special {
            "\"" => out.push_str("\\\""),
            "\\" => out.push_str("\\\\"),
            "\n" => out.push_str("\\n"),
            "\r" => out.push_str("\\r"),
            "\t" => out.push_str("\\t"),
            control => {
                for byte in control.bytes() {
                    let _ = write!(out, "\\u{byte:04x}");
                }
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use parquet::data_type::{ByteArray, Decimal};
    use proptest::prelude::*;

    use super::*;

    fn json(field: &Field) -> String {
        let mut out = String::new();
        append(&mut out, field);
        out
    }

    #[test]
    fn values_are_strings_as_the_text_form_prints_them() {
        for (field, expected) in [
            (Field::Int(-443), r#""-443""#),
            (Field::Long(1_418_530_010), r#""1418530010""#),
            (Field::ULong(u64::MAX), r#""18446744073709551615""#),
            (Field::Bool(true), r#""true""#),
            (Field::Float(0.1), r#""0.1""#),
            (Field::Double(0.000_001), r#""0.000001""#),
            (
                Field::TimestampMillis(1_418_530_010_000),
                r#""1418530010000""#,
            ),
            (Field::Date(18_234), r#""2019-12-04""#),
            (
                Field::Decimal(Decimal::from_i32(12345, 9, 2)),
                r#""123.45""#,
            ),
            (Field::Str("ACCEPT".to_owned()), r#""ACCEPT""#),
            (
                Field::Bytes(ByteArray::from(b"caf\xff".to_vec())),
                "\"caf\u{fffd}\"",
            ),
            (Field::Str(String::new()), r#""""#),
        ] {
            assert_eq!(json(&field), expected);
        }
    }

    #[test]
    fn what_is_missing_is_null() {
        for field in [Field::Null, Field::Str("-".to_owned())] {
            assert_eq!(json(&field), "null");
            assert_eq!(value(&field), None);
        }
    }

    #[test]
    fn a_decimal_of_absurd_scale_is_no_value() {
        let decimal = Decimal::from_i32(1, i32::MAX, i32::MAX);
        assert_eq!(json(&Field::Decimal(decimal)), "null");
    }

    #[test]
    fn control_characters_are_escaped() {
        let field = Field::Str("a\"\\\n\r\t\0\u{1f}é\u{7f}".to_owned());
        assert_eq!(json(&field), "\"a\\\"\\\\\\n\\r\\t\\u0000\\u001fé\u{7f}\"");
    }

    proptest! {
        #[test]
        fn any_text_survives(text in any::<String>().prop_filter("no value", |text| text != "-")) {
            let json = json(&Field::Str(text.clone()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
