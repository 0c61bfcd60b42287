//! S3: buckets, objects and their notifications, and the handle by which tests fill them. The wire protocol is in `api`.

mod api;
mod bucket;
mod chunked;
mod error;
mod notification;
mod range;
mod request;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{clock::Clock, options::Site, sqs::Sqs, sync::lock};
use bucket::{Bucket, Object};
use notification::Event;

pub use error::S3Error;
pub use notification::{Configuration, QueueConfiguration};

pub(crate) use api::Parts;
pub(crate) use request::S3Request;

/// The buckets of the lab's account. A cheap handle: clones share them.
#[derive(Debug, Clone)]
pub struct S3 {
    site: Arc<Site>,
    clock: Clock,
    sqs: Sqs,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    sequence: u64,
}

impl S3 {
    pub(crate) fn new(site: Arc<Site>, clock: Clock, sqs: Sqs) -> Self {
        Self {
            site,
            clock,
            sqs,
            state: Arc::default(),
        }
    }

    /// Creates a bucket; one that exists stays as it is, as in us-east-1.
    ///
    /// # Errors
    /// [`S3Error::InvalidBucketName`].
    pub fn create_bucket(&self, name: &str) -> Result<(), S3Error> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        if !(3..=63).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(S3Error::InvalidBucketName);
        }
        lock(&self.state)
            .buckets
            .entry(name.to_owned())
            .or_default();
        Ok(())
    }

    /// Tells `queue` of every object created in `bucket`, after the test event that S3 sends first.
    ///
    /// # Errors
    /// As `PutBucketNotificationConfiguration`.
    pub fn notify(&self, bucket: &str, queue: &str) -> Result<(), S3Error> {
        let queue = QueueConfiguration::object_created(self.sqs.arn(queue));
        let queues = vec![queue];
        self.configure_notifications(bucket, Configuration { queues })
    }

    /// Replaces the notification configuration of a bucket and sends the test event to each of its queues.
    ///
    /// # Errors
    /// [`S3Error::NoSuchBucket`]; [`S3Error::InvalidArgument`] if a queue does not exist or is a FIFO queue.
    pub fn configure_notifications(
        &self,
        bucket: &str,
        configuration: Configuration,
    ) -> Result<(), S3Error> {
        let usable = |arn: &str| self.sqs.has_arn(arn) && !arn.ends_with(".fifo");
        if configuration
            .queues
            .iter()
            .any(|queue| !usable(&queue.queue_arn))
        {
            return Err(S3Error::InvalidArgument(
                "Unable to validate the following destination configurations".to_owned(),
            ));
        }
        let arns: Vec<_> = configuration
            .queues
            .iter()
            .map(|queue| queue.queue_arn.clone())
            .collect();
        self.with(bucket, |bucket| {
            bucket.notifications = configuration;
            Ok(())
        })?;
        let time = self.clock.iso(Instant::now());
        for arn in arns {
            let message = notification::test_event(bucket, &time);
            self.sqs.send_to_arn(&arn, message);
        }
        Ok(())
    }

    /// Puts an object and tells the configured queues.
    ///
    /// # Errors
    /// [`S3Error::NoSuchBucket`].
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) -> Result<(), S3Error> {
        let object = Object::new(body.into(), Vec::new());
        self.put_object(bucket, key, object).map(drop)
    }

    /// Puts an object and tells nobody.
    ///
    /// # Errors
    /// [`S3Error::NoSuchBucket`].
    pub fn put_silently(
        &self,
        bucket: &str,
        key: &str,
        body: impl Into<Bytes>,
    ) -> Result<(), S3Error> {
        let object = Object::new(body.into(), Vec::new());
        self.with(bucket, |bucket| {
            bucket.objects.insert(key.to_owned(), object);
            Ok(())
        })
    }

    /// Deletes an object, if it exists, and tells the queues configured for deletions.
    ///
    /// # Errors
    /// [`S3Error::NoSuchBucket`].
    pub fn delete(&self, bucket: &str, key: &str) -> Result<(), S3Error> {
        self.with(bucket, |bucket| {
            bucket.objects.remove(key);
            Ok(())
        })?;
        self.tell(bucket, key, "ObjectRemoved:Delete", None)
    }

    /// The keys of a bucket, in order.
    ///
    /// # Errors
    /// [`S3Error::NoSuchBucket`].
    pub fn keys(&self, bucket: &str) -> Result<Vec<String>, S3Error> {
        self.with(bucket, |bucket| {
            Ok(bucket.objects.keys().cloned().collect())
        })
    }

    /// The body of an object.
    ///
    /// # Errors
    /// [`S3Error::NoSuchBucket`], [`S3Error::NoSuchKey`].
    pub fn body(&self, bucket: &str, key: &str) -> Result<Bytes, S3Error> {
        Ok(self.object(bucket, key)?.body)
    }

    fn object(&self, bucket: &str, key: &str) -> Result<Object, S3Error> {
        self.with(bucket, |bucket| {
            bucket.objects.get(key).cloned().ok_or(S3Error::NoSuchKey)
        })
    }

    /// Stores an object, tells the configured queues and returns its ETag.
    fn put_object(&self, bucket: &str, key: &str, object: Object) -> Result<String, S3Error> {
        let (etag, size) = (object.etag.clone(), object.body.len());
        self.with(bucket, |bucket| {
            bucket.objects.insert(key.to_owned(), object);
            Ok(())
        })?;
        self.tell(bucket, key, "ObjectCreated:Put", Some((size, &etag)))?;
        Ok(etag)
    }

    fn tell(
        &self,
        bucket: &str,
        key: &str,
        name: &str,
        content: Option<(usize, &str)>,
    ) -> Result<(), S3Error> {
        let configuration = self.with(bucket, |bucket| Ok(bucket.notifications.clone()))?;
        let now = Instant::now();
        let event = Event {
            name,
            region: &self.site.region,
            time: self.clock.iso(now),
            bucket,
            key,
            content,
            sequencer: self.next_sequencer(now),
        };
        for queue in configuration.interested(name, key) {
            self.sqs
                .send_to_arn(&queue.queue_arn, event.message(&queue.id));
        }
        Ok(())
    }

    /// Hexadecimal and rising: later changes of a key compare greater.
    fn next_sequencer(&self, now: Instant) -> String {
        let mut state = lock(&self.state);
        state.sequence += 1;
        let milliseconds = self.clock.epoch_ms(now);
        format!("{milliseconds:012X}{:06X}", state.sequence & 0xff_ffff)
    }

    fn with<T>(
        &self,
        bucket: &str,
        act: impl FnOnce(&mut Bucket) -> Result<T, S3Error>,
    ) -> Result<T, S3Error> {
        let mut state = lock(&self.state);
        act(state.buckets.get_mut(bucket).ok_or(S3Error::NoSuchBucket)?)
    }
}
