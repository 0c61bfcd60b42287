//! The services of an input.

use std::time::Duration;

use super::{Endpoints, ObjectFed, QueueFed};

/// One configured collection of an input.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name in the file, such as `audit-events-all`.
    pub name: String,
    /// `regions`: at least one, none twice.
    pub regions: Vec<String>,
    /// `request_period_in_seconds`: from the start of one pull cycle to the start of the next; 60 s by default.
    pub request_period: Duration,
    /// `tag`: the table in place of the service's own, if set. It may contain `{event_type}`.
    pub tag: Option<String>,
    /// `auto_event_type`: whether the table's last component is the event's type; `false` by default.
    pub auto_event_type: bool,
    /// The input's, or the service's own `endpoint_url`.
    pub endpoints: Endpoints,
    /// What it collects: at least one, each of another kind.
    pub modules: Vec<ServiceKind>,
}

/// What services collect, by key and `types`.
#[derive(Clone, Debug)]
pub enum ServiceKind {
    /// `service-events-all`: EventBridge's events, one a message.
    ServiceEvents(QueueFed),
    /// `sqs-cloudwatch-consumer`: Security Hub's findings, out of EventBridge's events.
    SecurityHub(QueueFed),
    /// `audit-events-all` with `types: [audits_s3]`.
    AuditsS3(AuditsS3),
    /// `non-cloudwatch-logs` with `types: [flowlogs]`: VPC flow logs.
    FlowLogs(LogFiles),
    /// `non-cloudwatch-logs` with `types: [cloudfrontlogs]`: CloudFront's standard logs.
    CloudFrontLogs(LogFiles),
    /// `cisco-umbrella`: lines of CSV, which go as they are.
    Umbrella(ObjectFed),
}

/// CloudTrail's files.
#[derive(Clone, Debug)]
pub struct AuditsS3 {
    /// Where the files are, and how they are read.
    pub objects: ObjectFed,
    /// `drop_event_names`: events that are not sent; none by default.
    pub drop_event_names: Vec<String>,
    /// `use_region_and_account_id_from_event`: whether the tag has the event's account and region instead of the session's;
    /// `false` by default.
    pub use_region_and_account_id_from_event: bool,
}

/// Files of records whose fields the file itself names.
#[derive(Clone, Debug)]
pub struct LogFiles {
    /// Where the files are, and how they are read.
    pub objects: ObjectFed,
    /// `format`: what becomes of a record; [`RecordFormat::Json`] by default.
    pub format: RecordFormat,
    /// `use_region_and_account_id_from_event`: whether the tag has the account and region of the file instead of the
    /// session's; `false` by default.
    pub use_region_and_account_id_from_event: bool,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFormat {
    /// `json`: an object, its keys the fields' names, with the pulling id.
    Json,
    /// `line`: the line as it is, without the pulling id.
    Line,
}
