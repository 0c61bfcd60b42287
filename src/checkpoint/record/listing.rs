//! How far a bucket was listed, for services that are fed by listing it.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::checkpoint::{Key, KeyError, Kind, Scope};

/// How far one stream of a listing was delivered: keys that differ in nothing up to their date.
///
/// It holds only for the listing it was made in: a bucket or prefix that was configured since is listed from its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingCursor {
    /// The bucket's name.
    pub bucket: String,
    /// The prefix that was listed.
    pub prefix: String,
    /// What all keys of the stream start with, up to the date.
    pub stream: String,
    /// Every object of the stream up to this key, itself included, is done with, and too old for another to come.
    pub key: String,
    /// When this was last written, in milliseconds since the Unix epoch.
    pub updated_unix_ms: i64,
}

impl ListingCursor {
    /// The place of the cursor of `stream` in a scope: ordered as S3 lists.
    ///
    /// # Errors
    /// [`KeyError::TailTooLong`]; no key of S3 is that long (1,024 bytes: S3 user guide, "object key naming").
    pub fn row_key(scope: &Scope, stream: &str) -> Result<Key, KeyError> {
        Key::new(Kind::Listing, scope, stream.as_bytes())
    }
}

impl Record for ListingCursor {
    const SCHEMA: u16 = 4;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::checkpoint::{envelope, hex};
    use proptest::prelude::*;

    fn record(stream: &str, key: &str) -> ListingCursor {
        ListingCursor {
            bucket: "umbrella".to_owned(),
            prefix: "1234_ab/".to_owned(),
            stream: stream.to_owned(),
            key: key.to_owned(),
            updated_unix_ms: 1_700_000_000_000,
        }
    }

    #[test]
    fn schema_4_is_read_and_written_as_ever() {
        let record = record(
            "1234_ab/dnslogs/",
            "1234_ab/dnslogs/2024-03-01/2024-03-01-00-10-cafe.csv.gz",
        );
        let golden = hex::decode(include_str!("golden/listing_cursor_4.hex").trim()).unwrap();
        assert_eq!(
            hex::encode(&envelope::encode(&record).unwrap()),
            hex::encode(&golden)
        );
        assert_eq!(envelope::decode(&golden), Ok(record));
    }

    #[test]
    fn the_longest_keys_fit() {
        let longest = "k".repeat(1024);
        let scope = Scope::new("a", "b", "c", "d").unwrap();
        assert!(ListingCursor::row_key(&scope, &longest).is_ok());
        let record = ListingCursor {
            bucket: "b".repeat(63),
            prefix: longest.clone(),
            ..record(&longest, &longest)
        };
        assert!(envelope::encode(&record).is_ok());
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_itself(stream in ".{0,40}", key in ".{0,60}") {
            let record = record(&stream, &key);
            let bytes = envelope::encode(&record).unwrap();
            prop_assert_eq!(envelope::decode(&bytes), Ok(record));
        }
    }
}
