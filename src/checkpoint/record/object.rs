//! The object ledger: how far each S3 object was delivered, so that one that is read again is not sent again.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::checkpoint::{Key, Kind, Scope};

/// Which content of which object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, decoded.
    pub key: String,
    /// What tells this content from a later one under the same key: the entity tag.
    pub etag: String,
}

impl ObjectId {
    /// The object's place in the ledger of a scope.
    ///
    /// Two objects can in theory share one: compare the record's `object` with the one you asked for, and take another's
    /// record as none. The worst that follows is an object sent twice.
    #[must_use]
    pub fn ledger_key(&self, scope: &Scope) -> Key {
        Key::hashed(Kind::Object, scope, self.hash())
    }

    /// The object's place in the quarantine list of a scope.
    #[must_use]
    pub fn quarantine_key(&self, scope: &Scope) -> Key {
        Key::hashed(Kind::Quarantine, scope, self.hash())
    }

    /// FNV-1a of 128 bits (RFC 9923) over the three texts, each after its length.
    fn hash(&self) -> [u8; 16] {
        const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = (1 << 88) + (1 << 8) + 0x3b;

        let texts = [&self.bucket, &self.key, &self.etag];
        let bytes = texts.into_iter().flat_map(|text| {
            let length = (text.len() as u64).to_be_bytes();
            length.into_iter().chain(text.bytes())
        });
        bytes
            .fold(OFFSET_BASIS, |hash, byte| {
                (hash ^ u128::from(byte)).wrapping_mul(PRIME)
            })
            .to_be_bytes()
    }
}

/// How far one object was delivered to each output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectProgress {
    /// Whose progress this is.
    pub object: ObjectId,
    /// One entry for each output that the object goes to.
    pub outputs: Vec<OutputProgress>,
    /// When this was last written, in milliseconds since the Unix epoch.
    pub updated_unix_ms: i64,
}

/// How far one object was delivered to one output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputProgress {
    /// The output's name in the configuration.
    pub output: String,
    /// Every record below this index is confirmed.
    pub delivered: u64,
    /// All of the object is confirmed.
    pub complete: bool,
}

impl Record for ObjectProgress {
    const SCHEMA: u16 = 2;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::checkpoint::{envelope, hex};
    use proptest::prelude::*;

    fn object(bucket: &str, key: &str, etag: &str) -> ObjectId {
        ObjectId {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            etag: etag.to_owned(),
        }
    }

    #[test]
    fn schema_2_is_read_and_written_as_ever() {
        let record = ObjectProgress {
            object: object("trail", "AWSLogs/1.json.gz", "abc"),
            outputs: vec![OutputProgress {
                output: "devo".to_owned(),
                delivered: 1234,
                complete: true,
            }],
            updated_unix_ms: 1_700_000_000_000,
        };
        let golden = hex::decode(include_str!("golden/object_progress_2.hex").trim()).unwrap();
        assert_eq!(
            hex::encode(&envelope::encode(&record).unwrap()),
            hex::encode(&golden)
        );
        assert_eq!(envelope::decode(&golden), Ok(record));
    }

    #[test]
    fn the_hash_never_changes() {
        let scope = Scope::new("", "", "", "").unwrap();
        let hash = |object: &ObjectId| hex::encode(object.ledger_key(&scope).tail());
        assert_eq!(
            hash(&object("bucket", "key", "etag")),
            "dcf4d262595f78dd42bf9b15fab5d7a2"
        );
        assert_ne!(hash(&object("ab", "c", "")), hash(&object("a", "bc", "")));
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_itself(
            (bucket, key, etag) in (".{0,20}", ".{0,60}", ".{0,20}"),
            outputs in prop::collection::vec((".{0,12}", any::<u64>(), any::<bool>()), 0..4),
            updated_unix_ms in any::<i64>(),
        ) {
            let outputs = outputs
                .into_iter()
                .map(|(output, delivered, complete)| OutputProgress { output, delivered, complete })
                .collect();
            let record = ObjectProgress { object: object(&bucket, &key, &etag), outputs, updated_unix_ms };
            let bytes = envelope::encode(&record).unwrap();
            prop_assert_eq!(envelope::decode(&bytes), Ok(record));
        }
    }
}
