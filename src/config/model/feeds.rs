//! What feeds a service: a queue of events, a queue that names objects, or a listing of a bucket.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use regex::Regex;

use super::QueueRef;

/// How events that are a queue's messages are read.
#[derive(Clone, Debug)]
pub struct QueueFed {
    /// The queues, at least one.
    pub queues: Vec<QueueRef>,
    /// `visibility_timeout`: 0 s to 12 h (SQS's limits); the queue's own by default.
    pub visibility_timeout: Option<Duration>,
    /// `max_receive_count`: after so many receives a message that cannot be processed is quarantined, if the queue has no
    /// redrive policy; 5 by default.
    pub max_receive_count: NonZeroU32,
    /// `concurrency`: messages in work at the same time, besides those that wait for their delivery; 4 by default.
    pub concurrency: usize,
    /// `use_region_and_account_id_from_event`: whether the tag has the event's account and region instead of the session's;
    /// `false` by default.
    pub use_region_and_account_id_from_event: bool,
    /// `max_event_bytes`: a larger event is a fault of its message; 1 MiB by default.
    pub max_event_bytes: u64,
}

/// How objects of S3 are found and read.
#[derive(Clone, Debug)]
pub struct ObjectFed {
    /// `mode`: what names the objects; [`Feed::Queue`] by default.
    pub feed: Feed,
    /// `concurrency`: objects read at the same time; 4 by default.
    pub concurrency: usize,
    /// `dedup_window`: for how long a delivered object is remembered; 24 h by default, in a listing never less than its
    /// `look_back`.
    pub dedup_window: Duration,
    /// `max_event_bytes`: a longer record is a fault of its object, a longer line is cut; 1 MiB by default.
    pub max_event_bytes: u64,
    /// `s3_file_type_filter`: only objects whose key it finds; all by default.
    pub s3_file_type_filter: Option<Regex>,
}

/// What names the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// `mode: queue`: a queue of notifications.
    Queue(ObjectQueue),
    /// `mode: list`: the bucket itself. The service then has a single region, the bucket's, and a single module.
    List(Listing),
}

/// A queue of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectQueue {
    /// The queues, at least one.
    pub queues: Vec<QueueRef>,
    /// As in [`QueueFed::visibility_timeout`].
    pub visibility_timeout: Option<Duration>,
    /// As in [`QueueFed::max_receive_count`].
    pub max_receive_count: NonZeroU32,
}

/// A bucket that is listed, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// `bucket`: its name, or an access point's ARN or alias.
    pub bucket: String,
    /// `prefix`: only keys that begin with it; empty, for the whole bucket, by default.
    pub prefix: String,
    /// `start_time`: only objects that were last modified since; all by default.
    pub start: Option<Timestamp>,
    /// `look_back`: how far behind the newest key keys may still appear; 0 s to 14 days, 24 h by default.
    pub look_back: Duration,
}
