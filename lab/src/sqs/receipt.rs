//! Receipt handles: opaque to clients, each naming one receive of one message of one queue.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::error::SqsError;

/// One receive of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Receipt {
    /// The queue's own serial number, so that a handle does not fit a queue created again under the same name.
    pub(super) queue: u64,
    /// The message's place in the queue.
    pub(super) message: u64,
    /// The number of the receive, rising over the queue's life.
    pub(super) receive: u64,
}

/// Starts every handle, as in AWS, where they all begin with `AQEB`.
const MARK: [u8; 3] = [1, 1, 1];

impl Receipt {
    pub(super) fn handle(self) -> String {
        let mut bytes = Vec::with_capacity(MARK.len() + 24);
        bytes.extend_from_slice(&MARK);
        for part in [self.queue, self.message, self.receive] {
            bytes.extend_from_slice(&part.to_be_bytes());
        }
        STANDARD.encode(bytes)
    }

    pub(super) fn parse(handle: &str) -> Result<Self, SqsError> {
        let invalid = || SqsError::ReceiptHandleIsInvalid;
        let bytes = STANDARD.decode(handle).map_err(|_| invalid())?;
        let parts = bytes.strip_prefix(&MARK).ok_or_else(invalid)?;
        let parts: &[u8; 24] = parts.try_into().map_err(|_| invalid())?;
        let part = |index: usize| {
            parts[index * 8..][..8]
                .iter()
                .fold(0, |value, byte| value << 8 | u64::from(*byte))
        };
        Ok(Self {
            queue: part(0),
            message: part(1),
            receive: part(2),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn handles_survive_the_round_trip(queue: u64, message: u64, receive: u64) {
            let receipt = Receipt { queue, message, receive };
            prop_assert_eq!(Receipt::parse(&receipt.handle()), Ok(receipt));
        }

        #[test]
        fn any_other_text_is_refused(text in ".{0,60}") {
            if let Ok(receipt) = Receipt::parse(&text) {
                prop_assert_eq!(receipt.handle(), text);
            }
        }
    }
}
