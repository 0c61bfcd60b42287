//! The `Range` header of GetObject.

use std::ops::Range;

use super::error::S3Error;

/// The bytes that `header` selects of an object of `size` bytes. None means the whole object: S3 ignores what it cannot parse
/// and answers several ranges with the whole object.
pub(super) fn select(header: &str, size: usize) -> Result<Option<Range<usize>>, S3Error> {
    let Some((first, last)) = header
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let range = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(length)) if first.is_empty() => {
            if length == 0 {
                return Err(S3Error::InvalidRange);
            }
            size.saturating_sub(length)..size
        }
        _ => return Ok(None),
    };
    if range.start >= size {
        return Err(S3Error::InvalidRange);
    }
    Ok(Some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_select_as_rfc_9110_says() {
        for (header, selected) in [
            ("bytes=0-3", Ok(Some(0..4))),
            ("bytes=4-99", Ok(Some(4..10))),
            ("bytes=4-", Ok(Some(4..10))),
            ("bytes=-3", Ok(Some(7..10))),
            ("bytes=-30", Ok(Some(0..10))),
            ("bytes=10-", Err(S3Error::InvalidRange)),
            ("bytes=-0", Err(S3Error::InvalidRange)),
            ("bytes=5-4", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("lines=0-1", Ok(None)),
        ] {
            assert_eq!(select(header, 10), selected, "{header}");
        }
        assert_eq!(select("bytes=0-", 0), Err(S3Error::InvalidRange));
    }
}
