//! Identifiers in the shapes AWS gives them. Random, but never secret.

use base64::{Engine, engine::general_purpose::STANDARD};

/// A version 4 UUID drawn from `rng` (RFC 9562, section 5.4).
pub(crate) fn uuid(rng: &mut fastrand::Rng) -> String {
    let bits = rng.u128(..) & !(0xf000 << 64) & !(0b11 << 62) | (0x4000 << 64) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

/// A random UUID: a message, request or configuration id.
pub(crate) fn random_uuid() -> String {
    uuid(&mut fastrand::Rng::new())
}

/// `length` random characters of `A-Z0-9`: the tail of a key id, an S3 request id.
pub(crate) fn upper_alphanumeric(length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    (0..length)
        .map(|_| char::from(ALPHABET[fastrand::usize(..ALPHABET.len())]))
        .collect()
}

/// `length` random bytes in base64: an S3 host id, a secret, a session token.
pub(crate) fn random_base64(length: usize) -> String {
    let bytes: Vec<u8> = (0..length).map(|_| fastrand::u8(..)).collect();
    STANDARD.encode(bytes)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_4_and_follow_the_seed() {
        let id = uuid(&mut fastrand::Rng::with_seed(7));
        assert_eq!(id, uuid(&mut fastrand::Rng::with_seed(7)));
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
