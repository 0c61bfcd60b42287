//! `non-cloudwatch-logs`, type `flowlogs`: flow logs of VPCs and transit gateways as text, one event a row.
//!
//! The first line names the fields, in whatever order and selection the flow log was made with, so every version and
//! custom format passes. A row that has more or fewer values than that is an event like any other (see
//! `object::lines`), as are `NODATA` and `SKIPDATA` rows. With `format: line` rows go as they are.
//!
//! Without a first line that looks like one, rows of the default format are recognised by their version; other rows
//! cannot be named, which is a fault of the object, except that `format: line` needs no names.

use std::sync::Arc;

use crate::config::model::RecordFormat;
use crate::event::tag::TagFields;
use crate::event::{EventType, TagCache, TagTemplate};
use crate::source::object::lines::{Columns, LineSplitter, Origin, pick, unix};
use crate::source::object::records::BytesWindow;
use crate::source::object::{Body, Extracted, Extractor, Format};
use crate::source::parquet_logs::RowMeaning;
use crate::source::sqs::notification::ObjectRef;

/// The module, as the operator knows it.
pub(super) const MODULE: &str = "AwsSqsS3VpcFlowlogsPuller";

/// The tables (Devo's list of AWS tables).
pub(super) const TABLE: &str = "cloud.aws.vpc.unknown";
/// With the event's type as the last component.
pub(super) const TABLE_BY_TYPE: &str = "cloud.aws.vpc.{event_type}";

/// The type of all these events.
const EVENT_TYPE: &str = "flow";

/// What the folder of flow logs is called, those of transit gateways too (VPC user guide, "flow log files").
const SERVICE: &str = "vpcflowlogs";

/// The default format (VPC user guide, "flow log records"), and the version that its rows begin with.
const DEFAULT_FIELDS: [&str; 14] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
];
const DEFAULT_VERSION: &str = "2";

/// What the rows of Parquet files mean (VPC user guide, "flow log files": the columns' names have underscores).
pub(super) static ROWS: RowMeaning = RowMeaning {
    event_type: EVENT_TYPE,
    folder: SERVICE,
    delimiter: ' ',
    time: |rows| rows.value("start").as_deref().and_then(unix),
};

/// How flow logs are read.
#[derive(Clone)]
pub(super) struct FlowLogFiles {
    /// Where the events go.
    pub(super) tags: Arc<TagTemplate>,
    /// The region that is pulled from, for the tag.
    pub(super) region: String,
    /// Whether the tag has the account and region of the object's key instead, or of the row where the key has none.
    pub(super) by_event: bool,
    /// What becomes of a row.
    pub(super) format: RecordFormat,
    /// A row that is longer is cut.
    pub(super) max_event_bytes: usize,
}

impl Format for FlowLogFiles {
    fn wants(&self, _key: &str) -> bool {
        true
    }

    fn extractor(&self, account: &str) -> Box<dyn Extractor> {
        Box::new(FlowLogExtractor {
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

struct FlowLogExtractor {
    files: FlowLogFiles,
    lines: LineSplitter,
    /// Known from the first line on.
    header: Option<Header>,
    origin: Origin,
    tags: TagCache,
    /// The session's account.
    account: String,
    /// The present row as JSON.
    json: String,
}

/// What the values of a row are. Empty if that is not known.
#[derive(Default)]
struct Header {
    /// The line that said so, which comes again where files were joined; empty if none did.
    line: String,
    columns: Columns,
    start: Option<usize>,
    account_id: Option<usize>,
    region: Option<usize>,
}

impl Header {
    fn new<'n>(line: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        let columns = Columns::new(names);
        Self {
            line: line.to_owned(),
            start: columns.index_of("start"),
            account_id: columns.index_of("account-id"),
            region: columns.index_of("region"),
            columns,
        }
    }

    /// From an object's first line, which may be one of its rows.
    fn of(line: &str, format: &RecordFormat) -> Result<Self, String> {
        let mut values = line.split_ascii_whitespace();
        if is_header(line) {
            Ok(Self::new(line, values))
        } else if values.clone().count() == DEFAULT_FIELDS.len()
            && values.next() == Some(DEFAULT_VERSION)
        {
            Ok(Self::new("", DEFAULT_FIELDS))
        } else if matches!(format, RecordFormat::Line) {
            Ok(Self::default())
        } else {
            Err(
                "no header line: the first line does not name the fields, and is no row of the default format either; \
                 is it a flow log? If so, set `format: line`, which needs no header"
                    .to_owned(),
            )
        }
    }
}

/// Whether a line names fields. Names are of lower-case letters and hyphens, `pkt-srcaddr` for example; digits are let
/// pass in less than half of them, since AWS may come to use some. In a row nearly every value has digits.
fn is_header(line: &str) -> bool {
    let (mut names, mut with_digits) = (0, 0);
    for name in line.split_ascii_whitespace() {
        let may_follow = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.bytes().all(may_follow) {
            return false;
        }
        names += 1;
        with_digits += usize::from(name.bytes().any(|c| c.is_ascii_digit()));
    }
    2 * with_digits < names
}

impl FlowLogExtractor {
    /// Whether the present line is a header. The first one decides what the fields are, whatever it is.
    fn take_header(&mut self) -> Result<bool, String> {
        if let Some(header) = &self.header {
            return Ok(*self.lines.bytes() == *header.line.as_bytes());
        }
        let header = Header::of(self.lines.line().text, &self.files.format)?;
        let taken = !header.line.is_empty();
        self.header = Some(header);
        Ok(taken)
    }

    fn row(&mut self) -> Extracted<'_> {
        let line = self.lines.line();
        let header = self.header.get_or_insert_default();
        let values = line.text.split_ascii_whitespace();
        let [start, account, region] = pick(
            values.clone(),
            [header.start, header.account_id, header.region],
        );
        let (account, region) = if self.files.by_event {
            (
                known(&self.origin.account, account),
                known(&self.origin.region, region),
            )
        } else {
            (&*self.account, &*self.files.region)
        };
        let body = match self.files.format {
            RecordFormat::Line => Body::Line(line.marked),
            RecordFormat::Json => {
                let columns = &header.columns;
                columns.write_row(&mut self.json, values, line.left_out_bytes);
                Body::Object(&self.json)
            }
        };
        Extracted::Event {
            tag: self.tags.tag(TagFields {
                event_type: EventType::fixed(EVENT_TYPE),
                account,
                region,
            }),
            time: start.and_then(unix),
            body,
        }
    }
}

/// What the key says, or else the row; empty if neither does.
fn known<'a>(by_key: &'a str, by_row: Option<&'a str>) -> &'a str {
    if by_key.is_empty() {
        by_row.unwrap_or_default()
    } else {
        by_key
    }
}

impl Extractor for FlowLogExtractor {
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
            if !self.take_header()? {
                return Ok(Some(self.row()));
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
