//! `non-cloudwatch-logs`, type `cloudfrontlogs`: CloudFront's standard logs (access logs), one event a request.
//!
//! The legacy form is a W3C extended log: lines that begin with `#`, of which `#Fields` names the fields, then rows with
//! tabs between values. Version 2 writes that too, with the fields that its owner chose and maybe another delimiter, or
//! one JSON object a line, which goes as it is. Values are URL-encoded by CloudFront and stay so.
//!
//! Rows before any `#Fields` are recognised if they have just the fields of the legacy form; others cannot be named,
//! which is a fault of the object, except that `format: line` needs no names.

use std::sync::Arc;

use crate::config::model::RecordFormat;
use crate::event::tag::TagFields;
use crate::event::{EventTime, EventType, Tag, TagCache, TagTemplate};
use crate::source::object::lines::{
    Columns, LineSplitter, Origin, pick, unix, utc, write_cut_line,
};
use crate::source::object::members::Members;
use crate::source::object::parquet::Rows;
use crate::source::object::records::BytesWindow;
use crate::source::object::{Body, Extracted, Extractor, Format};
use crate::source::parquet_logs::RowMeaning;
use crate::source::sqs::notification::ObjectRef;

/// The module, as the operator knows it.
pub(super) const MODULE: &str = "AwsSqsS3CloudFrontLogsPuller";

/// The tables (Devo's list of AWS tables).
pub(super) const TABLE: &str = "cloud.aws.cloudfront.unknown";
/// With the event's type as the last component.
pub(super) const TABLE_BY_TYPE: &str = "cloud.aws.cloudfront.{event_type}";

/// The type of all these events.
const EVENT_TYPE: &str = "web_1";

/// The folder of version 2 (CloudFront developer guide, "send logs to Amazon S3").
const SERVICE: &str = "CloudFront";

/// The directive that names the fields (W3C's working draft "extended log file format").
const FIELDS: &[u8] = b"#Fields:";

/// The fields of the legacy form (CloudFront developer guide, "log file fields").
const LEGACY_FIELDS: [&str; 33] = [
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
];

/// The fields that tell when a request was answered; the Unix times are version 2's.
const TIME_FIELDS: [&str; 4] = ["date", "time", "timestamp(ms)", "timestamp"];

/// What the rows of Parquet files mean.
pub(super) static ROWS: RowMeaning = RowMeaning {
    event_type: EVENT_TYPE,
    folder: SERVICE,
    delimiter: '\t',
    time: row_time,
};

fn row_time(rows: &Rows) -> Option<EventTime> {
    let (date, time) = (rows.value("date"), rows.value("time"));
    let by_date = date.zip(time).and_then(|(date, time)| utc(&date, &time));
    let stamps = ["timestamp(ms)", "timestamp_ms", "timestamp"];
    let stamp = || stamps.into_iter().find_map(|name| unix(&rows.value(name)?));
    by_date.or_else(stamp)
}

/// How CloudFront's logs are read.
#[derive(Clone)]
pub(super) struct CloudFrontFiles {
    /// Where the events go.
    pub(super) tags: Arc<TagTemplate>,
    /// The region that is pulled from, for the tag.
    pub(super) region: String,
    /// Whether the tag has the account of the object's key instead, and no region: CloudFront's requests have none.
    pub(super) by_event: bool,
    /// What becomes of a row.
    pub(super) format: RecordFormat,
    /// A row that is longer is cut.
    pub(super) max_event_bytes: usize,
}

impl Format for CloudFrontFiles {
    fn wants(&self, _key: &str) -> bool {
        true
    }

    fn extractor(&self, account: &str) -> Box<dyn Extractor> {
        Box::new(CloudFrontExtractor {
            lines: LineSplitter::new(self.max_event_bytes),
            header: None,
            origin: Origin::default(),
            tags: TagCache::new(Arc::clone(&self.tags)),
            account: account.to_owned(),
            json: String::new(),
            files: self.clone(),
        })
    }
}

struct CloudFrontExtractor {
    files: CloudFrontFiles,
    lines: LineSplitter,
    /// Known from `#Fields` on, or from the first row.
    header: Option<Header>,
    origin: Origin,
    tags: TagCache,
    /// The session's account.
    account: String,
    /// The present row as JSON.
    json: String,
}

/// What the values of a row are.
struct Header {
    columns: Columns,
    times: [Option<usize>; TIME_FIELDS.len()],
}

