//! What a consumer does with a receipt handle: delete the message, or change how long it stays invisible.

use std::time::Duration;

use tokio::time::Instant;

use super::Queue;
use crate::sqs::{
    attributes::MAX_VISIBILITY, error::SqsError, message::Visibility, receipt::Receipt,
};

impl Queue {
    /// Deletes by receipt handle. On a standard queue a superseded handle deletes nothing and succeeds; on a FIFO queue a
    /// handle expires with its visibility timeout ("DeleteMessage", SQS API reference).
    pub(in crate::sqs) fn delete(&mut self, handle: &str, now: Instant) -> Result<(), SqsError> {
        self.catch_up(now);
        let receipt = self.receipt(handle)?;
        let Some(message) = self.messages.get(&receipt.message) else {
            return Ok(());
        };
        let superseded = message.receive != receipt.receive;
        if self.attributes.fifo {
            let in_flight = matches!(message.visibility, Visibility::InFlight { .. });
            if superseded || !in_flight {
                return Err(refused(handle, "The receipt handle has expired."));
            }
        }
        if superseded {
            self.stats.superseded_deletes += 1;
        } else {
            self.remove(receipt.message);
            self.stats.deleted += 1;
        }
        Ok(())
    }

    /// Restarts the visibility timeout of a message in flight at `timeout` from now.
    pub(in crate::sqs) fn change_visibility(
        &mut self,
        handle: &str,
        timeout: Duration,
        now: Instant,
    ) -> Result<(), SqsError> {
        self.catch_up(now);
        let receipt = self.receipt(handle)?;
        let message = self
            .messages
            .get(&receipt.message)
            .filter(|message| message.receive == receipt.receive)
            .ok_or_else(|| {
                refused(
                    handle,
                    "Message does not exist or is not available for visibility timeout change.",
                )
            })?;
        if !matches!(message.visibility, Visibility::InFlight { .. }) {
            return Err(SqsError::MessageNotInflight);
        }
        let in_flight_for = message
            .last_received
            .map_or(Duration::ZERO, |received| now - received);
        if in_flight_for + timeout > MAX_VISIBILITY {
            return Err(SqsError::InvalidParameterValue {
                value: timeout.as_secs().to_string(),
                parameter: "VisibilityTimeout",
                reason:
                    "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
                        .to_owned(),
            });
        }
        self.hide(receipt.message, now + timeout, now);
        Ok(())
    }

    fn receipt(&self, handle: &str) -> Result<Receipt, SqsError> {
        let receipt = Receipt::parse(handle)?;
        if receipt.queue == self.serial {
            Ok(receipt)
        } else {
            Err(SqsError::ReceiptHandleIsInvalid)
        }
    }
}

fn refused(handle: &str, reason: &str) -> SqsError {
    SqsError::InvalidParameterValue {
        value: handle.to_owned(),
        parameter: "ReceiptHandle",
        reason: reason.to_owned(),
    }
}
