//! One queue and the calls that are made on it.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageSystemAttributeName, QueueAttributeName,
};

use crate::config::model::QueueRef;
use crate::session::{CallError, Caller};

/// SQS takes and gives at most this many messages a call (SQS API reference, ReceiveMessage).
pub const BATCH: usize = 10;

/// The longest poll that SQS allows (SQS API reference, WaitTimeSeconds), in seconds.
const LONG_POLL_S: i32 = 20;

/// The poll of a FIFO queue while messages of it are in work: more of their groups come only when those are deleted, and a poll
/// that has begun before need not notice.
const FIFO_POLL_S: i32 = 1;

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// SQS's id: the same in every delivery of the message.
    pub id: String,
    /// The receipt handle of this delivery.
    pub handle: String,
    /// The body.
    pub body: String,
    /// How often it has been received, this time included.
    pub receive_count: u32,
}

/// What the collector must know of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The queue's own visibility timeout.
    pub visibility_timeout: Duration,
    /// Whether a redrive policy moves messages that fail again and again.
    pub has_redrive_policy: bool,
}

/// One queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    caller: Caller,
    name: String,
    url: String,
}

impl Queue {
    /// Finds the queue.
    ///
    /// # Errors
    /// It does not exist, or may not be looked up.
    pub async fn find(client: Client, caller: Caller, queue: &QueueRef) -> Result<Self, CallError> {
        let name = queue.name().to_owned();
        let url = match queue {
            QueueRef::Url(url) => url.clone(),
            QueueRef::Name(_) => Self::url_of(&client, &caller, &name, None).await?,
            QueueRef::Arn { account, .. } => {
                Self::url_of(&client, &caller, &name, Some(account.clone())).await?
            }
        };
        Ok(Self {
            client,
            caller,
            name,
            url,
        })
    }

    async fn url_of(
        client: &Client,
        caller: &Caller,
        name: &str,
        account: Option<String>,
    ) -> Result<String, CallError> {
        let request = client
            .get_queue_url()
            .queue_name(name)
            .set_queue_owner_aws_account_id(account)
            .send();
        let answer = caller.call("sqs:GetQueueUrl", name, request).await?;
        Ok(answer.queue_url.unwrap_or_default())
    }

    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks for the queue's attributes.
    ///
    /// # Errors
    /// The call failed.
    pub async fn attributes(&self) -> Result<Attributes, CallError> {
        let request = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::All)
            .send();
        let call = self
            .caller
            .call("sqs:GetQueueAttributes", &self.name, request);
        let attributes = call.await?.attributes.unwrap_or_default();
        let get = |name| attributes.get(&name).filter(|value| !value.is_empty());
        let visibility = get(QueueAttributeName::VisibilityTimeout)
            .and_then(|seconds| seconds.parse().ok())
            // SQS's own default (SQS developer guide, "visibility timeout").
            .unwrap_or(30);
        Ok(Attributes {
            visibility_timeout: Duration::from_secs(visibility),
            has_redrive_policy: get(QueueAttributeName::RedrivePolicy).is_some(),
        })
    }

    /// Receives up to `most` messages, waiting up to 20 s for the first; 1 s if this is a FIFO queue some of whose messages are
    /// `in_work`. They stay invisible to others for `visibility`.
    ///
    /// # Errors
    /// The call failed.
    pub async fn receive(
        &self,
        most: usize,
        visibility: Duration,
        in_work: bool,
    ) -> Result<Vec<Message>, CallError> {
        let is_fifo = self.name.ends_with(".fifo");
        let wait = if is_fifo && in_work {
            FIFO_POLL_S
        } else {
            LONG_POLL_S
        };
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(most.clamp(1, BATCH) as i32)
            .wait_time_seconds(wait)
            .visibility_timeout(seconds(visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send();
        let call = self.caller.call("sqs:ReceiveMessage", &self.name, request);
        let messages = call.await?.messages.unwrap_or_default();
        Ok(messages.into_iter().map(message).collect())
    }

    /// Sets how long each of up to 10 messages stays invisible from now on. Returns the places of those that failed, with
    /// SQS's reason.
    ///
    /// # Errors
    /// The call as a whole failed.
    pub async fn set_visibility(
        &self,
        handles: &[String],
        visibility: Duration,
    ) -> Result<HashMap<usize, String>, CallError> {
        let entries = handles.iter().enumerate().filter_map(|(place, handle)| {
            // Id and handle are set, which is all that `build` asks for.
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(place.to_string())
                .receipt_handle(handle)
                .visibility_timeout(seconds(visibility))
                .build()
                .ok()
        });
        let request = self
            .client
            .change_message_visibility_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .send();
        let call = self
            .caller
            .call("sqs:ChangeMessageVisibility", &self.name, request);
        let answer = call.await?;
        Ok(failures(answer.failed))
    }

    /// Deletes up to 10 messages. Returns the places of those that failed, with SQS's reason.
    ///
    /// # Errors
    /// The call as a whole failed.
    pub async fn delete(&self, handles: &[String]) -> Result<HashMap<usize, String>, CallError> {
        let entries = handles.iter().enumerate().filter_map(|(place, handle)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(place.to_string())
                .receipt_handle(handle)
                .build()
                .ok()
        });
        let request = self
            .client
            .delete_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .send();
        let call = self.caller.call("sqs:DeleteMessage", &self.name, request);
        let answer = call.await?;
        Ok(failures(answer.failed))
    }
}

fn failures(failed: Vec<aws_sdk_sqs::types::BatchResultErrorEntry>) -> HashMap<usize, String> {
    failed
        .into_iter()
        .filter_map(|entry| {
            let reason = entry.message.unwrap_or(entry.code);
            entry.id.parse().ok().map(|place| (place, reason))
        })
        .collect()
}

fn message(message: aws_sdk_sqs::types::Message) -> Message {
    let receive_count = message
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount))
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    Message {
        id: message.message_id.unwrap_or_default(),
        handle: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        receive_count,
    }
}

/// SQS counts visibility in whole seconds, 12 hours at most.
fn seconds(visibility: Duration) -> i32 {
    const MOST: u64 = 12 * 60 * 60;
    visibility.as_secs().min(MOST) as i32
}
