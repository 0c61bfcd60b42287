//! Reads whole objects in tests, as a parser does.

use crate::event::EventTime;
use crate::source::object::{Body, Extracted, Extractor, Format};
use crate::source::sqs::notification::ObjectRef;

/// The session's account.
pub(in crate::source) const ACCOUNT: &str = "999988887777";

/// An event of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Event {
    pub(in crate::source) tag: String,
    pub(in crate::source) time: Option<EventTime>,
    /// Whether it gets a pulling id.
    pub(in crate::source) is_object: bool,
    pub(in crate::source) text: String,
}

/// What came out of an object, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct Outcome {
    pub(in crate::source) events: Vec<Event>,
    pub(in crate::source) end: Result<(), String>,
    pub(in crate::source) cut: u64,
}

impl Outcome {
    pub(in crate::source) fn texts(&self) -> Vec<&str> {
        self.events
            .iter()
            .map(|event| event.text.as_str())
            .collect()
    }
}

/// Reads an object as it comes at once, and byte by byte, which must not differ.
pub(in crate::source) fn read(format: &dyn Format, key: &str, object: &[u8]) -> Outcome {
    read_by(format.extractor(ACCOUNT).as_mut(), key, object)
}

/// The same with an extractor that may have been used before.
pub(in crate::source) fn read_by(
    extractor: &mut dyn Extractor,
    key: &str,
    object: &[u8],
) -> Outcome {
    let at_once = read_in(extractor, key, object, usize::MAX);
    let byte_by_byte = read_in(extractor, key, object, 1);
    assert_eq!(byte_by_byte, at_once);
    at_once
}

fn read_in(extractor: &mut dyn Extractor, key: &str, object: &[u8], chunk: usize) -> Outcome {
    extractor.begin(&ObjectRef {
        bucket: "logs".to_owned(),
        key: key.to_owned(),
        etag: None,
        sequencer: None,
        size: None,
        event_time: None,
        region: None,
    });
    let mut events = Vec::new();
    let end = cut(extractor, object, chunk, &mut events);
    let cut = extractor.take_cut_records();
    Outcome { events, end, cut }
}

fn cut(
    extractor: &mut dyn Extractor,
    mut object: &[u8],
    chunk: usize,
    events: &mut Vec<Event>,
) -> Result<(), String> {
    while !object.is_empty() {
        let room = extractor.window().room();
        assert!(!room.is_empty());
        let len = room.len().min(chunk).min(object.len());
        room[..len].copy_from_slice(&object[..len]);
        extractor.window().commit(len);
        object = &object[len..];
        while let Some(record) = extractor.next()? {
            events.extend(event(&record));
        }
    }
    extractor.end();
    while let Some(record) = extractor.next()? {
        events.extend(event(&record));
    }
    extractor.finish()
}

fn event(record: &Extracted<'_>) -> Option<Event> {
    let Extracted::Event { tag, time, body } = record else {
        return None;
    };
    let (is_object, text) = match body {
        Body::Object(text) => (true, *text),
        Body::Line(text) => (false, *text),
    };
    Some(Event {
        tag: tag.as_str().to_owned(),
        time: *time,
        is_object,
        text: text.to_owned(),
    })
}
