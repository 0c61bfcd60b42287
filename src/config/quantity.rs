//! Sizes and durations as people write them: `64MiB`, `1MB`, `200ms`, `24h`.

use std::time::Duration;

/// Decimal units (SI) and binary ones (IEC 80000-13).
const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

const TIME_UNITS_MILLIS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Bytes: a bare integer, or one with a unit of [`SIZE_UNITS`] in any case.
pub(super) fn size(text: &str) -> Option<u64> {
    let (count, unit) = split(text)?;
    let factor = match unit {
        "" => 1,
        unit => factor(&SIZE_UNITS, |name| name.eq_ignore_ascii_case(unit))?,
    };
    count.checked_mul(factor)
}

/// A duration: an integer with a unit, `ms`, `s`, `m`, `h` or `d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (count, unit) = split(text)?;
    let factor = factor(&TIME_UNITS_MILLIS, |name| name == unit)?;
    count.checked_mul(factor).map(Duration::from_millis)
}

fn factor(units: &[(&str, u64)], is_it: impl Fn(&str) -> bool) -> Option<u64> {
    let unit = units.iter().find(|(name, _)| is_it(name))?;
    Some(unit.1)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    Some((count.parse().ok()?, unit.trim_start()))
}

/// `duration` in the largest unit that divides it, as a configuration would have it.
pub(super) fn written(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = TIME_UNITS_MILLIS.iter().rev();
    units
        .map(|(name, factor)| (name, u128::from(*factor)))
        .find(|(_, factor)| millis.is_multiple_of(*factor) && millis >= *factor)
        .map_or_else(
            || "0s".into(),
            |(name, factor)| format!("{}{name}", millis / factor),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_bytes_with_or_without_a_unit() {
        assert_eq!(size("1024"), Some(1024));
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("1 mb"), Some(1_000_000));
        for wrong in ["", "MiB", "1.5MiB", "-1", "1TiB", "99999999999GiB", "1 M"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(duration("24h"), Some(Duration::from_secs(86_400)));
        for wrong in ["", "30", "s", "-1s", "1w", "1.5s", "99999999999999999d"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0_u64..u64::MAX / 2) {
            let original = Duration::from_millis(millis);
            prop_assert_eq!(duration(&written(original)), Some(original));
        }

        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _ = (size(&text), duration(&text));
        }
    }
}
