//! The truth about what was sent, and how what arrived compares with it: byte for byte, but for the inserted pulling id.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;

const PULLING_ID: &[u8] = b"{\"@devo_pulling_id\":\"";

/// The records that were sent, each as often as it was sent.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    records: HashMap<Bytes, u64>,
    sent: u64,
}

/// How what arrived compares with what was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Records sent.
    pub sent: u64,
    /// Lines received.
    pub received: u64,
    /// Records that did not arrive.
    pub missing: u64,
    /// Lines beyond the first for each record sent.
    pub duplicated: u64,
    /// Lines that are no record that was sent: altered on the way.
    pub foreign: u64,
}

impl Comparison {
    /// Whether everything arrived and nothing was altered; repeats are allowed.
    pub fn is_complete(&self) -> bool {
        self.missing == 0 && self.foreign == 0
    }

    /// Whether everything arrived exactly once.
    pub fn is_exact(&self) -> bool {
        self.is_complete() && self.duplicated == 0
    }
}

impl Truth {
    /// Takes note of a record that was sent. A line feed between its members arrives as a space.
    pub fn add(&mut self, record: &Bytes) {
        let record = if record.contains(&b'\n') {
            let blank = |byte: &u8| if *byte == b'\n' { b' ' } else { *byte };
            record.iter().map(blank).collect()
        } else {
            record.clone()
        };
        *self.records.entry(record).or_default() += 1;
        self.sent += 1;
    }

    /// How many records were sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Compares `lines` as they arrived with what was sent.
    pub fn compare<L: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = L>) -> Comparison {
        let mut left = self.records.clone();
        let mut comparison = Comparison {
            sent: self.sent,
            ..Comparison::default()
        };
        for line in lines {
            comparison.received += 1;
            let record = Line::parse(line.as_ref())
                .map(|line| line.record().unwrap_or_else(|| line.message.to_vec()));
            match record.as_deref().and_then(|record| left.get_mut(record)) {
                Some(0) => comparison.duplicated += 1,
                Some(count) => *count -= 1,
                None => comparison.foreign += 1,
            }
        }
        comparison.missing = left.values().sum();
        comparison
    }
}

/// A received line in its parts: `<14>TIMESTAMP HOSTNAME TAG: MESSAGE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// `YYYY-MM-DD HH:MM:SS.mmm`
    pub timestamp: &'a str,
    /// The sender's host.
    pub hostname: &'a str,
    /// Where in Devo it goes.
    pub tag: &'a str,
    /// The event.
    pub message: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line apart; `None` if it has not that form.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let split = memchr::memmem::find(line, b": ")?;
        let header = std::str::from_utf8(&line[..split]).ok()?;
        let header = header.strip_prefix("<14>")?;
        let (timestamp, rest) = header.split_at_checked("YYYY-MM-DD HH:MM:SS.mmm".len())?;
        let (hostname, tag) = rest.strip_prefix(' ')?.split_once(' ')?;
        Some(Self {
            timestamp,
            hostname,
            tag,
            message: &line[split + 2..],
        })
    }

    /// The message's pulling id.
    pub fn pulling_id(&self) -> Option<&'a str> {
        let rest = self.message.strip_prefix(PULLING_ID)?;
        let end = memchr::memchr(b'"', rest)?;
        std::str::from_utf8(&rest[..end]).ok()
    }

    /// The message as AWS wrote it, without the pulling id; `None` if it does not begin with one.
    pub fn record(&self) -> Option<Vec<u8>> {
        let id = self.pulling_id()?;
        let rest = &self.message[PULLING_ID.len() + id.len() + 1..];
        let rest = rest.strip_prefix(b",").unwrap_or(rest);
        let mut record = Vec::with_capacity(rest.len() + 1);
        record.push(b'{');
        record.extend_from_slice(rest);
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(record: &str) -> String {
        let rest = &record[1..];
        format!(
            "<14>2023-07-10 12:24:07.000 vm a.b: {{\"@devo_pulling_id\":\"1795522077.407816\",{rest}"
        )
    }

    #[test]
    fn a_line_comes_apart() {
        let text = line(r#"{"a": 1}"#);
        let line = Line::parse(text.as_bytes()).unwrap();
        assert_eq!(line.timestamp, "2023-07-10 12:24:07.000");
        assert_eq!((line.hostname, line.tag), ("vm", "a.b"));
        assert_eq!(line.pulling_id(), Some("1795522077.407816"));
        assert_eq!(line.record().unwrap(), br#"{"a": 1}"#);
    }

    #[test]
    fn missing_duplicated_and_altered_are_told_apart() {
        let mut truth = Truth::default();
        for record in [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#] {
            truth.add(&Bytes::from_static(record.as_bytes()));
        }
        let lines = [r#"{"a":1}"#, r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c": 3}"#].map(line);
        let comparison = truth.compare(&lines);
        assert_eq!(
            comparison,
            Comparison {
                sent: 3,
                received: 4,
                missing: 1,
                duplicated: 1,
                foreign: 1,
            }
        );
        assert!(!comparison.is_complete());
    }
}
