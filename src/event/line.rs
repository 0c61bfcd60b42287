//! One event as one record on the wire: `<14>TIMESTAMP HOSTNAME TAG: MESSAGE` and a line feed.
//!
//! What a receiver could mistake for the end of a record never gets out inside one:
//!
//! - LF in a message becomes a space in [`Framing::Line`], also between the members of pretty-printed JSON;
//! - NUL becomes a space in both framings, since receivers written in C cut the record there (RFC 5424, section 6.4);
//! - CR stays: receivers end a line at LF alone, and the bytes of an event are not ours to tidy;
//! - what is not UTF-8 is U+FFFD by then: messages are text (see `text`).

use std::io::Write as _;
use std::ops::Range;

use super::timestamp::TimestampWriter;
use super::{EventTime, Tag};

/// Facility user (1), severity informational (6): what Devo's own senders use.
const PRI: &[u8] = b"<14>";

/// The longest host name that RFC 5424, section 6, allows.
const MAX_HOSTNAME_CHARS: usize = 255;

/// How a receiver finds the end of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// By the line feed at its end; a message is one line.
    #[default]
    Line,
    /// By its length in front (RFC 6587, section 3.4.1): `LENGTH RECORD`. Line feeds inside a message survive.
    OctetCounted,
}

/// Builds records in a buffer of the caller's. Each parser has its own.
#[derive(Debug, Clone)]
pub struct LineFramer {
    framing: Framing,
    hostname: String,
    timestamps: TimestampWriter,
}

impl LineFramer {
    /// More than a record takes besides its message and its tag: priority, time, host name (255 at most) and the pulling id.
    pub const OVERHEAD_BYTES: usize = 512;

    /// A framer for records of this machine.
    ///
    /// Of `hostname`, letters, digits, `.`, `_` and `-` are kept, the rest becomes `_`; an empty one is `unknown`.
    #[must_use]
    pub fn new(hostname: &str, framing: Framing) -> Self {
        let mut hostname: String = hostname
            .chars()
            .take(MAX_HOSTNAME_CHARS)
            .map(|c| match c {
                '.' | '_' | '-' => c,
                c if c.is_ascii_alphanumeric() => c,
                _ => '_',
            })
            .collect();
        if hostname.is_empty() {
            hostname.push_str("unknown");
        }
        Self {
            framing,
            hostname,
            timestamps: TimestampWriter::new(),
        }
    }

    /// Appends one record to `out`; returns where in `out` the message lies, as it goes out.
    ///
    /// The message comes in parts that follow one another, so that what goes in front of an event (see
    /// [`PullingId::parts`](super::PullingId::parts)) needs no copy of the event. It is text: bytes that may not be
    /// UTF-8 go through [`text::decode`](super::text::decode) first.
    pub fn append(
        &mut self,
        out: &mut Vec<u8>,
        time: EventTime,
        tag: &Tag,
        message: &[&str],
    ) -> Range<usize> {
        let start = out.len();
        out.extend_from_slice(PRI);
        self.timestamps.append(time, out);
        for part in [" ", &self.hostname, " ", tag.as_str(), ": "] {
            out.extend_from_slice(part.as_bytes());
        }
        let message_start = out.len();
        for part in message {
            out.extend_from_slice(part.as_bytes());
        }
        let message_end = out.len();
        match self.framing {
            Framing::Line => blank_out(&mut out[message_start..], b'\n', b'\0'),
            Framing::OctetCounted => blank_out(&mut out[message_start..], b'\0', b'\0'),
        }
        out.push(b'\n');
        let shift = match self.framing {
            Framing::Line => 0,
            Framing::OctetCounted => count_octets(out, start),
        };
        message_start + shift..message_end + shift
    }
}

fn blank_out(message: &mut [u8], first: u8, second: u8) {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(first, second, &message[at..]) {
        message[at + found] = b' ';
        at += found + 1;
    }
}

