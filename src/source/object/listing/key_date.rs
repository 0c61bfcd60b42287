//! The date in an object's key: what tells the keys that only grow from those that may turn up anywhere.
//!
//! AWS and Cisco put a date into every key they write, and within what stands before it, the stream, keys grow with time.
//! Streams have nothing to do with each other: one region's keys come before another's for ever.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// What stands between year, month and day: `2024-03-01`, `2024/03/01`, `20240301`, `year=2024/month=03/day=01` (Hive).
const SEPARATORS: [(&str, &str); 6] = [
    ("/", "/"),
    ("-", "-"),
    ("", ""),
    ("_", "_"),
    (".", "."),
    ("/month=", "/day="),
];

/// The first date in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyDate<'k> {
    /// All that stands before it.
    pub(super) stream: &'k str,
    /// The end of that day in UTC, in milliseconds since the Unix epoch.
    pub(super) day_ends_unix_ms: i64,
}

impl<'k> KeyDate<'k> {
    /// Finds the first date of `key` behind its first `skipped` bytes, the prefix that is listed.
    pub(super) fn find(key: &'k str, skipped: usize) -> Option<Self> {
        let bytes = key.as_bytes();
        (skipped..bytes.len()).find_map(|at| {
            let begins = at == skipped || !bytes.get(at - 1)?.is_ascii_digit();
            let date = if begins {
                date(bytes.get(at..)?)?
            } else {
                return None;
            };
            Some(Self {
                stream: key.get(..at)?,
                day_ends_unix_ms: end(date)?,
            })
        })
    }
}

/// The date that `text` starts with.
fn date(text: &[u8]) -> Option<Date> {
    let (year, rest) = number(text, 4)?;
    // No service is older than S3, and nothing is dated ahead by a century.
    if !(2006..2106).contains(&year) {
        return None;
    }
    SEPARATORS.iter().find_map(|(before_month, before_day)| {
        let (month, rest) = number(rest.strip_prefix(before_month.as_bytes())?, 2)?;
        let (day, rest) = number(rest.strip_prefix(before_day.as_bytes())?, 2)?;
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    })
}

/// The number that the first `digits` bytes are, and the rest.
fn number(text: &[u8], digits: usize) -> Option<(i16, &[u8])> {
    let (number, rest) = text.split_at_checked(digits)?;
    let value = number.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + i16::from(byte - b'0'))
    })?;
    Some((value, rest))
}

fn end(date: Date) -> Option<i64> {
    let midnight = date.tomorrow().ok()?.to_datetime(Time::midnight());
    Some(Offset::UTC.to_timestamp(midnight).ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2024-03-02T00:00:00Z.
    const END: i64 = 1_709_337_600_000;

    fn stream(key: &str) -> Option<&str> {
        let date = KeyDate::find(key, 0)?;
        assert_eq!(date.day_ends_unix_ms, END, "{key}");
        Some(date.stream)
    }

    #[test]
    fn every_service_has_its_stream_before_the_date() {
        let keys = [
            (
                "AWSLogs/123456789012/CloudTrail/us-east-1/",
                "2024/03/01/123456789012_CloudTrail_us-east-1_20240301T0005Z_a.json.gz",
            ),
            (
                "AWSLogs/o-ab/123456789012/vpcflowlogs/eu-west-1/",
                "2024/03/01/123456789012_vpcflowlogs_eu-west-1_fl-1_20240301T0000Z_b.log.gz",
            ),
            (
                "AWSLogs/aws-account-id=1/aws-region=us-east-1/year=",
                "2024/month=03/day=01/hour=00/c.log.parquet",
            ),
            ("cf/E2ABCDEF.", "2024-03-01-23.d1.gz"),
            (
                "1234_ab/dnslogs/",
                "2024-03-01/2024-03-01-00-10-cafe.csv.gz",
            ),
            ("", "2024_03_01.csv"),
            ("backup.", "20240301"),
        ];
        for (before, rest) in keys {
            assert_eq!(stream(&format!("{before}{rest}")), Some(before));
        }
    }

    #[test]
    fn what_only_resembles_a_date_is_none() {
        let keys = [
            "202403011234/a", // an account
            "2024/3/1/a",
            "2024/13/01/a",
            "2024-02-30/a",
            "2024-03/01/a",
            "12024/03/01/a",
            "2024/03/011/a",
            "1999/03/01/a",
            "readme.txt",
            "2024/03",
        ];
        for key in keys {
            assert_eq!(stream(key), None, "{key}");
        }
    }

    #[test]
    fn the_prefix_itself_is_no_place_for_the_date() {
        let key = "copy-2023-01-01/us-east-1/2024/03/01/a";
        let found = KeyDate::find(key, "copy-2023-01-01/".len());
        assert_eq!(
            found.map(|found| found.stream),
            Some("copy-2023-01-01/us-east-1/")
        );
    }

    proptest! {
        #[test]
        fn any_key_is_read_and_the_stream_is_its_start(key in ".{0,12}(20[0-9]{2}[-/]?[0-9]{2}[-/]?[0-9]{2})?.{0,8}", skipped in 0usize..6) {
            if let Some(found) = KeyDate::find(&key, skipped) {
                prop_assert!(key.starts_with(found.stream));
                prop_assert!(found.stream.len() >= skipped);
            }
        }
    }
}
