//! Object keys as S3 writes them into its events: `application/x-www-form-urlencoded`.

/// The key that `encoded` stands for: `+` is a space, `%XX` a byte of UTF-8; a `%` without two digits is itself.
///
/// `None` if the result is not UTF-8, which no key of S3 is.
pub fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, tail @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                bytes.push(nibble(*high) << 4 | nibble(*low));
                rest = tail;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plus_is_a_space_and_an_encoded_plus_a_plus() {
        assert_eq!(decode("a+b%2Bc%2f%C3%A9=d").as_deref(), Some("a b+c/é=d"));
    }

    #[test]
    fn a_percent_sign_without_digits_is_itself() {
        assert_eq!(decode("100%").as_deref(), Some("100%"));
        assert_eq!(decode("%4").as_deref(), Some("%4"));
        assert_eq!(decode("%+1%zz%%41").as_deref(), Some("% 1%zz%A"));
    }

    #[test]
    fn what_is_not_utf8_is_none() {
        assert_eq!(decode("%C3"), None);
        assert_eq!(decode("%ff"), None);
    }

    proptest! {
        #[test]
        fn every_key_comes_back(key in any::<String>()) {
            let encoded: String = key.bytes().map(|b| match b {
                b' ' => "+".to_owned(),
                b'a'..=b'z' | b'/' => char::from(b).to_string(),
                b => format!("%{b:02X}"),
            }).collect();
            prop_assert_eq!(decode(&encoded), Some(key));
        }
    }
}
