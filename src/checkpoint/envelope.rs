//! Values: the envelope around every stored record.
//!
//! ```text
//! magic u8 | schema u16 LE | codec u8 | length u32 LE | payload | crc32 u32 LE over all before
//! ```
//!
//! A bare bincode value must never be stored: a flipped bit reads as another valid value, and an older schema's bytes can
//! read as a newer one's. The envelope makes each of those an error.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::record::Record;

/// The first byte of every value.
const MAGIC: u8 = 0xC7;

/// bincode 2, its standard configuration (little-endian, variable-length integers).
const CODEC_BINCODE: u8 = 1;

const HEADER_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;

/// The largest payload in bytes.
///
/// The engine keeps up to 17 rows in a page, and moves a page over a quarter of a 512 KiB segment out of its log into a
/// file that it never syncs. This limit and those of the key keep the largest page below that. What is larger is many rows.
pub const MAX_PAYLOAD_BYTES: usize = 4096;

/// The largest value in bytes: the largest payload in its envelope.
pub(super) const MAX_VALUE_BYTES: usize = HEADER_BYTES + MAX_PAYLOAD_BYTES + CHECKSUM_BYTES;

/// Why a record cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The record is larger than a row may be.
    #[error(
        "the record takes {bytes} bytes, more than the {MAX_PAYLOAD_BYTES} of a checkpoint row"
    )]
    TooLarge {
        /// The encoded size.
        bytes: usize,
    },
    /// The codec does not take the record's type.
    #[error("the record cannot be encoded: {0}")]
    Codec(String),
}

/// Why stored bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than its header says, or longer.
    #[error("the value is {found} bytes long where its envelope says {expected}")]
    Length {
        /// What the envelope says, or its least size.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// The first byte is not an envelope's.
    #[error("the value is not a checkpoint record (it starts with {0:#04x})")]
    Magic(u8),
    /// The bytes changed since they were written.
    #[error("the value is damaged: its checksum is {found:08x} where {expected:08x} was written")]
    Checksum {
        /// As written.
        expected: u32,
        /// As computed now.
        found: u32,
    },
    /// Written by a version with another codec.
    #[error(
        "the value is in codec {0}, which this version does not read; a newer version wrote it"
    )]
    UnknownCodec(u8),
    /// Another record, or one of a newer version.
    #[error(
        "the value has schema {0}, which is not expected here; a newer version may have written it"
    )]
    UnknownSchema(u16),
    /// The payload does not hold what its schema says.
    #[error("the value of schema {schema} does not decode: {reason}")]
    Payload {
        /// The schema number of the envelope.
        schema: u16,
        /// What the codec says.
        reason: String,
    },
}

/// An envelope that passed every check; the payload is not decoded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Which struct the payload is.
    pub schema: u16,
    /// The encoded record.
    pub payload: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Checks length, checksum, magic and codec.
    ///
    /// # Errors
    /// [`DecodeError`], whatever single bit or length is wrong.
    pub fn open(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let short = DecodeError::Length {
            expected: HEADER_BYTES + CHECKSUM_BYTES,
            found: bytes.len(),
        };
        let Some((&[magic, s0, s1, codec, l0, l1, l2, l3], _)) =
            bytes.split_first_chunk::<HEADER_BYTES>()
        else {
            return Err(short);
        };
        if magic != MAGIC {
            return Err(DecodeError::Magic(magic));
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let expected = length.saturating_add(HEADER_BYTES + CHECKSUM_BYTES);
        if bytes.len() != expected {
            return Err(DecodeError::Length {
                expected,
                found: bytes.len(),
            });
        }
        let Some((covered, &checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(short);
        };
        let (expected, found) = (u32::from_le_bytes(checksum), crc32fast::hash(covered));
        if expected != found {
            return Err(DecodeError::Checksum { expected, found });
        }
        if codec != CODEC_BINCODE {
            return Err(DecodeError::UnknownCodec(codec));
        }
        Ok(Self {
            schema: u16::from_le_bytes([s0, s1]),
            payload: &covered[HEADER_BYTES..],
        })
    }

    /// Decodes the payload as `T`, all of it.
    ///
    /// # Errors
    /// [`DecodeError::Payload`] when it is not a `T`, or not only a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let damaged = |reason: String| DecodeError::Payload {
            schema: self.schema,
            reason,
        };
        let config = bincode::config::standard().with_limit::<MAX_PAYLOAD_BYTES>();
        let (record, consumed) = bincode::serde::decode_from_slice(self.payload, config)
            .map_err(|error| damaged(error.to_string()))?;
        if consumed != self.payload.len() {
            return Err(damaged(format!(
                "{consumed} of {} bytes are the record",
                self.payload.len()
            )));
        }
        Ok(record)
    }
}

