//! An event's own time: read from RFC 3339, written as Devo's collectors write it.

use std::io::Write as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The time of an event, in whole milliseconds: always one that `YYYY-MM-DD HH:MM:SS.mmm` can express, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime {
    unix_ms: i64,
}

impl EventTime {
    /// 0000-01-01T00:00:00Z.
    const MIN_MS: i64 = -62_167_219_200_000;
    /// 9999-12-30T22:00:00.999Z, the last millisecond that jiff can hold.
    const MAX_MS: i64 = 253_402_207_200_999;

    /// From milliseconds since the Unix epoch; `None` before the year 0 or at the end of 9999.
    #[must_use]
    pub fn from_unix_ms(unix_ms: i64) -> Option<Self> {
        (Self::MIN_MS..=Self::MAX_MS)
            .contains(&unix_ms)
            .then_some(Self { unix_ms })
    }

    /// The present time, for what has none of its own. The machine's clock is taken to be within the range.
    #[must_use]
    pub fn now() -> Self {
        Self {
            unix_ms: Timestamp::now().as_millisecond(),
        }
    }

    /// From RFC 3339 as AWS writes it: `2023-07-10T11:42:36Z`, with a fraction or an offset. Finer digits are cut off.
    ///
    /// `None` for anything else, also for a date without a time or a time without an offset.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(time) = Self::parse_whole_second_utc(text.as_bytes()) {
            return Some(time);
        }
        let timestamp: Timestamp = text.parse().ok()?;
        Self::from_unix_ms(
            timestamp
                .as_nanosecond()
                .div_euclid(1_000_000)
                .try_into()
                .ok()?,
        )
    }

    /// The form of nearly every event, `YYYY-MM-DDTHH:MM:SSZ`, which needs no parser.
    fn parse_whole_second_utc(text: &[u8]) -> Option<Self> {
        const FORM: &[u8; 20] = b"0000-00-00T00:00:00Z";
        let text: &[u8; 20] = text.try_into().ok()?;
        let fits = text.iter().zip(FORM).all(|(c, form)| match form {
            b'0' => c.is_ascii_digit(),
            form => c == form,
        });
        if !fits {
            return None;
        }
        let two = |at: usize| (text[at] - b'0') as i8 * 10 + (text[at + 1] - b'0') as i8;
        let year = i16::from(two(0)) * 100 + i16::from(two(2));
        let civil = DateTime::new(year, two(5), two(8), two(11), two(14), two(17), 0).ok()?;
        let timestamp = Offset::UTC.to_timestamp(civil).ok()?;
        Self::from_unix_ms(timestamp.as_millisecond())
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn as_unix_ms(self) -> i64 {
        self.unix_ms
    }
}

/// Writes times as `YYYY-MM-DD HH:MM:SS.mmm` in UTC, what Devo's collectors put in front of an event.
///
/// Keeps the text of the last second it wrote: events come in runs of the same second, and the calendar is the cost.
#[derive(Debug, Clone)]
pub struct TimestampWriter {
    second: i64,
    text: Vec<u8>,
}

impl TimestampWriter {
    /// A writer that has not written anything yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            second: i64::MIN,
            text: Vec::with_capacity(32),
        }
    }

    /// Appends the 23 characters of `time` to `out`.
    pub fn append(&mut self, time: EventTime, out: &mut Vec<u8>) {
        let second = time.unix_ms.div_euclid(1000);
        if second != self.second {
            self.second = second;
            self.render_second();
        }
        out.extend_from_slice(&self.text);
        let ms = time.unix_ms.rem_euclid(1000);
        // Each digit is below ten.
        out.extend([100, 10, 1].map(|unit| b'0' + (ms / unit % 10) as u8));
    }

    fn render_second(&mut self) {
        // An EventTime is always in jiff's range.
        let timestamp = Timestamp::from_second(self.second).unwrap_or(Timestamp::UNIX_EPOCH);
        let t = Offset::UTC.to_datetime(timestamp);
        self.text.clear();
        // Writing to a Vec does not fail.
        let _ = write!(
            self.text,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        );
    }
}

impl Default for TimestampWriter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn written(time: EventTime) -> String {
        let mut out = Vec::new();
        TimestampWriter::new().append(time, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn rewritten(text: &str) -> Option<String> {
        EventTime::parse(text).map(written)
    }

    #[test]
    fn the_forms_aws_writes() {
        for (text, expected) in [
            ("2023-07-10T11:42:36Z", "2023-07-10 11:42:36.000"),
            ("2023-07-10T11:42:36.5Z", "2023-07-10 11:42:36.500"),
            ("2019-09-03T19:37:27.192Z", "2019-09-03 19:37:27.192"),
            ("2023-07-10T11:42:36.123999999Z", "2023-07-10 11:42:36.123"),
            ("2024-02-29T23:30:00+00:00", "2024-02-29 23:30:00.000"),
            ("2024-02-29T23:30:00-05:30", "2024-03-01 05:00:00.000"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31 23:59:59.999"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31 23:59:59.999"),
        ] {
            assert_eq!(rewritten(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_instant_is_none() {
        for text in [
            "",
            "yesterday",
            "2023-02-29T00:00:00Z",
            "2023-07-10T25:00:00Z",
            "2023-07-10",
            "2023-07-10T11:42:36",
            "-000001-01-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
            "2023-07-10T11:42:36Z\n<14>",
        ] {
            assert_eq!(EventTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_ends_of_the_range_are_written_with_four_digits_of_year() {
        let at = |ms| EventTime::from_unix_ms(ms).map(written);
        assert_eq!(
            at(EventTime::MIN_MS).as_deref(),
            Some("0000-01-01 00:00:00.000")
        );
        assert_eq!(
            at(EventTime::MAX_MS).as_deref(),
            Some("9999-12-30 22:00:00.999")
        );
        assert_eq!(at(EventTime::MIN_MS - 1), None);
        assert_eq!(at(EventTime::MAX_MS + 1), None);
        assert_eq!(at(i64::MAX), None);
    }

    proptest! {
        #[test]
        fn written_times_read_back(ms in EventTime::MIN_MS..=EventTime::MAX_MS) {
            let time = EventTime::from_unix_ms(ms).unwrap();
            let text = written(time).replace(' ', "T");
            prop_assert_eq!(EventTime::parse(&format!("{text}Z")), Some(time));
            let (second, whole) = (EventTime::from_unix_ms(ms - ms.rem_euclid(1000)), &text[..19]);
            prop_assert_eq!(EventTime::parse(&format!("{whole}Z")), second);
            prop_assert_eq!(EventTime::parse(&format!("{whole}+00:00")), second);
        }

        #[test]
        fn a_writer_in_use_writes_as_a_new_one(all in proptest::collection::vec(-2_000_i64..2_000, 1..20)) {
            let mut writer = TimestampWriter::new();
            for ms in all {
                let time = EventTime::from_unix_ms(ms).unwrap();
                let mut out = Vec::new();
                writer.append(time, &mut out);
                prop_assert_eq!(String::from_utf8(out).unwrap(), written(time));
            }
        }
    }
}
