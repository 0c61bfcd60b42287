//! `service-events-all`: whatever EventBridge puts into a queue, one event a message.

use std::sync::{Mutex, PoisonError};

use crate::event::tag::TagFields;
use crate::event::{EventTime, EventType, Tag, TagCache};
use crate::source::object::members::Members;
use crate::source::sqs::inline::{Cut, MessageFormat};

/// The module, as the operator knows it. Security Hub's events have the same.
pub(super) const MODULE: &str = "AwsCloudwatchEventsPuller";

/// The tables (Devo's list of AWS tables).
pub(super) const TABLE: &str = "cloud.aws.cloudwatch.events";
/// With the event's type as the last component.
pub(super) const TABLE_BY_TYPE: &str = "cloud.aws.cloudwatch.{event_type}";

/// The members of every event that matter here (EventBridge user guide, "AWS service event metadata").
const MEMBERS: [&str; 4] = ["source", "account", "region", "time"];

/// How events become tags: by the session's account and region, or by their own.
#[derive(Debug)]
pub(super) struct EventTags {
    /// Handlers run at the same time; a tag is looked up in a few nanoseconds.
    cache: Mutex<TagCache>,
    region: String,
    by_event: bool,
}

impl EventTags {
    pub(super) fn new(cache: TagCache, region: &str, by_event: bool) -> Self {
        Self {
            cache: Mutex::new(cache),
            region: region.to_owned(),
            by_event,
        }
    }

    fn tag(&self, fields: TagFields<'_>) -> Tag {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.tag(fields).clone()
    }
}

/// What the envelope of an event says.
pub(super) struct Envelope<'a> {
    members: Members<'a, 4>,
}

impl<'a> Envelope<'a> {
    pub(super) fn of(body: &'a str) -> Result<Self, String> {
        let members = Members::of(body, &MEMBERS).map_err(|error| error.to_string())?;
        Ok(Self { members })
    }

    pub(super) fn event_type(&self) -> EventType<'_> {
        EventType::of_event_bridge(self.members.get(0))
    }

    pub(super) fn time(&self) -> Option<EventTime> {
        self.members.get(3).and_then(EventTime::parse)
    }

    pub(super) fn tag(&self, tags: &EventTags, account: &str) -> Tag {
        let own = |index| self.members.get(index).unwrap_or_default();
        tags.tag(TagFields {
            event_type: self.event_type(),
            account: if tags.by_event { own(1) } else { account },
            region: if tags.by_event { own(2) } else { &tags.region },
        })
    }
}

/// EventBridge's events as they are.
#[derive(Debug)]
pub(super) struct ServiceEvents {
    pub(super) tags: EventTags,
}

impl MessageFormat for ServiceEvents {
    fn cut(&self, body: &str, account: &str, event: &mut dyn FnMut(Cut<'_>)) -> Result<(), String> {
        let envelope = Envelope::of(body)?;
        event(Cut {
            tag: envelope.tag(&self.tags, account),
            time: envelope.time(),
            event_type: envelope.event_type(),
            object: body,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TagTemplate;
    use crate::event::tag::TagSuffix;
    use std::sync::Arc;

    fn tag_of(body: &str, by_event: bool) -> String {
        let suffix = TagSuffix {
            format_version: "1".to_owned(),
            environment: None,
        };
        let template = TagTemplate::new(TABLE_BY_TYPE, Some(&suffix)).unwrap();
        let cache = TagCache::new(Arc::new(template));
        let format = ServiceEvents {
            tags: EventTags::new(cache, "us-east-2", by_event),
        };
        let mut tag = String::new();
        let cut = format.cut(body, "111122223333", &mut |cut| tag = cut.tag.to_string());
        cut.unwrap();
        tag
    }

    #[test]
    fn the_tag_is_by_the_events_source() {
        for (source, name) in [
            ("aws.ec2", "ec2"),
            ("aws.network-firewall", "network_firewall"),
            ("aws.partner/example.com/x", "partner_example_com_x"),
            ("My App", "my_app"),
        ] {
            let body = format!(r#"{{"source":"{source}","detail":{{"source":"decoy"}}}}"#);
            let expected = format!("cloud.aws.cloudwatch.{name}.111122223333.us-east-2.1");
            assert_eq!(tag_of(&body, false), expected);
        }
        assert_eq!(
            tag_of("{}", false),
            "cloud.aws.cloudwatch.unknown.111122223333.us-east-2.1"
        );
    }

    #[test]
    fn account_and_region_can_be_the_events_own() {
        let body = r#"{"source":"aws.s3","account":"999988887777","region":"eu-west-1"}"#;
        assert_eq!(
            tag_of(body, true),
            "cloud.aws.cloudwatch.s3.999988887777.eu-west-1.1"
        );
    }
}
