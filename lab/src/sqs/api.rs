//! The SQS wire protocol: AWS JSON 1.0, one operation a request, named in `X-Amz-Target`.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    Sqs,
    error::SqsError,
    message::{Outgoing, Received, asked_for, attributes_md5, body_md5, sequence_number},
    queue::Sent,
    receive::ReceiveRequest,
};

/// Entries of `ListQueues` without `MaxResults`, and its upper bound.
const MAX_LISTED: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NameRequest {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListRequest {
    #[serde(default)]
    queue_name_prefix: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributesRequest {
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveMessageRequest {
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u64>,
    wait_time_seconds: Option<u64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

/// A receipt handle, and for `ChangeMessageVisibility` the new timeout.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiptRequest {
    receipt_handle: Option<String>,
    visibility_timeout: Option<u64>,
}

/// The name of the queue that a request body addresses: the tail of `QueueUrl`, or `QueueName`. Empty if there is none.
pub(crate) fn resource(body: &Value) -> &str {
    let url = body.get("QueueUrl").and_then(Value::as_str);
    let name = body.get("QueueName").and_then(Value::as_str);
    url.and_then(|url| url.rsplit('/').next())
        .or(name)
        .unwrap_or_default()
}

impl Sqs {
    /// Performs one operation and returns the body of its answer.
    pub(crate) async fn perform(
        &self,
        operation: &str,
        body: Value,
        sender: &str,
    ) -> Result<Value, SqsError> {
        let queue = resource(&body).to_owned();
        let queue = queue.as_str();
        match operation {
            "CreateQueue" => {
                let request: NameRequest = parse(body)?;
                let url = self.create(&request.queue_name, &request.attributes)?;
                return Ok(json!({ "QueueUrl": url }));
            }
            "ListQueues" => return Ok(self.list(&parse(body)?)),
            _ => {}
        }
        // Every other operation is about an existing queue.
        self.with(queue, |_, _| Ok(()))?;
        match operation {
            "GetQueueUrl" => Ok(json!({ "QueueUrl": self.url(queue) })),
            "GetQueueAttributes" => self.attributes(queue, &parse(body)?),
            "SetQueueAttributes" => {
                let request: AttributesRequest = parse(body)?;
                self.change(queue, |queue, now| {
                    queue.attributes.set(&request.attributes)?;
                    queue.modified = now;
                    Ok(json!({}))
                })
            }
            "SendMessage" => self.send_one(queue, parse(body)?),
            "ReceiveMessage" => self.receive_messages(queue, parse(body)?, sender).await,
            "DeleteMessage" => self.delete_one(queue, &parse(body)?).map(|()| json!({})),
            "ChangeMessageVisibility" => self
                .change_visibility_of_one(queue, &parse(body)?)
                .map(|()| json!({})),
            "SendMessageBatch" => self.send_batch(queue, body),
            "DeleteMessageBatch" => {
                self.receipt_batch(body, "DeleteMessageBatchRequestEntry", |request| {
                    self.delete_one(queue, request)
                })
            }
            "ChangeMessageVisibilityBatch" => self.receipt_batch(
                body,
                "ChangeMessageVisibilityBatchRequestEntry",
                |request| self.change_visibility_of_one(queue, request),
            ),
            "PurgeQueue" => self.purge(queue).map(|()| json!({})),
            "DeleteQueue" => self.delete_queue(queue).map(|()| json!({})),
            _ => Err(SqsError::UnsupportedOperation(operation.to_owned())),
        }
    }

    fn list(&self, request: &ListRequest) -> Value {
        let after = request.next_token.as_deref().unwrap_or_default();
        let mut names = self.queues();
        names.retain(|name| name.starts_with(&request.queue_name_prefix) && name.as_str() > after);
        let limit = request.max_results.unwrap_or(MAX_LISTED).min(MAX_LISTED);
        let more = names.len() > limit;
        names.truncate(limit);
        let mut answer = Map::new();
        if more && request.max_results.is_some() {
            answer.insert("NextToken".to_owned(), json!(names.last()));
        }
        let urls: Vec<_> = names.iter().map(|name| self.url(name)).collect();
        answer.insert("QueueUrls".to_owned(), json!(urls));
        Value::Object(answer)
    }

    fn attributes(&self, queue: &str, request: &AttributesRequest) -> Result<Value, SqsError> {
        let clock = self.clock;
        let mut attributes = self.with(queue, |queue, now| {
            let stats = queue.stats(now);
            let mut attributes = queue.attributes.list();
            let seconds = |at| (clock.epoch_ms(at) / 1_000).to_string();
            let computed = [
                ("QueueArn", queue.arn.clone()),
                ("CreatedTimestamp", seconds(queue.created)),
                ("LastModifiedTimestamp", seconds(queue.modified)),
                ("ApproximateNumberOfMessages", stats.visible.to_string()),
                (
                    "ApproximateNumberOfMessagesNotVisible",
                    stats.in_flight.to_string(),
                ),
                (
                    "ApproximateNumberOfMessagesDelayed",
                    stats.delayed.to_string(),
                ),
            ];
            attributes.extend(computed.map(|(name, value)| (name.to_owned(), value)));
            Ok(attributes)
        })?;
        attributes.retain(|name, _| asked_for(&request.attribute_names, name));
        Ok(json!({ "Attributes": attributes }))
    }

    fn send_one(&self, queue: &str, outgoing: Outgoing) -> Result<Value, SqsError> {
        let mut answer = digests(&outgoing);
        let fifo = self.is_fifo(queue)?;
        let sent = self.send_message(queue, outgoing)?;
        answer.extend(identity(&sent, fifo));
        Ok(Value::Object(answer))
    }

    pub(super) fn is_fifo(&self, queue: &str) -> Result<bool, SqsError> {
        self.with(queue, |queue, _| Ok(queue.attributes.fifo))
    }

    async fn receive_messages(
        &self,
        queue: &str,
        request: ReceiveMessageRequest,
        sender: &str,
    ) -> Result<Value, SqsError> {
        let max = request.max_number_of_messages.unwrap_or(1);
        in_range(max as u64, 1..=10, "MaxNumberOfMessages")?;
        if let Some(wait) = request.wait_time_seconds {
            in_range(wait, 0..=20, "WaitTimeSeconds")?;
        }
        if let Some(visibility) = request.visibility_timeout {
            in_range(visibility, 0..=43_200, "VisibilityTimeout")?;
        }
        let wanted = ReceiveRequest {
            max,
            visibility: request.visibility_timeout.map(Duration::from_secs),
            wait: request.wait_time_seconds.map(Duration::from_secs),
        };
        let received = self.receive(queue, &wanted).await?;
        if received.is_empty() {
            return Ok(json!({}));
        }
        let mut system_names = request.attribute_names;
        system_names.extend(request.message_system_attribute_names);
        let fifo = self.is_fifo(queue)?;
        let messages: Vec<_> = received
            .into_iter()
            .map(|received| {
                let mut attributes = received
                    .message
                    .system_attributes(&self.clock, sender, fifo);
                attributes.retain(|name, _| asked_for(&system_names, name));
                message_json(received, &attributes, &request.message_attribute_names)
            })
            .collect();
        Ok(json!({ "Messages": messages }))
    }

    fn delete_one(&self, queue: &str, request: &ReceiptRequest) -> Result<(), SqsError> {
        let handle = request.handle()?;
        self.change(queue, |queue, now| queue.delete(handle, now))
    }

    fn change_visibility_of_one(
        &self,
        queue: &str,
        request: &ReceiptRequest,
    ) -> Result<(), SqsError> {
        let handle = request.handle()?;
        let timeout = request
            .visibility_timeout
            .ok_or(SqsError::MissingParameter("VisibilityTimeout"))?;
        in_range(timeout, 0..=43_200, "VisibilityTimeout")?;
        self.change(queue, |queue, now| {
            queue.change_visibility(handle, Duration::from_secs(timeout), now)
        })
    }
}

impl ReceiptRequest {
    fn handle(&self) -> Result<&str, SqsError> {
        self.receipt_handle
            .as_deref()
            .ok_or(SqsError::MissingParameter("ReceiptHandle"))
    }
}

/// The digests that an answer to a send carries, and that clients verify.
pub(super) fn digests(outgoing: &Outgoing) -> Map<String, Value> {
    let mut digests = Map::new();
    digests.insert("MD5OfMessageBody".into(), json!(body_md5(&outgoing.body)));
    if let Some(digest) = attributes_md5(&outgoing.attributes) {
        digests.insert("MD5OfMessageAttributes".into(), json!(digest));
    }
    digests
}

/// How an answer to a send names the message.
pub(super) fn identity(sent: &Sent, fifo: bool) -> Map<String, Value> {
    let mut identity = Map::new();
    identity.insert("MessageId".into(), json!(sent.id));
    if fifo {
        identity.insert(
            "SequenceNumber".into(),
            json!(sequence_number(sent.sequence)),
        );
    }
    identity
}

fn message_json(
    received: Received,
    system_attributes: &BTreeMap<&'static str, String>,
    attribute_names: &[String],
) -> Value {
    let Received {
        message,
        receipt_handle,
    } = received;
    let mut attributes = message.outgoing.attributes;
    attributes.retain(|name, _| asked_for(attribute_names, name));
    let mut json = Map::new();
    json.insert("MessageId".into(), json!(message.id));
    json.insert("ReceiptHandle".into(), json!(receipt_handle));
    json.insert("MD5OfBody".into(), json!(body_md5(&message.outgoing.body)));
    json.insert("Body".into(), json!(message.outgoing.body));
    if !system_attributes.is_empty() {
        json.insert("Attributes".into(), json!(system_attributes));
    }
    if let Some(digest) = attributes_md5(&attributes) {
        json.insert("MD5OfMessageAttributes".into(), json!(digest));
        json.insert("MessageAttributes".into(), json!(attributes));
    }
    Value::Object(json)
}

pub(super) fn parse<T: DeserializeOwned>(body: Value) -> Result<T, SqsError> {
    serde_json::from_value(body).map_err(|error| SqsError::Malformed(error.to_string()))
}

fn in_range(
    value: u64,
    range: std::ops::RangeInclusive<u64>,
    parameter: &'static str,
) -> Result<(), SqsError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(SqsError::InvalidParameterValue {
        value: value.to_string(),
        parameter,
        reason: format!(
            "Must be between {} and {}, if provided.",
            range.start(),
            range.end()
        ),
    })
}