impl Header {
    fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let columns = Columns::new(names);
        let times = TIME_FIELDS.map(|name| columns.index_of(name));
        Self { columns, times }
    }

    /// From an object's first row, if no line has named the fields.
    fn of_row(row: &str, format: &RecordFormat) -> Result<Self, String> {
        let legacy = Self::new(LEGACY_FIELDS);
        let is_legacy = values(row).count() == LEGACY_FIELDS.len()
            && time(pick(values(row), legacy.times)).is_some();
        if is_legacy || matches!(format, RecordFormat::Line) {
            Ok(legacy)
        } else {
            Err(
                "no #Fields line: nothing names the fields, and they are not those of CloudFront's legacy logs; is it an \
                 access log? If so, set `format: line`, which needs no names"
                    .to_owned(),
            )
        }
    }
}

/// What can stand between values, those first that no value has in it, since they are URL-encoded. Version 2 lets its owner
/// choose (CloudFront developer guide, "field delimiter").
const DELIMITERS: [char; 5] = ['\t', ' ', '|', ';', ','];

/// The values of a row.
fn values(row: &str) -> impl Iterator<Item = &str> + Clone {
    let found = DELIMITERS
        .into_iter()
        .find(|delimiter| row.contains(*delimiter));
    row.split(found.unwrap_or('\t'))
}

/// When a request was answered, by the values of [`TIME_FIELDS`].
fn time(values: [Option<&str>; TIME_FIELDS.len()]) -> Option<EventTime> {
    let [date, time, timestamp_ms, timestamp] = values;
    date.zip(time)
        .and_then(|(date, time)| utc(date, time))
        .or_else(|| timestamp_ms.and_then(unix))
        .or_else(|| timestamp.and_then(unix))
}

impl CloudFrontExtractor {
    /// Takes a line that begins with `#`.
    fn directive(&mut self) {
        if self.lines.bytes().starts_with(FIELDS) {
            let fields = &self.lines.line().text[FIELDS.len()..];
            self.header = Some(Header::new(fields.split_ascii_whitespace()));
        }
    }

    fn row(&mut self) -> Result<Extracted<'_>, String> {
        let line = self.lines.line();
        let header = match &mut self.header {
            Some(header) => header,
            unknown => unknown.insert(Header::of_row(line.text, &self.files.format)?),
        };
        let values = values(line.text);
        let time = time(pick(values.clone(), header.times));
        let body = match self.files.format {
            RecordFormat::Line => Body::Line(line.marked),
            RecordFormat::Json => {
                let columns = &header.columns;
                columns.write_row(&mut self.json, values, line.left_out_bytes);
                Body::Object(&self.json)
            }
        };
        let tag = tag(
            &mut self.tags,
            &self.files,
            &self.account,
            &self.origin.account,
        );
        Ok(Extracted::Event { tag, time, body })
    }

    /// The present line, which begins with a brace.
    fn object(&mut self) -> Result<Extracted<'_>, String> {
        let number = self.lines.number();
        let line = self.lines.line();
        let is_line = matches!(self.files.format, RecordFormat::Line);
        let is_cut = line.left_out_bytes > 0;
        let time = match Members::of(line.text, &TIME_FIELDS) {
            Ok(members) => {
                let members = members.into_array();
                time(members.each_ref().map(|member| member.as_deref()))
            }
            Err(_) if is_line || is_cut => None,
            Err(error) => return Err(format!("line {number}: {error}")),
        };
        let body = if is_line {
            Body::Line(line.marked)
        } else if is_cut {
            write_cut_line(&mut self.json, line.text, line.left_out_bytes);
            Body::Object(&self.json)
        } else {
            Body::Object(line.text)
        };
        let tag = tag(
            &mut self.tags,
            &self.files,
            &self.account,
            &self.origin.account,
        );
        Ok(Extracted::Event { tag, time, body })
    }
}

fn tag<'t>(
    tags: &'t mut TagCache,
    files: &CloudFrontFiles,
    session_account: &str,
    key_account: &str,
) -> &'t Tag {
    let (account, region) = if files.by_event {
        (key_account, "")
    } else {
        (session_account, &*files.region)
    };
    tags.tag(TagFields {
        event_type: EventType::fixed(EVENT_TYPE),
        account,
        region,
    })
}

impl Extractor for CloudFrontExtractor {
    fn begin(&mut self, object: &ObjectRef) {
        self.lines = LineSplitter::new(self.files.max_event_bytes);
        self.header = None;
        self.origin = Origin::of(&object.key, SERVICE);
    }

    fn window(&mut self) -> &mut BytesWindow {
        self.lines.window()
    }

    fn end(&mut self) {
        self.lines.end();
    }

    fn next(&mut self) -> Result<Option<Extracted<'_>>, String> {
        while self.lines.advance() {
            match self.lines.bytes() {
                [b'#', ..] => self.directive(),
                [b'{', ..] => return self.object().map(Some),
                _ => return self.row().map(Some),
            }
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
