//! Tags: where in Devo an event goes.
//!
//! `{table}.{account}.{region}.{format_version}[.{environment}]`. A table may hold the placeholder `{event_type}`.
//! Compiled once per puller as a [`TagTemplate`]; looked up once per event in a [`TagCache`].

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::EventType;

/// Devo accepts at most this many characters in a tag.
pub const MAX_TAG_CHARS: usize = 1024;

/// The most of an event's own text that one placeholder takes; AWS's names are far below it.
///
/// It keeps a hostile event from pushing the rest of its tag over [`MAX_TAG_CHARS`], and from growing the cache.
const MAX_FIELD_BYTES: usize = 128;

const EVENT_TYPE: &str = "{event_type}";
const UNKNOWN: &str = "unknown";

/// A tag as it goes on the wire: dot-separated components of `[A-Za-z0-9_-]`, at most [`MAX_TAG_CHARS`]. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// The text of the tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What of one event (or of its session) goes into its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TagFields<'a> {
    /// The service the event is about.
    pub event_type: EventType<'a>,
    /// The twelve-digit AWS account id; empty if not known.
    pub account: &'a str,
    /// The AWS region's code; empty if not known.
    pub region: &'a str,
}

impl TagFields<'_> {
    fn shortened(self) -> Self {
        Self {
            event_type: EventType::fixed(shorten(self.event_type.as_found())),
            account: shorten(self.account),
            region: shorten(self.region),
        }
    }
}

/// What follows the table in a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSuffix {
    /// The version of the event's format, `1` for all tables today.
    pub format_version: String,
    /// The input's `environment`; left out when unset.
    pub environment: Option<String>,
}

/// Why a table cannot make tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagTemplateError {
    /// Nothing, or nothing between two dots.
    #[error("the tag {table:?} has an empty component; remove the extra dot or name the component")]
    EmptyComponent {
        /// The table as configured.
        table: String,
    },
    /// A brace that does not belong to `{event_type}`.
    #[error("the tag {table:?} has a placeholder other than {{event_type}}, the only one there is")]
    UnknownPlaceholder {
        /// The table as configured.
        table: String,
    },
    /// Events could push the tag over what Devo accepts.
    #[error(
        "the tag {table:?} can grow to {longest} characters with its suffix; Devo accepts {MAX_TAG_CHARS}"
    )]
    TooLong {
        /// The table as configured.
        table: String,
        /// The length the longest possible fields would give.
        longest: usize,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    EventType,
    Account,
    Region,
}

/// A table and its suffix, compiled: every tag it renders is legal, however strange the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate {
    parts: Vec<Part>,
}

impl TagTemplate {
    /// Compiles `table`, such as `cloud.aws.cloudtrail.{event_type}`.
    ///
    /// Without a `suffix` (as for `sig.cisco.umbrella.*`) the tag is the table alone.
    ///
    /// # Errors
    ///
    /// [`TagTemplateError`] for an empty component, an unknown placeholder, or a table that could grow too long.
    pub fn new(table: &str, suffix: Option<&TagSuffix>) -> Result<Self, TagTemplateError> {
        if table.split('.').any(str::is_empty) {
            let table = table.to_owned();
            return Err(TagTemplateError::EmptyComponent { table });
        }
        let mut parts = Vec::new();
        for (i, literal) in table.split(EVENT_TYPE).enumerate() {
            if literal.contains(['{', '}']) {
                let table = table.to_owned();
                return Err(TagTemplateError::UnknownPlaceholder { table });
            }
            if i > 0 {
                parts.push(Part::EventType);
            }
            parts.push(Part::Literal(sanitise_table(literal)));
        }
        if let Some(suffix) = suffix {
            let mut last = String::from(".");
            push_component(&mut last, suffix.format_version.chars());
            if let Some(environment) = &suffix.environment {
                last.push('.');
                push_component(&mut last, environment.chars());
            }
            let dot = || Part::Literal(".".to_owned());
            parts.extend([
                dot(),
                Part::Account,
                dot(),
                Part::Region,
                Part::Literal(last),
            ]);
        }
        let longest = parts.iter().map(Part::longest).sum();
        if longest > MAX_TAG_CHARS {
            let table = table.to_owned();
            return Err(TagTemplateError::TooLong { table, longest });
        }
        Ok(Self { parts })
    }

