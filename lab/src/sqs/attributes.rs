//! Queue attributes: defaults, ranges, and the text form of the API.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::error::SqsError;

/// The most a message may hold: 1 MiB since August 2025, before that 256 KiB.
pub(super) const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// Longest visibility timeout, and longest total time a message stays invisible after one receive: 12 hours.
pub(super) const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 60 * 60);

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedrivePolicy {
    pub(super) dead_letter_target_arn: String,
    #[serde(deserialize_with = "number_or_text")]
    pub(super) max_receive_count: u32,
}

/// `maxReceiveCount` comes as a number or as a string, according to the tool that wrote the policy; AWS takes both.
fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(u32),
        Text(String),
    }
    match Form::deserialize(deserializer)? {
        Form::Number(number) => Ok(number),
        Form::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// The attributes that a client can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) visibility: Duration,
    pub(super) delay: Duration,
    pub(super) wait: Duration,
    pub(super) retention: Duration,
    pub(super) max_message_bytes: usize,
    pub(super) redrive: Option<RedrivePolicy>,
    pub(super) fifo: bool,
    pub(super) content_based_deduplication: bool,
    /// Attributes without effect here (`Policy`, encryption, FIFO throughput): returned as they were set.
    inert: BTreeMap<String, String>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(30),
            delay: Duration::ZERO,
            wait: Duration::ZERO,
            retention: Duration::from_secs(4 * 24 * 60 * 60),
            max_message_bytes: MAX_MESSAGE_BYTES,
            redrive: None,
            fifo: false,
            content_based_deduplication: false,
            inert: BTreeMap::new(),
        }
    }
}

impl Attributes {
    /// The attributes of a new queue.
    pub(super) fn create(name: &str, given: &BTreeMap<String, String>) -> Result<Self, SqsError> {
        let mut attributes = Self {
            fifo: given.get("FifoQueue").is_some_and(|value| value == "true"),
            ..Self::default()
        };
        if attributes.fifo != name.ends_with(".fifo") {
            return Err(SqsError::InvalidParameterValue {
                value: name.to_owned(),
                parameter: "QueueName",
                reason: "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.".to_owned(),
            });
        }
        attributes.set(given)?;
        Ok(attributes)
    }

    /// Changes the given attributes; on an error none is changed.
    pub(super) fn set(&mut self, given: &BTreeMap<String, String>) -> Result<(), SqsError> {
        let mut next = self.clone();
        for (name, value) in given {
            next.set_one(name, value)?;
        }
        *self = next;
        Ok(())
    }

    fn set_one(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        let invalid = || SqsError::InvalidAttributeValue(name.to_owned());
        let number = |low: u64, high: u64| match value.parse::<u64>() {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ => Err(invalid()),
        };
        let flag = || value.parse::<bool>().map_err(|_| invalid());
        match name {
            "VisibilityTimeout" => {
                self.visibility = Duration::from_secs(number(0, MAX_VISIBILITY.as_secs())?);
            }
            "DelaySeconds" => self.delay = Duration::from_secs(number(0, 900)?),
            "ReceiveMessageWaitTimeSeconds" => self.wait = Duration::from_secs(number(0, 20)?),
            "MessageRetentionPeriod" => {
                self.retention = Duration::from_secs(number(60, 1_209_600)?);
            }
            "MaximumMessageSize" => {
                let bytes = number(1_024, MAX_MESSAGE_BYTES as u64)?;
                self.max_message_bytes = usize::try_from(bytes).map_err(|_| invalid())?;
            }
            "RedrivePolicy" if value.is_empty() => self.redrive = None,
            "RedrivePolicy" => {
                let policy: RedrivePolicy = serde_json::from_str(value).map_err(|_| invalid())?;
                if !(1..=1_000).contains(&policy.max_receive_count) {
                    return Err(invalid());
                }
                self.redrive = Some(policy);
            }
            "FifoQueue" if flag()? != self.fifo => return Err(invalid()),
            "FifoQueue" => {}
            "ContentBasedDeduplication" if self.fifo => self.content_based_deduplication = flag()?,
            "Policy"
            | "RedriveAllowPolicy"
            | "KmsMasterKeyId"
            | "KmsDataKeyReusePeriodSeconds"
            | "SqsManagedSseEnabled"
            | "DeduplicationScope"
            | "FifoThroughputLimit" => {
                self.inert.insert(name.to_owned(), value.to_owned());
            }
            _ => return Err(SqsError::InvalidAttributeName(name.to_owned())),
        }
        Ok(())
    }