/// Puts the length of the record at `start` in front of it; returns by how much the record moved.
fn count_octets(out: &mut Vec<u8>, start: usize) -> usize {
    let end = out.len();
    // Writing to a Vec does not fail.
    let _ = write!(out, "{} ", end - start);
    let shift = out.len() - end;
    out[start..].rotate_right(shift);
    shift
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::event::tag::{TagFields, TagTemplate};
    use crate::event::{EventType, PullingId, text};

    fn tag() -> Tag {
        let fields = TagFields {
            event_type: EventType::UNKNOWN,
            account: "",
            region: "",
        };
        TagTemplate::new("my.app", None).unwrap().render(fields)
    }

    fn time() -> EventTime {
        EventTime::parse("2023-07-10T11:42:36.007Z").unwrap()
    }

    fn framed(framing: Framing, message: &str) -> String {
        let mut out = Vec::new();
        let range = LineFramer::new("host", framing).append(&mut out, time(), &tag(), &[message]);
        let line = String::from_utf8(out).unwrap();
        assert!(
            line[..range.start].ends_with("my.app: "),
            "{line:?} {range:?}"
        );
        assert_eq!(&line[range.end..], "\n");
        line
    }

    #[test]
    fn a_line_has_header_message_and_line_feed() {
        assert_eq!(
            framed(Framing::Line, "{\"a\":1}"),
            "<14>2023-07-10 11:42:36.007 host my.app: {\"a\":1}\n"
        );
    }

    #[test]
    fn line_feeds_and_nuls_become_spaces_and_carriage_returns_stay() {
        assert!(framed(Framing::Line, "{\r\n \"a\":\0 1\n}\n").ends_with(": {\r  \"a\":  1 } \n"));
    }

    #[test]
    fn an_octet_counted_record_keeps_its_line_feeds() {
        let record = "<14>2023-07-10 11:42:36.007 host my.app: a\nb \n";
        assert_eq!(
            framed(Framing::OctetCounted, "a\nb\0"),
            format!("{} {record}", record.len())
        );
    }

    #[test]
    fn a_host_name_cannot_break_the_header() {
        let hostname = |name| LineFramer::new(name, Framing::Line).hostname;
        assert_eq!(hostname("ip-10-0-0-1.ec2"), "ip-10-0-0-1.ec2");
        assert_eq!(hostname("a b\n<14>:é"), "a_b__14___");
        assert_eq!(hostname(""), "unknown");
        assert_eq!(hostname(&"x".repeat(999)).len(), MAX_HOSTNAME_CHARS);
    }

    #[test]
    fn parts_follow_one_another() {
        let id = PullingId::from_unix_micros(1);
        let (mut out, parts) = (Vec::new(), id.parts("{\n\"a\":1}").unwrap());
        let range = LineFramer::new("host", Framing::Line).append(&mut out, time(), &tag(), &parts);
        assert_eq!(&out[range], b"{\"@devo_pulling_id\":\"0.000001\", \"a\":1}");
    }

    proptest! {
        #[test]
        fn lines_split_at_line_feeds_into_the_records_that_went_in(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20),
        ) {
            let mut framer = LineFramer::new("host", Framing::Line);
            let mut out = Vec::new();
            let ranges: Vec<_> = messages.iter().map(|m| framer.append(&mut out, time(), &tag(), &[&text::decode(m)])).collect();
            prop_assert!(std::str::from_utf8(&out).is_ok());
            prop_assert_eq!(out.iter().filter(|&&b| b == b'\n').count(), messages.len());
            for (message, range) in messages.iter().zip(ranges) {
                let expected = String::from_utf8_lossy(message).replace(['\n', '\0'], " ");
                prop_assert_eq!(&out[range], expected.as_bytes());
            }
        }

        #[test]
        fn octet_counts_lead_from_record_to_record(
            messages in proptest::collection::vec("[é\n\0\r a-z]{0,200}", 0..20),
        ) {
            let mut framer = LineFramer::new("host", Framing::OctetCounted);
            let mut out = Vec::new();
            for message in &messages {
                framer.append(&mut out, time(), &tag(), &[message]);
            }
            let mut rest = out.as_slice();
            let mut records = 0;
            while !rest.is_empty() {
                let space = memchr::memchr(b' ', rest).unwrap();
                let length: usize = std::str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
                let record = &rest[space + 1..space + 1 + length];
                prop_assert!(record.starts_with(PRI) && record.ends_with(b"\n"));
                rest = &rest[space + 1 + length..];
                records += 1;
            }
            prop_assert_eq!(records, messages.len());
        }
    }
}
