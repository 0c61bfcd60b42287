//! Batch operations: the limits on a batch as a whole, and the split into entries that succeed and entries that fail.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{
    Sqs,
    api::{ReceiptRequest, digests, identity, parse},
    attributes::MAX_MESSAGE_BYTES,
    error::SqsError,
    message::Outgoing,
};

/// Most entries of a batch ("Amazon SQS message quotas").
const MAX_ENTRIES: usize = 10;

/// Longest id of a batch entry.
const MAX_ID_BYTES: usize = 80;

impl Sqs {
    pub(super) fn send_batch(&self, queue: &str, body: Value) -> Result<Value, SqsError> {
        let entries = entries(body, "SendMessageBatchRequestEntry")?;
        let parsed = entries
            .into_iter()
            .map(|(id, entry)| Ok((id, parse::<Outgoing>(entry)?)))
            .collect::<Result<Vec<_>, SqsError>>()?;
        let size = parsed.iter().map(|(_, outgoing)| outgoing.size()).sum();
        if size > MAX_MESSAGE_BYTES {
            let limit = MAX_MESSAGE_BYTES;
            return Err(SqsError::BatchRequestTooLong { limit, size });
        }
        let fifo = self.is_fifo(queue)?;
        let results = parsed.into_iter().map(|(id, outgoing)| {
            let mut answer = digests(&outgoing);
            let sent = self.send_message(queue, outgoing).map(|sent| {
                answer.extend(identity(&sent, fifo));
                answer
            });
            (id, sent)
        });
        Ok(split(results))
    }

    pub(super) fn receipt_batch(
        &self,
        body: Value,
        entry_type: &'static str,
        perform: impl Fn(&ReceiptRequest) -> Result<(), SqsError>,
    ) -> Result<Value, SqsError> {
        let results = entries(body, entry_type)?.into_iter().map(|(id, entry)| {
            let result = parse(entry).and_then(|request| perform(&request));
            (id, result.map(|()| Map::new()))
        });
        Ok(split(results))
    }
}

/// The entries of a batch with their ids, once the batch as a whole is in order.
fn entries(mut body: Value, entry_type: &'static str) -> Result<Vec<(String, Value)>, SqsError> {
    let entries = match body.get_mut("Entries").map(Value::take) {
        Some(Value::Array(entries)) if !entries.is_empty() => entries,
        _ => return Err(SqsError::EmptyBatchRequest(entry_type)),
    };
    if entries.len() > MAX_ENTRIES {
        return Err(SqsError::TooManyEntriesInBatchRequest(entries.len()));
    }
    let mut seen = HashSet::new();
    entries
        .into_iter()
        .map(|entry| {
            let id = entry.get("Id").and_then(Value::as_str).unwrap_or_default();
            let id = id.to_owned();
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(allowed) {
                return Err(SqsError::InvalidBatchEntryId);
            }
            if !seen.insert(id.clone()) {
                return Err(SqsError::BatchEntryIdsNotDistinct(id));
            }
            Ok((id, entry))
        })
        .collect()
}

fn split(results: impl Iterator<Item = (String, Result<Map<String, Value>, SqsError>)>) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, result) in results {
        match result {
            Ok(mut answer) => {
                answer.insert("Id".into(), json!(id));
                successful.push(Value::Object(answer));
            }
            Err(error) => failed.push(json!({
                "Id": id,
                "Code": error.codes().1,
                "Message": error.to_string(),
                "SenderFault": true,
            })),
        }
    }
    let mut answer = Map::new();
    answer.insert("Successful".into(), json!(successful));
    if !failed.is_empty() {
        answer.insert("Failed".into(), json!(failed));
    }
    Value::Object(answer)
}