/// Puts a record into its envelope.
///
/// # Errors
/// [`EncodeError`] when it is larger than [`MAX_PAYLOAD_BYTES`].
pub fn encode<R: Record>(record: &R) -> Result<Vec<u8>, EncodeError> {
    seal(R::SCHEMA, record)
}

/// Takes a record out of its envelope; one of an earlier schema is brought up to date.
///
/// # Errors
/// [`DecodeError`] when the bytes are not such a record, whole and unchanged.
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R, DecodeError> {
    let envelope = Envelope::open(bytes)?;
    if envelope.schema == R::SCHEMA {
        envelope.decode()
    } else {
        R::upgrade(envelope)
    }
}

fn seal<T: Serialize>(schema: u16, record: &T) -> Result<Vec<u8>, EncodeError> {
    let payload = bincode::serde::encode_to_vec(record, bincode::config::standard())
        .map_err(|error| EncodeError::Codec(error.to_string()))?;
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= MAX_PAYLOAD_BYTES)
        .ok_or(EncodeError::TooLarge {
            bytes: payload.len(),
        })?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len() + CHECKSUM_BYTES);
    bytes.push(MAGIC);
    bytes.extend_from_slice(&schema.to_le_bytes());
    bytes.push(CODEC_BINCODE);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&payload);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct PlaceV1 {
        page: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct PlaceV2 {
        page: u64,
        token: String,
    }

    impl From<PlaceV1> for PlaceV2 {
        fn from(earlier: PlaceV1) -> Self {
            Self {
                page: earlier.page.into(),
                token: String::new(),
            }
        }
    }

    impl Record for PlaceV2 {
        const SCHEMA: u16 = 902;

        fn upgrade(earlier: Envelope<'_>) -> Result<Self, DecodeError> {
            match earlier.schema {
                901 => earlier.decode::<PlaceV1>().map(Self::from),
                other => Err(DecodeError::UnknownSchema(other)),
            }
        }
    }

    fn place() -> PlaceV2 {
        PlaceV2 {
            page: 7,
            token: "next".to_owned(),
        }
    }

    #[test]
    fn the_stored_form_is_the_documented_one() {
        let bytes = encode(&place()).unwrap();
        assert_eq!(
            bytes[..14],
            [
                0xC7, 0x86, 0x03, 1, 6, 0, 0, 0, 7, 4, b'n', b'e', b'x', b't'
            ]
        );
        assert_eq!(bytes[14..], crc32fast::hash(&bytes[..14]).to_le_bytes());
    }

    #[test]
    fn a_record_of_an_earlier_schema_is_brought_up_to_date() {
        let earlier = seal(901, &PlaceV1 { page: 7 }).unwrap();
        assert_eq!(
            decode::<PlaceV2>(&earlier),
            Ok(PlaceV2 {
                page: 7,
                token: String::new()
            })
        );
        let later = seal(903, &PlaceV1 { page: 7 }).unwrap();
        assert_eq!(
            decode::<PlaceV2>(&later),
            Err(DecodeError::UnknownSchema(903))
        );
    }

    #[test]
    fn a_payload_with_more_than_the_record_is_refused() {
        let bytes = seal(902, &(place(), 0u8)).unwrap();
        assert!(matches!(
            decode::<PlaceV2>(&bytes),
            Err(DecodeError::Payload { .. })
        ));
    }

    #[test]
    fn a_record_over_the_limit_is_refused_before_it_is_stored() {
        let mut record = place();
        record.token = "x".repeat(MAX_PAYLOAD_BYTES);
        assert!(matches!(encode(&record), Err(EncodeError::TooLarge { .. })));
    }

    #[test]
    fn another_codec_is_named() {
        let mut bytes = encode(&place()).unwrap();
        bytes[3] = 9;
        let covered = bytes.len() - CHECKSUM_BYTES;
        let checksum = crc32fast::hash(&bytes[..covered]).to_le_bytes();
        bytes[covered..].copy_from_slice(&checksum);
        assert_eq!(decode::<PlaceV2>(&bytes), Err(DecodeError::UnknownCodec(9)));
    }

    proptest! {
        #[test]
        fn one_flipped_bit_is_an_error(page in any::<u64>(), token in ".{0,30}", place in any::<prop::sample::Index>()) {
            let mut bytes = encode(&PlaceV2 { page, token }).unwrap();
            let bit = place.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode::<PlaceV2>(&bytes).is_err());
        }

        #[test]
        fn truncated_and_trailing_bytes_are_an_error(cut in 0usize..18, extra in prop::collection::vec(any::<u8>(), 1..9)) {
            let bytes = encode(&place()).unwrap();
            prop_assert!(decode::<PlaceV2>(&bytes[..cut]).is_err());
            prop_assert!(decode::<PlaceV2>(&[bytes, extra].concat()).is_err());
        }

        #[test]
        fn any_bytes_are_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode::<PlaceV2>(&bytes);
        }
    }
}