    /// All attributes in the API's text form.
    pub(super) fn list(&self) -> BTreeMap<String, String> {
        let mut list = self.inert.clone();
        let mut put = |name: &str, value: String| list.insert(name.to_owned(), value);
        put("VisibilityTimeout", self.visibility.as_secs().to_string());
        put("DelaySeconds", self.delay.as_secs().to_string());
        put(
            "ReceiveMessageWaitTimeSeconds",
            self.wait.as_secs().to_string(),
        );
        put(
            "MessageRetentionPeriod",
            self.retention.as_secs().to_string(),
        );
        put("MaximumMessageSize", self.max_message_bytes.to_string());
        if let Some(policy) = &self.redrive
            && let Ok(text) = serde_json::to_string(policy)
        {
            put("RedrivePolicy", text);
        }
        if self.fifo {
            put("FifoQueue", "true".to_owned());
            put(
                "ContentBasedDeduplication",
                self.content_based_deduplication.to_string(),
            );
        }
        list
    }

    /// The first attribute of `given` that differs from the present value: why a queue cannot be created again.
    pub(super) fn conflict(&self, given: &BTreeMap<String, String>) -> Option<String> {
        let mut wanted = self.clone();
        if let Err(SqsError::InvalidAttributeValue(name) | SqsError::InvalidAttributeName(name)) =
            wanted.set(given)
        {
            return Some(name);
        }
        let present = self.list();
        let (name, _) = wanted
            .list()
            .into_iter()
            .find(|(name, value)| present.get(name) != Some(value))?;
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn values_out_of_range_change_nothing() {
        let mut attributes = Attributes::default();
        let given = map(&[("DelaySeconds", "5"), ("VisibilityTimeout", "43201")]);
        assert_eq!(
            attributes.set(&given),
            Err(SqsError::InvalidAttributeValue("VisibilityTimeout".into()))
        );
        assert_eq!(attributes, Attributes::default());
    }

    #[test]
    fn a_redrive_policy_takes_its_count_as_number_or_text() {
        for count in ["3", "\"3\""] {
            let mut attributes = Attributes::default();
            let policy = format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:r:1:dead","maxReceiveCount":{count}}}"#
            );
            attributes
                .set(&map(&[("RedrivePolicy", &policy)]))
                .expect("a valid policy");
            assert_eq!(
                attributes.redrive.map(|policy| policy.max_receive_count),
                Some(3)
            );
        }
    }

    #[test]
    fn creating_again_conflicts_only_on_other_values() {
        let attributes =
            Attributes::create("q", &map(&[("VisibilityTimeout", "5")])).expect("a queue");
        assert_eq!(
            attributes.conflict(&map(&[("VisibilityTimeout", "5")])),
            None
        );
        assert_eq!(attributes.conflict(&map(&[])), None);
        assert_eq!(
            attributes.conflict(&map(&[("VisibilityTimeout", "6")])),
            Some("VisibilityTimeout".into())
        );
    }

    #[test]
    fn the_fifo_suffix_and_flag_go_together() {
        assert!(Attributes::create("q.fifo", &map(&[])).is_err());
        assert!(Attributes::create("q", &map(&[("FifoQueue", "true")])).is_err());
        assert!(Attributes::create("q.fifo", &map(&[("FifoQueue", "true")])).is_ok());
    }
}
