//! A message: what was sent, what happened to it since, and the forms in which a receive returns it.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{attributes::Attributes, error::SqsError};
use crate::{clock::Clock, ids::hex};

/// Longest delay of a message; FIFO queues take none of a single message.
const MAX_DELAY_SECONDS: u64 = 900;

/// A message attribute, as the API writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, perhaps with a custom suffix after a dot.
    pub data_type: String,
    /// The value, unless binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value in base64, if binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// What a client sends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outgoing {
    /// The text of the message.
    #[serde(default, rename = "MessageBody")]
    pub body: String,
    /// Seconds until it becomes visible; the queue's own delay if not given.
    pub delay_seconds: Option<u64>,
    /// Its attributes.
    #[serde(default, rename = "MessageAttributes")]
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// FIFO: messages of one group are received in order, one batch at a time.
    #[serde(rename = "MessageGroupId")]
    pub group: Option<String>,
    /// FIFO: the same id within five minutes is the same message.
    #[serde(rename = "MessageDeduplicationId")]
    pub deduplication_id: Option<String>,
}

impl Outgoing {
    /// A message with only a body.
    pub fn body(body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }

    /// Refuses what the queue would not take.
    pub(super) fn check(&self, queue: &Attributes) -> Result<(), SqsError> {
        let invalid = |value: String, parameter, reason: String| SqsError::InvalidParameterValue {
            value,
            parameter,
            reason,
        };
        if self.body.is_empty() {
            return Err(SqsError::MissingParameter("MessageBody"));
        }
        let limit = queue.max_message_bytes;
        if self.size() > limit {
            let size = format!("of {} bytes", self.size());
            let reason = format!("Message must be shorter than {limit} bytes.");
            return Err(invalid(size, "MessageBody", reason));
        }
        // The characters of XML 1.0; SQS refuses any other.
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
        if !self.body.chars().all(allowed) {
            return Err(SqsError::InvalidMessageContents);
        }
        let max_delay = if queue.fifo { 0 } else { MAX_DELAY_SECONDS };
        match self.delay_seconds {
            Some(delay) if delay > max_delay => {
                let reason = format!("DelaySeconds must be >= 0 and <= {max_delay}.");
                Err(invalid(delay.to_string(), "DelaySeconds", reason))
            }
            _ => Ok(()),
        }
    }

    /// What counts against the size limit: the body, and names, types and values of the attributes.
    pub(super) fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            let value = attribute
                .string_value
                .as_ref()
                .or(attribute.binary_value.as_ref());
            name.len() + attribute.data_type.len() + value.map_or(0, String::len)
        });
        self.body.len() + attributes.sum::<usize>()
    }
}

/// Whether a message can be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    Visible,
    InFlight { until: Instant },
    Delayed { until: Instant },
}

/// A message in a queue.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) sent: Instant,
    pub(super) outgoing: Outgoing,
    pub(super) visibility: Visibility,
    pub(super) receive_count: u32,
    pub(super) first_received: Option<Instant>,
    /// When the latest receive was, from which the 12 hour limit runs.
    pub(super) last_received: Option<Instant>,
    /// The number of the latest receive: older receipt handles are superseded.
    pub(super) receive: u64,
    pub(super) sequence: u64,
    pub(super) dead_letter_source: Option<String>,
}

/// A message as a receive returns it.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) message: Message,
    pub(super) receipt_handle: String,
}

impl Message {
    /// The system attributes that a receive can ask for.
    pub(super) fn system_attributes(
        &self,
        clock: &Clock,
        sender: &str,
        fifo: bool,
    ) -> BTreeMap<&'static str, String> {
        let mut attributes = BTreeMap::from([
            ("SenderId", sender.to_owned()),
            ("SentTimestamp", clock.epoch_ms(self.sent).to_string()),
            ("ApproximateReceiveCount", self.receive_count.to_string()),
        ]);
        let mut put = |name, value: Option<String>| {
            if let Some(value) = value {
                attributes.insert(name, value);
            }
        };
        put(
            "ApproximateFirstReceiveTimestamp",
            self.first_received.map(|at| clock.epoch_ms(at).to_string()),
        );
        put("MessageGroupId", self.outgoing.group.clone());
        put(
            "MessageDeduplicationId",
            self.outgoing.deduplication_id.clone(),
        );
        put(
            "SequenceNumber",
            fifo.then(|| sequence_number(self.sequence)),
        );
        put("DeadLetterQueueSourceArn", self.dead_letter_source.clone());
        attributes
    }
}

/// A FIFO sequence number: a rising 128-bit number, 20 decimal digits long.
pub(super) fn sequence_number(sequence: u64) -> String {
    format!(
        "{:020}",
        18_850_000_000_000_000_000_u128 + u128::from(sequence)
    )
}

/// `MD5OfMessageBody`.
pub(super) fn body_md5(body: &str) -> String {
    hex(&Md5::digest(body))
}

/// `MD5OfMessageAttributes`: names in order, each part length-prefixed, with a byte for the transport type ("Calculating the
/// MD5 message digest for message attributes", SQS developer guide). None without attributes.
pub(super) fn attributes_md5(attributes: &BTreeMap<String, MessageAttribute>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    let mut part = |mark: Option<u8>, bytes: &[u8]| {
        if let Some(mark) = mark {
            digest.update([mark]);
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        digest.update(length.to_be_bytes());
        digest.update(bytes);
    };
    for (name, attribute) in attributes {
        part(None, name.as_bytes());
        part(None, attribute.data_type.as_bytes());
        if let Some(text) = &attribute.string_value {
            part(Some(1), text.as_bytes());
        } else if let Some(binary) = &attribute.binary_value {
            part(Some(2), &STANDARD.decode(binary).unwrap_or_default());
        }
    }
    Some(hex(&digest.finalize()))
}

/// Whether the names of a receive ask for `name`: `All`, `.*`, the name itself, or a prefix written `prefix.*`.
pub(super) fn asked_for(names: &[String], name: &str) -> bool {
    names.iter().any(|asked| {
        asked == "All"
            || asked == name
            || asked
                .strip_suffix(".*")
                .is_some_and(|prefix| name.starts_with(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_digest_is_that_of_the_bytes() {
        assert_eq!(body_md5("hello world"), "5eb63bbbe01eeed093cb22bb8f5acdc3");
    }

    #[test]
    fn attribute_names_match_exactly_or_by_prefix() {
        let names = |name: &str| [name.to_owned()];
        assert!(asked_for(&names("All"), "trace"));
        assert!(asked_for(&names(".*"), "trace"));
        assert!(asked_for(&names("tr.*"), "trace"));
        assert!(!asked_for(&names("tr"), "trace"));
    }
}
