//! Bucket notifications: the configuration, its filters, and the messages S3 sends.

use roxmltree::{Document, Node};
use serde_json::{Value, json};

use super::error::S3Error;
use crate::{ids, xml::Writer};

/// XML namespace of S3 documents.
pub(super) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The configuration of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The queues that are told.
    pub queues: Vec<QueueConfiguration>,
}

/// A queue that is told about some objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfiguration {
    /// Names this entry in every message.
    pub id: String,
    /// The queue.
    pub queue_arn: String,
    /// Event types, for example `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// Only keys that start with this.
    pub prefix: String,
    /// Only keys that end with this.
    pub suffix: String,
}

impl QueueConfiguration {
    /// Tells the queue of every object created.
    pub fn object_created(queue_arn: impl Into<String>) -> Self {
        Self {
            id: ids::random_uuid(),
            queue_arn: queue_arn.into(),
            events: vec!["s3:ObjectCreated:*".to_owned()],
            prefix: String::new(),
            suffix: String::new(),
        }
    }

    /// `event` is written without `s3:`, as in messages: `ObjectCreated:Put`.
    fn wants(&self, event: &str, key: &str) -> bool {
        let matches = |pattern: &String| {
            let pattern = pattern.strip_prefix("s3:").unwrap_or(pattern);
            match pattern.strip_suffix('*') {
                Some(head) => event.starts_with(head),
                None => event == pattern,
            }
        };
        self.events.iter().any(matches)
            && key.starts_with(&self.prefix)
            && key.ends_with(&self.suffix)
    }

    fn parse(node: Node<'_, '_>) -> Result<Self, S3Error> {
        let queue_arn = text(node, "Queue").ok_or(S3Error::MalformedXml)?;
        let events: Vec<_> = children(node, "Event")
            .filter_map(|event| event.text())
            .map(str::to_owned)
            .collect();
        if events.is_empty() {
            return Err(S3Error::MalformedXml);
        }
        if let Some(event) = events.iter().find(|event| !event.starts_with("s3:")) {
            return Err(S3Error::InvalidArgument(format!(
                "The event '{event}' is not supported for notifications"
            )));
        }
        let mut configuration = Self {
            id: text(node, "Id").unwrap_or_else(ids::random_uuid),
            queue_arn,
            events,
            prefix: String::new(),
            suffix: String::new(),
        };
        for rule in node.descendants().filter(|node| is(*node, "FilterRule")) {
            let value = text(rule, "Value").unwrap_or_default();
            match text(rule, "Name")
                .unwrap_or_default()
                .to_lowercase()
                .as_str()
            {
                "prefix" => configuration.prefix = value,
                "suffix" => configuration.suffix = value,
                _ => {
                    let message = "filter rule name must be either prefix or suffix".to_owned();
                    return Err(S3Error::InvalidArgument(message));
                }
            }
        }
        Ok(configuration)
    }
}

impl Configuration {
    /// Reads a `NotificationConfiguration` document.
    pub(super) fn parse(body: &[u8]) -> Result<Self, S3Error> {
        let text = std::str::from_utf8(body).map_err(|_| S3Error::MalformedXml)?;
        let document = Document::parse(text).map_err(|_| S3Error::MalformedXml)?;
        let root = document.root_element();
        if !is(root, "NotificationConfiguration") {
            return Err(S3Error::MalformedXml);
        }
        let mut queues = Vec::new();
        for entry in root.children().filter(Node::is_element) {
            match entry.tag_name().name() {
                "QueueConfiguration" => queues.push(QueueConfiguration::parse(entry)?),
                other => return Err(S3Error::NotImplemented(other.to_owned())),
            }
        }
        Ok(Self { queues })
    }

    /// Writes the document that [`Configuration::parse`] reads.
    pub(super) fn to_xml(&self) -> String {
        let mut xml = Writer::new();
        xml.root("NotificationConfiguration", NAMESPACE, |xml| {
            for queue in &self.queues {
                xml.element("QueueConfiguration", |xml| {
                    xml.text("Id", &queue.id);
                    xml.text("Queue", &queue.queue_arn);
                    for event in &queue.events {
                        xml.text("Event", event);
                    }
                    filter_xml(xml, queue);
                });
            }
        });
        xml.finish()
    }

    /// The entries that want to be told of `event` on `key`.
    pub(super) fn interested<'c>(
        &'c self,
        event: &'c str,
        key: &'c str,
    ) -> impl Iterator<Item = &'c QueueConfiguration> {
        self.queues
            .iter()
            .filter(move |queue| queue.wants(event, key))
    }
}

