//! Times in the forms that log files write them in.

use crate::event::EventTime;

/// From this number on, a Unix time is in milliseconds: in seconds it would lie in the year 5138.
const FIRST_MS: i64 = 100_000_000_000;

/// From a date `2019-12-04` and a time of day `21:02:31`, with or without a fraction, in UTC.
#[must_use]
pub fn utc(date: &str, time: &str) -> Option<EventTime> {
    // The longest is one with nanoseconds.
    let mut text = [0; "2019-12-04T21:02:31.000000000Z".len()];
    let len = date.len() + time.len() + 2;
    let room = text.get_mut(..len)?;
    let (before, behind) = room.split_at_mut(date.len());
    before.copy_from_slice(date.as_bytes());
    behind[0] = b'T';
    behind[1..=time.len()].copy_from_slice(time.as_bytes());
    behind[time.len() + 1] = b'Z';
    EventTime::parse(std::str::from_utf8(room).ok()?)
}

/// From a Unix time in seconds or milliseconds, whichever it can be.
#[must_use]
pub fn unix(text: &str) -> Option<EventTime> {
    let number: i64 = text.parse().ok()?;
    let in_ms = if number < FIRST_MS {
        number.checked_mul(1000)?
    } else {
        number
    };
    EventTime::from_unix_ms(in_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_and_a_time_of_day_make_an_instant() {
        assert_eq!(
            utc("2019-12-04", "21:02:31"),
            EventTime::parse("2019-12-04T21:02:31Z")
        );
        assert_eq!(
            utc("2020-05-21", "19:20:25.123"),
            EventTime::parse("2020-05-21T19:20:25.123Z")
        );
    }

    #[test]
    fn other_text_makes_none_whatever_its_length() {
        for (date, time) in [
            ("", ""),
            ("2019-12-04", ""),
            ("2019-13-04", "21:02:31"),
            ("2019-12-04T00:00:00", "21:02:31"),
            ("date", "time"),
            ("2019-12-04", "21:02:31.000000000000000000000000000000"),
        ] {
            assert_eq!(utc(date, time), None, "{date} {time}");
        }
    }

    #[test]
    fn unix_times_are_in_seconds_or_milliseconds() {
        let expected = EventTime::from_unix_ms(1_418_530_010_000);
        assert_eq!(unix("1418530010"), expected);
        assert_eq!(unix("1418530010000"), expected);
        for wrong in ["", "-", "start", "1418530010.5", "9223372036854775807"] {
            assert_eq!(unix(wrong), None, "{wrong}");
        }
    }
}
