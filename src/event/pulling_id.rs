//! `@devo_pulling_id`: what marks all events of one pull cycle.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const OPENING: &str = r#"{"@devo_pulling_id":""#;

/// One pull cycle's id: Unix seconds with six digits of microseconds, `1655983326.290848`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullingId {
    /// `{"@devo_pulling_id":"1655983326.290848"`, and what else goes in front of an event's own members.
    head: Arc<str>,
    value_len: usize,
}

/// The record is not a JSON object, so it cannot take a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the record does not start with '{{', so it cannot carry a pulling id; send its service as lines instead"
)]
pub struct NotAnObject;

impl PullingId {
    /// The id of a cycle that started `micros` microseconds after the Unix epoch.
    #[must_use]
    pub fn from_unix_micros(micros: u64) -> Self {
        let value = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        Self {
            head: format!("{OPENING}{value}\"").into(),
            value_len: value.len(),
        }
    }

    /// The id of a cycle that starts now.
    #[must_use]
    pub fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::from_unix_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }

    /// The same id, with `@devo_environment` as the second member of every event.
    #[must_use]
    pub fn with_environment(self, environment: &str) -> Self {
        let mut head = String::from(&*self.head);
        head.push_str(r#","@devo_environment":""#);
        for c in environment.chars() {
            match c {
                '"' | '\\' => head.extend(['\\', c]),
                '\0'..='\x1f' => {
                    // Writing to a String does not fail.
                    let _ = write!(head, "\\u{:04x}", u32::from(c));
                }
                c => head.push(c),
            }
        }
        head.push('"');
        Self {
            head: head.into(),
            ..self
        }
    }

    /// The bare value, `1655983326.290848`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.head[OPENING.len()..OPENING.len() + self.value_len]
    }

    /// The JSON `object` with the pulling id as its first member, in parts that follow one another.
    ///
    /// All that follows the opening brace is `object`'s own: numbers, key order, escapes and white space survive.
    /// White space in front of the brace belongs to nothing and is dropped.
    ///
    /// # Errors
    ///
    /// [`NotAnObject`] if the first character that is not white space is not `{`.
    pub fn parts<'a>(&'a self, object: &'a str) -> Result<[&'a str; 3], NotAnObject> {
        let rest = object
            .trim_ascii_start()
            .strip_prefix('{')
            .ok_or(NotAnObject)?;
        let is_empty = rest.trim_ascii_start().starts_with('}');
        Ok([&self.head, if is_empty { "" } else { "," }, rest])
    }

    /// Appends the JSON `object` to `out` with the pulling id as its first member; see [`parts`](Self::parts).
    ///
    /// # Errors
    ///
    /// As for [`parts`](Self::parts); `out` is then as it was.
    pub fn append_object(&self, object: &str, out: &mut Vec<u8>) -> Result<(), NotAnObject> {
        for part in self.parts(object)? {
            out.extend_from_slice(part.as_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn appended(object: &str) -> String {
        let mut out = Vec::new();
        PullingId::from_unix_micros(1_655_983_326_290_848)
            .append_object(object, &mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn value_has_six_digits_of_microseconds() {
        assert_eq!(
            PullingId::from_unix_micros(1_655_983_326_000_048).as_str(),
            "1655983326.000048"
        );
        assert!(PullingId::now().as_str().len() >= 17);
    }

    #[test]
    fn id_is_the_first_member_and_the_rest_is_untouched() {
        assert_eq!(
            appended(r#"{ "a" : 1.10, "é":"\u00e9" }"#),
            r#"{"@devo_pulling_id":"1655983326.290848", "a" : 1.10, "é":"\u00e9" }"#
        );
    }

    #[test]
    fn an_empty_object_gets_no_comma() {
        assert_eq!(
            appended("{}"),
            r#"{"@devo_pulling_id":"1655983326.290848"}"#
        );
        assert_eq!(
            appended("{ \n}"),
            "{\"@devo_pulling_id\":\"1655983326.290848\" \n}"
        );
    }

    #[test]
    fn what_is_not_an_object_is_refused_and_leaves_nothing_behind() {
        let mut out = b"before".to_vec();
        let id = PullingId::now();
        for wrong in ["", "  ", "[1]", "\"{}\"", "null"] {
            assert_eq!(id.append_object(wrong, &mut out), Err(NotAnObject));
        }
        assert_eq!(out, b"before");
    }

    #[test]
    fn environment_is_the_second_member_and_escaped() {
        let id = PullingId::from_unix_micros(7).with_environment("pr\"od\\\n");
        assert_eq!(id.as_str(), "0.000007");
        let mut out = Vec::new();
        id.append_object("{\"a\":1}", &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["@devo_environment"], "pr\"od\\\n");
        assert!(out.starts_with(br#"{"@devo_pulling_id":"0.000007","@devo_environment":"#));
    }
}
