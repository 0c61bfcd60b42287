//! The pages of a listing: ListObjectsV2, one call at a time, in the order of the keys.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, Object};
use thiserror::Error;
use tokio::time::Instant;

use crate::session::{CallError, Caller};
use crate::source::Tally;
use crate::source::sqs::notification::decode_key;

/// Why a page could not be had.
#[derive(Debug, Error)]
pub(super) enum ListError {
    /// S3 refused, or could not be reached.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The keys do not ascend, so no place in them means anything. S3's directory buckets are like that.
    #[error(
        "s3://{bucket} lists the key {key:?} behind {after:?}; only a bucket that lists its keys in order can be read by listing: \
         feed this service by a queue"
    )]
    Order {
        /// The bucket.
        bucket: String,
        /// The key that should have come earlier, or not at all.
        key: String,
        /// The key before it.
        after: String,
    },
    /// A key is not what it was said to be encoded as.
    #[error("s3://{bucket} lists a key that is not URL-encoded UTF-8: {key:?}")]
    Encoding {
        /// The bucket.
        bucket: String,
        /// The key as it came.
        key: String,
    },
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its key.
    pub(super) key: String,
    /// Its entity tag, without quotes.
    pub(super) etag: Option<String>,
    /// Its size in bytes.
    pub(super) size: Option<u64>,
    /// When it was written, in milliseconds since the Unix epoch.
    pub(super) modified_unix_ms: i64,
}

impl Listed {
    /// Whether it only stands for a folder, as S3's console makes them.
    pub(super) fn is_folder(&self) -> bool {
        self.key.ends_with('/') && self.size == Some(0)
    }
}

/// A place in a listing.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    /// All keys up to this one lie behind.
    after: String,
    /// What S3 gave for going on from there.
    token: Option<String>,
}

impl Position {
    /// The place behind `key`.
    pub(super) fn behind(key: &str) -> Self {
        Self {
            after: key.to_owned(),
            token: None,
        }
    }
}

/// Some objects of a listing, in the order of their keys.
#[derive(Debug)]
pub(super) struct Page {
    /// The objects: 1,000 at the most (S3 API reference, ListObjectsV2).
    pub(super) objects: Vec<Listed>,
    /// When S3 was asked, in milliseconds since the Unix epoch: every object that was there by then is in the listing.
    pub(super) asked_unix_ms: i64,
    /// Where the next page starts, if this is not the last.
    pub(super) next: Option<Position>,
}

/// Lists one bucket under one prefix. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lister {
    client: Client,
    caller: Caller,
    tally: Arc<Tally>,
    bucket: Arc<str>,
    prefix: Arc<str>,
}

impl Lister {
    /// A lister of `bucket` under `prefix`, that counts its calls in `tally`.
    pub(super) fn new(
        client: Client,
        caller: Caller,
        tally: Arc<Tally>,
        bucket: &str,
        prefix: &str,
    ) -> Self {
        Self {
            client,
            caller,
            tally,
            bucket: bucket.into(),
            prefix: prefix.into(),
        }
    }

    /// Sees whether there is such a bucket, and whether it may be listed.
    ///
    /// # Errors
    /// S3 refused, or could not be reached.
    pub(super) async fn probe(&self) -> Result<(), ListError> {
        self.request(&Position::default(), Some(1)).await?;
        Ok(())
    }

    /// The page at `position`.
    ///
    /// # Errors
    /// S3 refused, could not be reached, or does not list in order.
    pub(super) async fn page(self, position: Position) -> Result<Page, ListError> {
        let asked_unix_ms = jiff::Timestamp::now().as_millisecond();
        let started = Instant::now();
        let answer = self.request(&position, None).await?;
        self.tally.request(started.elapsed());
        let is_encoded = answer.encoding_type() == Some(&EncodingType::Url);
        let mut objects = Vec::with_capacity(answer.contents().len());
        for object in answer.contents.unwrap_or_default() {
            objects.extend(self.listed(object, is_encoded)?);
        }
        let last = check_order(&self.bucket, &position.after, &objects)?.to_owned();
        let more = answer.is_truncated == Some(true) && !objects.is_empty();
        let token = answer.next_continuation_token;
        Ok(Page {
            next: more.then_some(Position { after: last, token }),
            asked_unix_ms,
            objects,
        })
    }

    async fn request(
        &self,
        position: &Position,
        most: Option<i32>,
    ) -> Result<ListObjectsV2Output, CallError> {
        let start_after = (!position.after.is_empty()).then(|| position.after.clone());
        let request = self
            .client
            .list_objects_v2()
            .bucket(&*self.bucket)
            .prefix(&*self.prefix)
            // Keys may hold characters that XML cannot.
            .encoding_type(EncodingType::Url)
            .set_max_keys(most)
            .set_start_after(start_after.filter(|_| position.token.is_none()))
            .set_continuation_token(position.token.clone())
            .send();
        let target = format!("s3://{}/{}", self.bucket, self.prefix);
        self.caller.call("s3:ListBucket", &target, request).await
    }

    /// The object in our terms; none if it has no key.
    fn listed(&self, object: Object, is_encoded: bool) -> Result<Option<Listed>, ListError> {
        let Some(mut key) = object.key else {
            return Ok(None);
        };
        if is_encoded {
            let Some(decoded) = decode_key(&key) else {
                let bucket = self.bucket.to_string();
                return Err(ListError::Encoding { bucket, key });
            };
            key = decoded;
        }
        let etag = object.e_tag.map(|etag| etag.trim_matches('"').to_owned());
        let modified = object.last_modified.and_then(|time| time.to_millis().ok());
        Ok(Some(Listed {
            key,
            etag: etag.filter(|etag| !etag.is_empty()),
            size: object.size.and_then(|size| u64::try_from(size).ok()),
            // Without a time it counts as new, and is kept in sight.
            modified_unix_ms: modified.unwrap_or(i64::MAX),
        }))
    }
}

/// Checks that the keys of `bucket` ascend from `after` on; returns the last.
fn check_order<'a>(
    bucket: &str,
    after: &'a str,
    objects: &'a [Listed],
) -> Result<&'a str, ListError> {
    objects.iter().try_fold(after, |after, object| {
        if *object.key <= *after {
            return Err(ListError::Order {
                bucket: bucket.to_owned(),
                key: object.key.clone(),
                after: after.to_owned(),
            });
        }
        Ok(object.key.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(keys: &[&str]) -> Vec<Listed> {
        let listed = |key: &&str| Listed {
            key: (*key).to_owned(),
            etag: None,
            size: Some(0),
            modified_unix_ms: 0,
        };
        keys.iter().map(listed).collect()
    }

    #[test]
    fn keys_that_do_not_ascend_are_an_error_rather_than_a_loop() {
        assert_eq!(check_order("b", "a", &listed(&["b", "c"])).ok(), Some("c"));
        assert_eq!(check_order("b", "a", &[]).ok(), Some("a"));
        assert!(check_order("b", "b", &listed(&["b", "c"])).is_err());
        assert!(check_order("b", "", &listed(&["b", "a"])).is_err());
    }

    #[test]
    fn only_an_empty_object_with_a_slash_at_the_end_is_a_folder() {
        let mut objects = listed(&["a/", "a"]);
        assert!(objects[0].is_folder());
        assert!(!objects[1].is_folder());
        objects[0].size = Some(1);
        assert!(!objects[0].is_folder());
    }
}
