//! The quarantine list: objects given up on, for a person to look at.

use serde::{Deserialize, Serialize};

use super::{ObjectId, Record};

/// The longest reason that is kept, in bytes, so that the record always fits into a row.
const MAX_REASON_BYTES: usize = 1024;

/// An object that could not be delivered in as many attempts as are allowed, on a queue without a redrive policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Which object.
    pub object: ObjectId,
    /// What was wrong with it, the last time.
    pub reason: String,
    /// How often its message was received.
    pub receive_count: u32,
    /// The SQS message that named it.
    pub message_id: String,
    /// When it was given up, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
}

impl Quarantined {
    /// The record with a reason cut to what a row can hold.
    #[must_use]
    pub fn with_bounded_reason(mut self) -> Self {
        self.reason
            .truncate(self.reason.floor_char_boundary(MAX_REASON_BYTES));
        self
    }
}

impl Record for Quarantined {
    const SCHEMA: u16 = 3;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::checkpoint::{envelope, hex};
    use proptest::prelude::*;

    fn record(reason: String) -> Quarantined {
        Quarantined {
            object: ObjectId {
                bucket: "trail".to_owned(),
                key: "AWSLogs/1.json.gz".to_owned(),
                etag: "abc".to_owned(),
            },
            reason,
            receive_count: 6,
            message_id: "f00d".to_owned(),
            at_unix_ms: 1_700_000_000_000,
        }
    }

    #[test]
    fn schema_3_is_read_and_written_as_ever() {
        let record = record("truncated".to_owned());
        let golden = hex::decode(include_str!("golden/quarantined_3.hex").trim()).unwrap();
        assert_eq!(
            hex::encode(&envelope::encode(&record).unwrap()),
            hex::encode(&golden)
        );
        assert_eq!(envelope::decode(&golden), Ok(record));
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let record = record("é".repeat(5000)).with_bounded_reason();
        assert_eq!(record.reason.len(), MAX_REASON_BYTES);
        assert!(envelope::encode(&record).is_ok());
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_itself(reason in ".{0,60}", receive_count in any::<u32>(), at_unix_ms in any::<i64>()) {
            let record = Quarantined { receive_count, at_unix_ms, ..record(reason) };
            let bytes = envelope::encode(&record).unwrap();
            prop_assert_eq!(envelope::decode(&bytes), Ok(record));
        }
    }
}
