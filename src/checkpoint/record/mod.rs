//! The records: what the rows hold. One file a record, one struct a schema number.
//!
//! A new record is a file here, a line in [`describe`] and, if it has its own keys, a [`Kind`](super::Kind). A record that
//! changes keeps its earlier struct, gets a new schema number, and reads the earlier one in [`Record::upgrade`]. Schema
//! numbers are never used twice, so a value says by itself what it is.

mod listing;
mod object;
mod quarantined;

pub use listing::ListingCursor;
pub use object::{ObjectId, ObjectProgress, OutputProgress};
pub use quarantined::Quarantined;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::envelope::{DecodeError, Envelope};

/// A value with a place in the store.
pub trait Record: Serialize + DeserializeOwned {
    /// The number of this struct's layout. 1 is the store's sentinel.
    const SCHEMA: u16;

    /// Reads a record of an earlier schema.
    ///
    /// # Errors
    /// [`DecodeError::UnknownSchema`] if there was none, or not this one.
    fn upgrade(earlier: Envelope<'_>) -> Result<Self, DecodeError> {
        Err(DecodeError::UnknownSchema(earlier.schema))
    }
}

/// The record in a stored value, in a form to read, whichever record it is.
///
/// # Errors
/// [`DecodeError`] when it is damaged, or of a schema that this version does not know.
pub fn describe(value: &[u8]) -> Result<serde_json::Value, DecodeError> {
    let envelope = Envelope::open(value)?;
    match envelope.schema {
        ObjectProgress::SCHEMA => readable::<ObjectProgress>(envelope),
        Quarantined::SCHEMA => readable::<Quarantined>(envelope),
        ListingCursor::SCHEMA => readable::<ListingCursor>(envelope),
        other => Err(DecodeError::UnknownSchema(other)),
    }
}

fn readable<R: Record>(envelope: Envelope<'_>) -> Result<serde_json::Value, DecodeError> {
    serde_json::to_value(envelope.decode::<R>()?).map_err(|error| DecodeError::Payload {
        schema: envelope.schema,
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::envelope;
    use super::*;

    #[test]
    fn every_record_describes_itself() {
        let object = ObjectId {
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            etag: "e".to_owned(),
        };
        let progress = ObjectProgress {
            object,
            outputs: Vec::new(),
            updated_unix_ms: 5,
        };
        let described = describe(&envelope::encode(&progress).unwrap()).unwrap();
        assert_eq!(described["object"]["bucket"], "b");
        assert_eq!(described["updated_unix_ms"], 5);
    }
}
