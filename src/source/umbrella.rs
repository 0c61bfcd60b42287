//! `cisco-umbrella`: the CSV logs that Cisco Umbrella exports to S3, one event a row, as it is.
//!
//! Devo's tables parse the CSV, so columns need not be known, and every version of Cisco's schema passes. Which table a
//! row belongs to, the folder in the object's key tells. Quoted fields may contain commas, quotes and line feeds.
//!
//! A header row (an option of the export since version 11) is no event. It must say that it is one: it is the object's
//! first row, neither of its first two fields is a time, and one of them is called so. Any other row is sent.

use crate::event::tag::{TagFields, TagTemplateError};
use crate::event::{EventTime, EventType, Tag, TagTemplate};
use crate::source::object::lines::{LineSplitter, utc};
use crate::source::object::records::BytesWindow;
use crate::source::object::{Body, Extracted, Extractor, Format};
use crate::source::sqs::notification::ObjectRef;

/// The module, as the operator knows it.
pub(super) const MODULE: &str = "AwsSqsS3CiscoUmbrellaPuller";

/// The folders that have a table (Umbrella's "log formats and versioning"; Devo's list of tables).
const TABLES: [(&str, &str); 3] = [
    ("dnslogs", "sig.cisco.umbrella.dns"),
    ("iplogs", "sig.cisco.umbrella.ip"),
    ("proxylogs", "sig.cisco.umbrella.proxy"),
];
/// The table of all others, those of firewall, audit and intrusion logs among them.
const OTHER_TABLE: &str = "sig.cisco.umbrella.unknown";

/// How many columns in front can be the time: audit logs have an id before it, all others have it first.
const TIME_COLUMNS: usize = 2;

/// What header rows call the time; in Umbrella's words and, lower case, in those of Secure Access, its successor.
const TIME_NAMES: [&str; 3] = ["timestamp", "time", "date"];

/// How Umbrella's logs are read.
#[derive(Clone)]
pub(super) struct UmbrellaFiles {
    /// The folders that have a tag of their own.
    tags: Vec<(&'static str, Tag)>,
    other: Tag,
    max_event_bytes: usize,
}

impl UmbrellaFiles {
    /// Into `table` whatever the log, if it is given; a row longer than `max_event_bytes` is cut.
    ///
    /// # Errors
    /// `table` does not make a tag.
    pub(super) fn new(
        table: Option<&str>,
        max_event_bytes: usize,
    ) -> Result<Self, TagTemplateError> {
        let tag = |own| {
            // These tables take no account and no region.
            let template = TagTemplate::new(table.unwrap_or(own), None)?;
            Ok(template.render(TagFields {
                event_type: EventType::UNKNOWN,
                account: "",
                region: "",
            }))
        };
        let tags = TABLES.map(|(folder, own)| Ok((folder, tag(own)?)));
        Ok(Self {
            tags: tags.into_iter().collect::<Result<_, _>>()?,
            other: tag(OTHER_TABLE)?,
            max_event_bytes,
        })
    }

    fn tag(&self, key: &str) -> &Tag {
        let (folders, _file) = key.rsplit_once('/').unwrap_or_default();
        let own = folders
            .split('/')
            .find_map(|folder| self.tags.iter().find(|(name, _)| *name == folder));
        own.map_or(&self.other, |(_, tag)| tag)
    }
}

impl Format for UmbrellaFiles {
    fn wants(&self, _key: &str) -> bool {
        true
    }

    fn extractor(&self, _account: &str) -> Box<dyn Extractor> {
        Box::new(UmbrellaExtractor {
            lines: LineSplitter::csv(self.max_event_bytes),
            is_first: true,
            tag: self.other.clone(),
            files: self.clone(),
        })
    }
}

struct UmbrellaExtractor {
    files: UmbrellaFiles,
    lines: LineSplitter,
    /// Whether no row has come yet.
    is_first: bool,
    /// That of the present object.
    tag: Tag,
}

/// The fields of a row that can be its time, without their quotes. What follows a comma inside quotes is no field, but
/// no time either.
fn time_fields(row: &str) -> impl Iterator<Item = &str> {
    row.split(',')
        .take(TIME_COLUMNS)
        .map(|field| field.trim_matches([' ', '"']))
}

fn time(row: &str) -> Option<EventTime> {
    time_fields(row).find_map(|field| {
        let (date, time) = field.split_once(' ')?;
        utc(date, time)
    })
}

fn is_header(row: &str) -> bool {
    let names_time = |field: &str| {
        TIME_NAMES
            .iter()
            .any(|name| field.eq_ignore_ascii_case(name))
    };
    time(row).is_none() && time_fields(row).any(names_time)
}

impl Extractor for UmbrellaExtractor {
    fn begin(&mut self, object: &ObjectRef) {
        self.lines = LineSplitter::csv(self.files.max_event_bytes);
        self.is_first = true;
        self.tag = self.files.tag(&object.key).clone();
    }

    fn window(&mut self) -> &mut BytesWindow {
        self.lines.window()
    }

    fn end(&mut self) {
        self.lines.end();
    }

    fn next(&mut self) -> Result<Option<Extracted<'_>>, String> {
        while self.lines.advance() {
            let is_first = std::mem::take(&mut self.is_first);
            if is_first && is_header(self.lines.line().text) {
                continue;
            }
            let line = self.lines.line();
            return Ok(Some(Extracted::Event {
                tag: &self.tag,
                time: time(line.text),
                body: Body::Line(line.marked),
            }));
        }
        Ok(None)
    }

    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn take_cut_records(&mut self) -> u64 {
        self.lines.take_cut_lines()
    }
}

#[cfg(test)]
mod tests;
