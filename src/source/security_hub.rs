//! `sqs-cloudwatch-consumer`: Security Hub's findings by way of EventBridge, one event a finding.
//!
//! Each event is the message's own bytes with one element left in `detail.findings`: so the finding keeps its envelope's account,
//! region and time, and a message with one finding, which is what Security Hub sends today, goes as it is.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::service_events::{Envelope, EventTags};
use crate::event::EventTime;
use crate::source::object::members::Members;
use crate::source::sqs::inline::{Cut, MessageFormat};

/// The table (Devo's list of AWS tables).
pub(super) const TABLE: &str = "cloud.aws.securityhub.findings";

/// Security Hub's findings.
#[derive(Debug)]
pub(super) struct SecurityHub {
    pub(super) tags: EventTags,
}

/// The way to the findings; everything else is passed over.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow)]
    findings: Option<&'a RawValue>,
}

impl MessageFormat for SecurityHub {
    fn cut(&self, body: &str, account: &str, event: &mut dyn FnMut(Cut<'_>)) -> Result<(), String> {
        let envelope = Envelope::of(body)?;
        let tag = envelope.tag(&self.tags, account);
        let mut send = |object: &str, time: Option<EventTime>| {
            event(Cut {
                tag: tag.clone(),
                time: time.or_else(|| envelope.time()),
                event_type: envelope.event_type(),
                object,
            });
        };
        let Some((findings, elements)) = findings(body) else {
            // Insight results, and whatever else comes without findings, is one event.
            send(body, None);
            return Ok(());
        };
        let (before, after) = around(body, findings);
        let mut object = String::with_capacity(body.len());
        for element in elements {
            object.clear();
            for part in [before, "[", element.get(), "]", after] {
                object.push_str(part);
            }
            send(&object, updated_at(element.get()));
        }
        Ok(())
    }
}

/// The array of findings, as it stands in `body`, and its elements; `None` if there is no such array.
fn findings(body: &str) -> Option<(&str, Vec<&RawValue>)> {
    let message: Message<'_> = serde_json::from_str(body).ok()?;
    let detail: Detail<'_> = serde_json::from_str(message.detail?.get()).ok()?;
    let findings = detail.findings?.get();
    let elements = serde_json::from_str(findings).ok()?;
    Some((findings, elements))
}

/// What stands before and after `part`, which is a slice of `whole`.
fn around<'a>(whole: &'a str, part: &str) -> (&'a str, &'a str) {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    let before = whole.get(..start);
    let after = whole.get(start.wrapping_add(part.len())..);
    (before.unwrap_or_default(), after.unwrap_or_default())
}

/// When the finding was last updated (AWS Security Finding Format, `UpdatedAt`).
fn updated_at(finding: &str) -> Option<EventTime> {
    let members = Members::of(finding, &["UpdatedAt"]).ok()?;
    members.get(0).and_then(EventTime::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{TagCache, TagTemplate};
    use std::sync::Arc;

    fn cut(body: &str) -> Vec<(String, Option<EventTime>)> {
        let template = TagTemplate::new(TABLE, None).unwrap();
        let cache = TagCache::new(Arc::new(template));
        let format = SecurityHub {
            tags: EventTags::new(cache, "us-east-2", false),
        };
        let mut events = Vec::new();
        format
            .cut(body, "1", &mut |cut| {
                events.push((cut.object.to_owned(), cut.time));
            })
            .unwrap();
        events
    }

    #[test]
    fn a_message_with_one_finding_goes_as_it_is() {
        let body = r#"{"account":"1", "detail":{ "findings":[{"Id":"a","n":1.10}], "x":1 } }"#;
        let events = cut(body);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].0, body);
    }

    #[test]
    fn several_findings_are_as_many_events_each_in_its_envelope() {
        let body = r#"{"time":"2023-07-10T11:42:36Z","detail":{"findings":[{"Id":"a","UpdatedAt":"2023-07-10T12:00:00.5Z"} , {"Id":"b"}]}}"#;
        let events = cut(body);
        let objects: Vec<&str> = events.iter().map(|(object, _)| object.as_str()).collect();
        assert_eq!(
            objects,
            [
                r#"{"time":"2023-07-10T11:42:36Z","detail":{"findings":[{"Id":"a","UpdatedAt":"2023-07-10T12:00:00.5Z"}]}}"#,
                r#"{"time":"2023-07-10T11:42:36Z","detail":{"findings":[{"Id":"b"}]}}"#,
            ]
        );
        assert_eq!(events[0].1, EventTime::parse("2023-07-10T12:00:00.5Z"));
        assert_eq!(events[1].1, EventTime::parse("2023-07-10T11:42:36Z"));
    }

    #[test]
    fn without_findings_it_is_one_event() {
        let body = r#"{"detail":{"insightResults":[{"a":1},{"b":2}]}}"#;
        assert_eq!(cut(body)[0].0, body);
        let decoy = r#"{"findings":[1,2],"detail":{"x":{"findings":[3]}}}"#;
        assert_eq!(cut(decoy).len(), 1);
    }
}
