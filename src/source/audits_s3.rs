//! `audit-events-all`, type `audits_s3`: CloudTrail's files, `{"Records":[…]}` with one event a record.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use crate::event::tag::TagFields;
use crate::event::{EventTime, EventType, TagCache, TagTemplate, text};
use crate::source::object::members::Members;
use crate::source::object::records::{BytesWindow, RecordSplitter};
use crate::source::object::{Body, Extracted, Extractor, Format};
use crate::source::sqs::notification::ObjectRef;

/// The module, as the operator knows it.
pub(super) const MODULE: &str = "AwsSqsS3CloudTrailPuller";

/// The tables (Devo's list of AWS tables).
pub(super) const TABLE: &str = "cloud.aws.cloudtrail.events";
/// With the event's type as the last component.
pub(super) const TABLE_BY_TYPE: &str = "cloud.aws.cloudtrail.{event_type}";

/// Digest files prove that no file was changed; there are no events in them (CloudTrail user guide, "log file integrity").
const DIGEST_PATH: &str = "/CloudTrail-Digest/";

/// The member that holds the events (CloudTrail user guide, "log file examples").
const RECORDS: &str = "Records";

/// How CloudTrail's files are read.
#[derive(Clone, Debug)]
pub(super) struct CloudTrailFiles {
    /// Where the events go.
    pub(super) tags: Arc<TagTemplate>,
    /// The region that is pulled from, for the tag.
    pub(super) region: String,
    /// Whether the tag has the event's account and region instead.
    pub(super) by_event: bool,
    /// `eventName`s that are not sent.
    pub(super) drop_event_names: Arc<HashSet<String>>,
    /// A record that is longer is a fault of its object.
    pub(super) max_event_bytes: usize,
}

impl Format for CloudTrailFiles {
    fn wants(&self, key: &str) -> bool {
        !key.contains(DIGEST_PATH)
    }

    fn extractor(&self, account: &str) -> Box<dyn Extractor> {
        Box::new(CloudTrailExtractor {
            splitter: RecordSplitter::new(RECORDS, self.max_event_bytes),
            tags: TagCache::new(Arc::clone(&self.tags)),
            repaired: String::new(),
            account: account.to_owned(),
            files: self.clone(),
        })
    }
}

struct CloudTrailExtractor {
    files: CloudTrailFiles,
    splitter: RecordSplitter,
    tags: TagCache,
    /// The session's account.
    account: String,
    /// A record that was not UTF-8, made so.
    repaired: String,
}

impl Extractor for CloudTrailExtractor {
    fn begin(&mut self, _object: &ObjectRef) {
        self.splitter = RecordSplitter::new(RECORDS, self.files.max_event_bytes);
    }

    fn window(&mut self) -> &mut BytesWindow {
        self.splitter.window()
    }

    fn next(&mut self) -> Result<Option<Extracted<'_>>, String> {
        let index = self.splitter.records();
        let record = self.splitter.next_record();
        let Some(bytes) = record.map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let record = match text::decode(bytes) {
            Cow::Borrowed(record) => record,
            Cow::Owned(repaired) => {
                self.repaired = repaired;
                &self.repaired
            }
        };
        let [source, name, time, region, account, category, kind] = Members::of(
            record,
            &[
                "eventSource",
                "eventName",
                "eventTime",
                "awsRegion",
                "recipientAccountId",
                "eventCategory",
                "eventType",
            ],
        )
        .map_err(|error| format!("record {index}: {error}"))?
        .into_array();
        if name.is_some_and(|name| self.files.drop_event_names.contains(&*name)) {
            return Ok(Some(Extracted::Dropped));
        }
        let fields = TagFields {
            event_type: EventType::of_cloud_trail(
                source.as_deref(),
                category.as_deref(),
                kind.as_deref(),
            ),
            account: if self.files.by_event {
                account.as_deref().unwrap_or_default()
            } else {
                &self.account
            },
            region: if self.files.by_event {
                region.as_deref().unwrap_or_default()
            } else {
                &self.files.region
            },
        };
        Ok(Some(Extracted::Event {
            tag: self.tags.tag(fields),
            time: time.as_deref().and_then(EventTime::parse),
            body: Body::Object(record),
        }))
    }

    fn finish(&mut self) -> Result<(), String> {
        self.splitter.finish().map_err(|error| error.to_string())
    }
}
