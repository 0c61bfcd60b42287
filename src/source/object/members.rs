//! A few top-level members of a JSON record, read in one pass that also checks the whole record.
//!
//! Nested members of the same name do not count, and nothing is built for what is not wanted.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The record is not a JSON object.
#[derive(Debug, thiserror::Error)]
#[error("the record is not a valid JSON object: {0}")]
pub struct MembersError(#[from] serde_json::Error);

/// The string values of `N` members of a record, in the order they were asked for; borrowed unless they have escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members<'a, const N: usize>([Option<Cow<'a, str>>; N]);

impl<'a, const N: usize> Members<'a, N> {
    /// Reads the members `names` of `record`, which is checked to be valid JSON to its end.
    ///
    /// A member that is missing or not a string is `None`; of members of the same name the last one counts, as in most
    /// parsers. `record` is text already: where AWS's bytes are not UTF-8, [`crate::event::text::decode`] makes them so,
    /// and what it returns is also what goes on the wire.
    ///
    /// # Errors
    ///
    /// [`MembersError`] if `record` is not exactly one JSON object.
    pub fn of(record: &'a str, names: &[&str; N]) -> Result<Self, MembersError> {
        let mut deserializer = serde_json::Deserializer::from_str(record);
        let members = deserializer.deserialize_map(Record { names })?;
        deserializer.end()?;
        Ok(Self(members))
    }

    /// The value of the member that stands at `index` in the list of names.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index)?.as_deref()
    }

    /// All values, to be taken apart by a pattern.
    #[must_use]
    pub fn into_array(self) -> [Option<Cow<'a, str>>; N] {
        self.0
    }
}

struct Record<'n, const N: usize> {
    names: &'n [&'n str; N],
}

impl<'de, const N: usize> Visitor<'de> for Record<'_, N> {
    type Value = [Option<Cow<'de, str>>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [const { None }; N];
        while let Some(place) = map.next_key_seed(Name(self.names))? {
            match place {
                Some(index) => values[index] = map.next_value_seed(StringOrElse)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(values)
    }
}

/// A member's name, as its place in the list of those wanted.
struct Name<'n, const N: usize>(&'n [&'n str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Name<'_, N> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_identifier(self)
    }
}

impl<const N: usize> Visitor<'_> for Name<'_, N> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

/// A string, or `None` for any other value.
struct StringOrElse;

impl<'de> DeserializeSeed<'de> for StringOrElse {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: serde::Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StringOrElse {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_owned())))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 3] = ["eventSource", "awsRegion", "recipientAccountId"];

    fn members(record: &str) -> [Option<String>; 3] {
        let members = Members::of(record, &NAMES).unwrap();
        members.into_array().map(|value| value.map(Cow::into_owned))
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn members_are_found_in_any_order_among_others() {
        assert_eq!(
            members(
                r#"{"x":[1,{}],"recipientAccountId":"1", "y":null,"eventSource":"s3.amazonaws.com"}"#
            ),
            [some("s3.amazonaws.com"), None, some("1")]
        );
    }

    #[test]
    fn nested_decoys_do_not_count() {
        let record = r#"{"requestParameters":{"eventSource":"decoy"},"awsRegion":"r","z":[{"eventSource":"decoy"}],
            "s":"\"eventSource\":\"decoy\""}"#;
        assert_eq!(members(record), [None, some("r"), None]);
    }

    #[test]
    fn names_and_values_may_be_escaped() {
        assert_eq!(
            members(r#"{"event\u0053ource":"caf\u00e9 \"x\"","awsRegion":"é"}"#),
            [some("café \"x\""), some("é"), None]
        );
    }

    #[test]
    fn values_without_escapes_are_borrowed() {
        let [source, ..] = Members::of(r#"{"eventSource":"é"}"#, &NAMES)
            .unwrap()
            .into_array();
        assert!(matches!(source, Some(Cow::Borrowed("é"))));
    }

    #[test]
    fn values_of_other_types_are_none_whatever_they_are() {
        for value in [
            "null",
            "true",
            "7",
            "-7",
            "1.5e300",
            "[1,[2]]",
            r#"{"a":{"b":"c"}}"#,
        ] {
            let record = format!(r#"{{"eventSource":{value},"awsRegion":"r"}}"#);
            assert_eq!(members(&record), [None, some("r"), None], "{value}");
        }
    }

    #[test]
    fn the_last_of_equal_names_counts() {
        assert_eq!(
            members(r#"{"eventSource":"a","awsRegion":"r","eventSource":"b","awsRegion":1}"#),
            [some("b"), None, None]
        );
    }

    #[test]
    fn the_whole_record_is_checked() {
        for wrong in [
            "",
            "[]",
            "\"eventSource\"",
            r#"{"eventSource":"a"} x"#,
            r#"{"eventSource":"a""#,
            r#"{"a":[}"#,
            r#"{"a":01}"#,
            r#"{"a":"\x"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":tru}"#,
            r#"{"a":1,}"#,
            r#"{"awsRegion":{"a":[1,]}}"#,
        ] {
            assert!(Members::of(wrong, &NAMES).is_err(), "{wrong}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        let record = format!(r#"{{"a":{deep},"eventSource":[{deep}]}}"#);
        assert_eq!(members(&record), [None, None, None]);
    }

    proptest! {
        #[test]
        fn values_are_those_a_dom_would_have(values in proptest::collection::vec(proptest::option::of(".{0,20}"), 3)) {
            let mut object = serde_json::Map::new();
            for (name, value) in NAMES.iter().zip(&values) {
                let value = value.as_deref().map_or(serde_json::json!({ "decoy": *name }), Into::into);
                object.insert((*name).to_owned(), value);
            }
            let record = serde_json::to_string_pretty(&object).unwrap();
            prop_assert_eq!(members(&record).to_vec(), values);
        }
    }
}