fn filter_xml(xml: &mut Writer, queue: &QueueConfiguration) {
    let rules = [("Prefix", &queue.prefix), ("Suffix", &queue.suffix)];
    if rules.iter().all(|(_, value)| value.is_empty()) {
        return;
    }
    xml.element("Filter", |xml| {
        xml.element("S3Key", |xml| {
            for (name, value) in rules.iter().filter(|(_, value)| !value.is_empty()) {
                xml.element("FilterRule", |xml| {
                    xml.text("Name", name);
                    xml.text("Value", value);
                });
            }
        });
    });
}

/// What happened to an object.
#[derive(Debug)]
pub(super) struct Event<'e> {
    /// Without `s3:`, for example `ObjectCreated:Put`.
    pub(super) name: &'e str,
    pub(super) region: &'e str,
    pub(super) time: String,
    pub(super) bucket: &'e str,
    pub(super) key: &'e str,
    /// Size and ETag; none for a deletion.
    pub(super) content: Option<(usize, &'e str)>,
    pub(super) sequencer: String,
}

impl Event<'_> {
    /// The message of version 2.1 ("Event message structure", S3 user guide).
    pub(super) fn message(&self, configuration_id: &str) -> String {
        let mut object = json!({
            "key": form_encode(self.key),
            "sequencer": self.sequencer,
        });
        if let Some((size, etag)) = self.content
            && let Some(object) = object.as_object_mut()
        {
            object.insert("size".to_owned(), json!(size));
            object.insert("eTag".to_owned(), json!(etag));
        }
        let record: Value = json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self.region,
            "eventTime": self.time,
            "eventName": self.name,
            "userIdentity": { "principalId": "AWS:AIDAEXAMPLEPRINCIPAL" },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": {
                "x-amz-request-id": ids::upper_alphanumeric(16),
                "x-amz-id-2": ids::random_base64(56),
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration_id,
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": { "principalId": "A3EXAMPLEOWNER" },
                    "arn": format!("arn:aws:s3:::{}", self.bucket),
                },
                "object": object,
            },
        });
        json!({ "Records": [record] }).to_string()
    }
}

/// The message that S3 sends to every queue when a configuration is put.
pub(super) fn test_event(bucket: &str, time: &str) -> String {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": time,
        "Bucket": bucket,
        "RequestId": ids::upper_alphanumeric(16),
        "HostId": ids::random_base64(56),
    })
    .to_string()
}

/// Keys are form-encoded in messages: a space is `+`, slashes stay as they are.
fn form_encode(key: &str) -> String {
    let parts: Vec<String> = key
        .split('/')
        .map(|part| form_urlencoded::byte_serialize(part.as_bytes()).collect())
        .collect();
    parts.join("/")
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| is(*child, name))
}

fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    let child = children(node, name).next()?;
    Some(child.text().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_the_round_trip() {
        let configuration = Configuration {
            queues: vec![QueueConfiguration {
                prefix: "AWSLogs/".into(),
                suffix: ".json.gz".into(),
                ..QueueConfiguration::object_created("arn:aws:sqs:us-east-1:1:q")
            }],
        };
        let xml = configuration.to_xml();
        assert_eq!(Configuration::parse(xml.as_bytes()), Ok(configuration));
    }

    #[test]
    fn filters_and_event_patterns_decide_who_is_told() {
        let mut queue = QueueConfiguration::object_created("arn");
        queue.prefix = "a/".into();
        queue.suffix = ".gz".into();
        assert!(queue.wants("ObjectCreated:Put", "a/1.gz"));
        assert!(!queue.wants("ObjectCreated:Put", "b/1.gz"));
        assert!(!queue.wants("ObjectCreated:Put", "a/1.txt"));
        assert!(!queue.wants("ObjectRemoved:Delete", "a/1.gz"));
    }

    #[test]
    fn other_destinations_and_bad_documents_are_refused() {
        let topic = b"<NotificationConfiguration><TopicConfiguration/></NotificationConfiguration>";
        assert!(matches!(
            Configuration::parse(topic),
            Err(S3Error::NotImplemented(_))
        ));
        for body in ["", "<a/>", "<NotificationConfiguration>"] {
            assert_eq!(
                Configuration::parse(body.as_bytes()),
                Err(S3Error::MalformedXml)
            );
        }
    }

    #[test]
    fn keys_are_form_encoded_with_their_slashes_kept() {
        assert_eq!(
            form_encode("logs/year=2026/a b+c é.gz"),
            "logs/year%3D2026/a+b%2Bc+%C3%A9.gz"
        );
    }
}
