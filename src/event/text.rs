//! Text out of bytes that ought to be UTF-8.

use std::borrow::Cow;

/// `bytes` as text: borrowed when they are UTF-8, otherwise a copy in which each invalid sequence is one U+FFFD.
///
/// The whole slice is checked first because that check is vectorised, while the lossy conversion walks byte by byte.
#[must_use]
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_text_is_borrowed() {
        assert!(matches!(decode("naïve".as_bytes()), Cow::Borrowed("naïve")));
    }

    #[test]
    fn invalid_bytes_become_replacement_characters() {
        assert_eq!(decode(b"a\xffb\xc3"), "a\u{fffd}b\u{fffd}");
    }
}
