//! What a service has to say of its objects: which it wants, and what the events in them are.

use super::records::BytesWindow;
use crate::event::{EventTime, Tag};
use crate::source::sqs::notification::ObjectRef;

/// A service's view of objects.
pub trait Format: Send + Sync + 'static {
    /// Whether objects under this key are to be read at all. What is not is counted as discarded and acknowledged.
    fn wants(&self, key: &str) -> bool;

    /// Something that cuts objects into events, one after another; each parser has its own. `account` is the session's.
    fn extractor(&self, account: &str) -> Box<dyn Extractor>;
}

/// Cuts objects into events as their bytes come. The bytes are decompressed; nothing is taken for granted about them.
pub trait Extractor: Send + Sync {
    /// Begins with a new object.
    fn begin(&mut self, object: &ObjectRef);

    /// Where the next bytes of the object are to be written.
    fn window(&mut self) -> &mut BytesWindow;

    /// No more bytes will come: what [`next`](Self::next) held back for want of them it gives from now on.
    fn end(&mut self) {}

    /// The next record, or `None` if it takes more bytes to tell.
    ///
    /// # Errors
    /// The object cannot be read any further; why, in words for the operator.
    fn next(&mut self) -> Result<Option<Extracted<'_>>, String>;

    /// The object is at its end, and all its records have been taken.
    ///
    /// # Errors
    /// It should not be; why, in words for the operator.
    fn finish(&mut self) -> Result<(), String>;

    /// How many records of the object were longer than is allowed and were cut, since the last call.
    fn take_cut_records(&mut self) -> u64 {
        0
    }
}

/// One record of an object.
#[derive(Debug)]
pub enum Extracted<'a> {
    /// The configuration does not want it.
    Dropped,
    /// An event.
    Event {
        /// Where it goes.
        tag: &'a Tag,
        /// Its own time, if it has one.
        time: Option<EventTime>,
        /// What is sent.
        body: Body<'a>,
    },
}

/// An event's text.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// A JSON object, which gets the pulling id as its first member.
    Object(&'a str),
    /// Text of any other form, which goes as it is.
    Line(&'a str),
}

impl Body<'_> {
    /// How many bytes it has, without the pulling id.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        match self {
            Self::Object(text) | Self::Line(text) => text.len(),
        }
    }
}
