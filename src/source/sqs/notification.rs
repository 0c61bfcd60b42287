//! What a queue's message says: which S3 objects have been created.
//!
//! All forms in which S3, SNS, EventBridge and CloudTrail say so, told apart by their shape. Receiving and deleting
//! messages is the queue's part, fetching the objects `object`'s.

mod excerpt;
mod form;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use excerpt::Excerpt;
pub use form::decode as decode_key;

use crate::event::EventTime;

/// How often SNS may have wrapped a message; topics are not chained deeper in practice.
const MAX_ENVELOPES: usize = 3;

/// What CloudTrail publishes when a topic is set on a trail, in place of a notification.
const CLOUDTRAIL_VALIDATION: &str = "CloudTrail validation message.";

/// The content of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// Sent by S3 or CloudTrail to see whether the destination takes messages: to be deleted, not an error.
    TestEvent,
    /// The objects created. None if the message is about something else that happens to objects, such as their removal;
    /// such a message is done with as it is.
    Objects(Vec<ObjectRef>),
}

/// An S3 object that a notification names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key as the S3 API takes it, decoded where the form of the notification encodes it.
    pub key: String,
    /// The entity tag, without quotes.
    pub etag: Option<String>,
    /// Orders the events of one key; with bucket and key, it identifies the creation.
    pub sequencer: Option<String>,
    /// The size in bytes.
    pub size: Option<u64>,
    /// When the object was created.
    pub event_time: Option<EventTime>,
    /// The AWS region of the bucket.
    pub region: Option<String>,
}

/// Why a message is no notification. It is left for the queue's redrive policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// Not JSON at all.
    #[error("the message is not JSON ({reason}): {excerpt}")]
    NotJson {
        /// The parser's words.
        reason: Excerpt,
        /// The beginning of the message.
        excerpt: Excerpt,
    },
    /// JSON, but of none of the known forms.
    #[error(
        "the message is no notification of S3, EventBridge, SNS or CloudTrail ({reason}): {excerpt}"
    )]
    UnknownShape {
        /// What does not fit.
        reason: Excerpt,
        /// The beginning of the message.
        excerpt: Excerpt,
    },
    /// SNS asks for a subscription to be confirmed.
    #[error(
        "SNS waits for the subscription of this queue to {topic} to be confirmed, and sends nothing until then: call \
         ConfirmSubscription with the message's Token (or open its SubscribeURL), or let the queue's owner subscribe it"
    )]
    SubscriptionConfirmation {
        /// The topic's ARN.
        topic: Excerpt,
    },
    /// The key of an object cannot be decoded.
    #[error("the key of an object in bucket {bucket} is not percent-encoded UTF-8: {key}")]
    BadKey {
        /// The bucket's name.
        bucket: Excerpt,
        /// The key as found.
        key: Excerpt,
    },
}

impl NotificationError {
    fn not_json(reason: &impl ToString, body: &[u8]) -> Self {
        Self::NotJson {
            // The parser quotes what it did not expect, however long.
            reason: Excerpt::of(reason.to_string().as_bytes()),
            excerpt: Excerpt::of(body),
        }
    }

    fn shape(reason: &(impl ToString + ?Sized), text: &str) -> Self {
        Self::UnknownShape {
            reason: Excerpt::of(reason.to_string().as_bytes()),
            excerpt: Excerpt::of(text.as_bytes()),
        }
    }
}

/// Reads the body of a message.
///
/// # Errors
///
/// [`NotificationError`] if it is of no known form, or a subscription waits to be confirmed.
pub fn parse(body: &[u8]) -> Result<Notification, NotificationError> {
    let text =
        std::str::from_utf8(body).map_err(|error| NotificationError::not_json(&error, body))?;
    let mut text = Cow::Borrowed(text.trim_start_matches('\u{feff}'));
    for _ in 0..=MAX_ENVELOPES {
        match Message::read(&text)?.open(&text)? {
            Content::Is(notification) => return Ok(notification),
            Content::Wraps(inner) => text = Cow::Owned(inner),
        }
    }
    let reason = "SNS messages inside one another";
    Err(NotificationError::shape(reason, &text))
}

enum Content {
    Is(Notification),
    Wraps(String),
}

/// The members that tell the forms apart, of all forms.
#[derive(Deserialize)]
struct Message<'a> {
    /// S3 event.
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<&'a RawValue>>,
    /// S3's test event.
    #[serde(borrow, rename = "Event")]
    event: Option<&'a RawValue>,
    /// SNS.
    #[serde(rename = "Type")]
    sns_type: Option<String>,
    #[serde(rename = "Message")]
    sns_message: Option<String>,
    #[serde(rename = "TopicArn")]
    sns_topic: Option<String>,
    /// EventBridge.
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    source: Option<String>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    time: Option<String>,
    region: Option<String>,
    /// CloudTrail.
    #[serde(rename = "s3Bucket")]
    cloudtrail_bucket: Option<String>,
    #[serde(rename = "s3ObjectKey")]
    cloudtrail_keys: Option<Vec<String>>,
}

impl<'a> Message<'a> {
    fn read(text: &'a str) -> Result<Self, NotificationError> {
        // Once for the syntax, once for the shape: they are different errors.
        let json: &RawValue = serde_json::from_str(text)
            .map_err(|error| NotificationError::not_json(&error, text.as_bytes()))?;
        serde_json::from_str(json.get()).map_err(|error| NotificationError::shape(&error, text))
    }

