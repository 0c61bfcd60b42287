//! Log files as Parquet, which flow logs and CloudFront's logs can be written as: one event a row.

use std::borrow::Cow;
use std::sync::Arc;

use crate::config::model::RecordFormat;
use crate::event::tag::TagFields;
use crate::event::{EventTime, EventType, TagCache, TagTemplate};
use crate::source::object::lines::Origin;
use crate::source::object::parquet::{ParquetObject, Rows};
use crate::source::object::records::BytesWindow;
use crate::source::object::{Body, Extracted, Extractor, Format};
use crate::source::sqs::notification::ObjectRef;

/// What a service's rows have of their own.
pub(super) struct RowMeaning {
    /// The type of all its events.
    pub(super) event_type: &'static str,
    /// What its folder is called, for the account and region in the key.
    pub(super) folder: &'static str,
    /// What stands between two values of a line.
    pub(super) delimiter: char,
    /// When a row's event happened.
    pub(super) time: fn(&Rows) -> Option<EventTime>,
}

/// How such files are read.
#[derive(Clone)]
pub(super) struct ParquetFiles {
    pub(super) meaning: &'static RowMeaning,
    /// Where the events go.
    pub(super) tags: Arc<TagTemplate>,
    /// The region that is pulled from, for the tag.
    pub(super) region: String,
    /// Whether the tag has the account and region of the object's key instead, or of the row where the key has none.
    pub(super) by_event: bool,
    /// What becomes of a row.
    pub(super) format: RecordFormat,
}

impl Format for ParquetFiles {
    fn wants(&self, _key: &str) -> bool {
        true
    }

    fn extractor(&self, account: &str) -> Box<dyn Extractor> {
        Box::new(ParquetExtractor {
            object: ParquetObject::default(),
            origin: Origin::default(),
            tags: TagCache::new(Arc::clone(&self.tags)),
            account: account.to_owned(),
            line: String::new(),
            files: self.clone(),
        })
    }
}

struct ParquetExtractor {
    files: ParquetFiles,
    object: ParquetObject,
    origin: Origin,
    tags: TagCache,
    /// The session's account.
    account: String,
    /// The present row as a line.
    line: String,
}

impl Extractor for ParquetExtractor {
    fn begin(&mut self, object: &ObjectRef) {
        self.object.begin();
        self.origin = Origin::of(&object.key, self.files.meaning.folder);
    }

    fn window(&mut self) -> &mut BytesWindow {
        self.object.window()
    }

    fn end(&mut self) {
        self.object.end();
    }

    fn next(&mut self) -> Result<Option<Extracted<'_>>, String> {
        let row = self.object.next_row().map_err(|fault| fault.to_string())?;
        let Some((json, rows)) = row else {
            return Ok(None);
        };
        let ParquetFiles {
            meaning,
            region,
            by_event,
            format,
            ..
        } = &self.files;
        let (own_account, own_region);
        let (account, region) = if *by_event {
            own_account = own(&self.origin.account, rows, ["account_id", "account-id"]);
            own_region = own(&self.origin.region, rows, ["region", "aws_region"]);
            (&*own_account, &*own_region)
        } else {
            (self.account.as_str(), region.as_str())
        };
        let tag = self.tags.tag(TagFields {
            event_type: EventType::fixed(meaning.event_type),
            account,
            region,
        });
        let time = (meaning.time)(rows);
        let body = match format {
            RecordFormat::Json => Body::Object(json),
            RecordFormat::Line => {
                self.line.clear();
                for (place, (_, value)) in rows.values().enumerate() {
                    if place > 0 {
                        self.line.push(meaning.delimiter);
                    }
                    self.line.push_str(value.as_deref().unwrap_or("-"));
                }
                Body::Line(&self.line)
            }
        };
        Ok(Some(Extracted::Event { tag, time, body }))
    }

    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// What the key named, or else the row does in one of these columns.
fn own<'a>(named: &'a str, rows: &'a Rows, columns: [&str; 2]) -> Cow<'a, str> {
    if !named.is_empty() {
        return Cow::Borrowed(named);
    }
    let value = columns.into_iter().find_map(|column| rows.value(column));
    value.unwrap_or_default()
}