    /// The tag of an event with these `fields`. Allocates; per event, use a [`TagCache`].
    #[must_use]
    pub fn render(&self, fields: TagFields<'_>) -> Tag {
        let fields = fields.shortened();
        let mut tag = String::with_capacity(96);
        for part in &self.parts {
            match part {
                Part::Literal(text) => tag.push_str(text),
                Part::EventType => push_component(&mut tag, fields.event_type.normalised()),
                Part::Account => push_component(&mut tag, fields.account.chars()),
                Part::Region => push_component(&mut tag, fields.region.chars()),
            }
        }
        Tag(tag.into())
    }
}

impl Part {
    fn longest(&self) -> usize {
        match self {
            Part::Literal(text) => text.len(),
            Part::EventType | Part::Account | Part::Region => MAX_FIELD_BYTES,
        }
    }
}

fn sanitise_table(literal: &str) -> String {
    literal
        .chars()
        .map(|c| if c == '.' { c } else { sanitise(c) })
        .collect()
}

fn sanitise(c: char) -> char {
    // A dot inside a component would shift the table.
    if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
        c
    } else {
        '_'
    }
}

fn push_component(tag: &mut String, chars: impl Iterator<Item = char>) {
    let start = tag.len();
    tag.extend(chars.map(sanitise));
    if tag.len() == start {
        tag.push_str(UNKNOWN);
    }
}

fn shorten(field: &str) -> &str {
    &field[..field.floor_char_boundary(MAX_FIELD_BYTES)]
}

/// Tags already rendered, so that an event's tag costs a hash and a comparison.
///
/// Direct-mapped: each set of fields has one slot, and a newcomer takes it over. The memory is therefore fixed, even for
/// an object that names a million services; such an object pays with rendering, not with anyone's memory.
#[derive(Debug)]
pub struct TagCache {
    template: Arc<TagTemplate>,
    hasher: RandomState,
    slots: Box<[Option<Slot>]>,
}

#[derive(Debug, Clone)]
struct Slot {
    event_type: Box<str>,
    account: Box<str>,
    region: Box<str>,
    tag: Tag,
}

impl Slot {
    fn holds(&self, fields: TagFields<'_>) -> bool {
        *self.event_type == *fields.event_type.as_found()
            && *self.account == *fields.account
            && *self.region == *fields.region
    }
}

impl TagCache {
    /// A power of two, roomy for the services and regions of an organisation's busy accounts.
    const SLOTS: usize = 1024;

    /// An empty cache of `template`'s tags. Each parser has its own, so there is no lock.
    #[must_use]
    pub fn new(template: Arc<TagTemplate>) -> Self {
        Self {
            template,
            hasher: RandomState::new(),
            slots: vec![None; Self::SLOTS].into_boxed_slice(),
        }
    }

    /// The tag of an event with these `fields`; allocates only if it is not in the cache.
    pub fn tag(&mut self, fields: TagFields<'_>) -> &Tag {
        let fields = fields.shortened();
        let hash = self.hasher.hash_one(fields);
        // The mask comes first, so the cast loses nothing.
        let index = (hash & (Self::SLOTS as u64 - 1)) as usize;
        let slot = &mut self.slots[index];
        if !slot.as_ref().is_some_and(|slot| slot.holds(fields)) {
            *slot = None;
        }
        &slot
            .get_or_insert_with(|| Slot {
                event_type: fields.event_type.as_found().into(),
                account: fields.account.into(),
                region: fields.region.into(),
                tag: self.template.render(fields),
            })
            .tag
    }
}

#[cfg(test)]
mod tests;