    /// What the message says; `text` is the message, for errors.
    fn open(self, text: &str) -> Result<Content, NotificationError> {
        let is = |objects| Ok(Content::Is(Notification::Objects(objects)));
        if let Some(sns_type) = &self.sns_type {
            return self.open_sns(sns_type, text);
        }
        if self
            .event
            .is_some_and(|event| event.get() == r#""s3:TestEvent""#)
        {
            return Ok(Content::Is(Notification::TestEvent));
        }
        if let Some(records) = &self.records {
            let objects = records.iter().map(|record| object_of_record(record, text));
            return is(objects
                .filter_map(Result::transpose)
                .collect::<Result<_, _>>()?);
        }
        if let (Some(bucket), Some(keys)) = (&self.cloudtrail_bucket, &self.cloudtrail_keys) {
            let object = |key: &String| ObjectRef {
                bucket: bucket.clone(),
                key: key.clone(),
                etag: None,
                sequencer: None,
                size: None,
                event_time: None,
                region: None,
            };
            return is(keys.iter().map(object).collect());
        }
        if self.source.as_deref() == Some("aws.s3") {
            return is(self.object_of_event_bridge(text)?.into_iter().collect());
        }
        Err(NotificationError::shape(
            "no member that one of them has",
            text,
        ))
    }

    fn open_sns(&self, sns_type: &str, text: &str) -> Result<Content, NotificationError> {
        match (sns_type, &self.sns_message) {
            ("Notification", Some(message)) if message.starts_with(CLOUDTRAIL_VALIDATION) => {
                Ok(Content::Is(Notification::TestEvent))
            }
            ("Notification", Some(message)) => Ok(Content::Wraps(message.clone())),
            ("Notification", None) => Err(NotificationError::shape(
                "an SNS message without Message",
                text,
            )),
            ("SubscriptionConfirmation", _) => {
                let topic = self.sns_topic.as_deref().unwrap_or("an unnamed topic");
                let topic = Excerpt::of(topic.as_bytes());
                Err(NotificationError::SubscriptionConfirmation { topic })
            }
            _ => Err(NotificationError::shape(
                "an SNS message of another Type",
                text,
            )),
        }
    }

    /// The object that an EventBridge event of S3 says was created. Its key is not encoded.
    fn object_of_event_bridge(self, text: &str) -> Result<Option<ObjectRef>, NotificationError> {
        match self.detail_type.as_deref() {
            Some("Object Created") => {}
            Some(other) if other.starts_with("Object ") => return Ok(None),
            // Such as "AWS API Call via CloudTrail", which may well be about an object that nobody would fetch.
            _ => {
                return Err(NotificationError::shape(
                    "an EventBridge event of another detail-type",
                    text,
                ));
            }
        }
        let Some(detail) = self.detail else {
            return Err(NotificationError::shape(
                "an EventBridge event without detail",
                text,
            ));
        };
        let detail: Entity = serde_json::from_str(detail.get())
            .map_err(|error| NotificationError::shape(&error, text))?;
        let key = detail.object.key.clone();
        Ok(Some(detail.into_ref(
            key,
            self.time.as_deref(),
            self.region,
        )))
    }
}

/// One element of an S3 event's `Records`: any `eventVersion` 2.x (the members used here never changed).
#[derive(Deserialize)]
struct S3Record {
    #[serde(rename = "eventName")]
    event_name: String,
    #[serde(rename = "eventTime")]
    event_time: Option<String>,
    #[serde(rename = "awsRegion")]
    region: Option<String>,
    s3: Entity,
}

/// Bucket and object, in S3's own events and in EventBridge's.
#[derive(Deserialize)]
struct Entity {
    bucket: BucketEntity,
    object: ObjectEntity,
}

#[derive(Deserialize)]
struct BucketEntity {
    name: String,
}

#[derive(Deserialize)]
struct ObjectEntity {
    key: String,
    #[serde(alias = "eTag")]
    etag: Option<String>,
    sequencer: Option<String>,
    size: Option<u64>,
}

impl Entity {
    fn into_ref(self, key: String, time: Option<&str>, region: Option<String>) -> ObjectRef {
        ObjectRef {
            bucket: self.bucket.name,
            key,
            etag: self
                .object
                .etag
                .map(|etag| etag.trim_matches('"').to_owned()),
            sequencer: self.object.sequencer,
            size: self.object.size,
            event_time: time.and_then(EventTime::parse),
            region,
        }
    }
}

/// The object that a record of an S3 event says was created. Its key is form-encoded.
fn object_of_record(record: &RawValue, text: &str) -> Result<Option<ObjectRef>, NotificationError> {
    let record: S3Record = serde_json::from_str(record.get())
        .map_err(|error| NotificationError::shape(&error, text))?;
    // S3's own messages leave the prefix out, other stores and older versions do not.
    let name = record
        .event_name
        .strip_prefix("s3:")
        .unwrap_or(&record.event_name);
    if !name.starts_with("ObjectCreated:") {
        return Ok(None);
    }
    let Some(key) = form::decode(&record.s3.object.key) else {
        return Err(NotificationError::BadKey {
            bucket: Excerpt::of(record.s3.bucket.name.as_bytes()),
            key: Excerpt::of(record.s3.object.key.as_bytes()),
        });
    };
    Ok(Some(record.s3.into_ref(
        key,
        record.event_time.as_deref(),
        record.region,
    )))
}

#[cfg(test)]
mod tests;
