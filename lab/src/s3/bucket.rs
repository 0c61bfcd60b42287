//! Buckets, objects and listings.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Included, Unbounded},
};

use bytes::Bytes;
use md5::{Digest, Md5};
use tokio::time::Instant;

use super::notification::Configuration;
use crate::ids::hex;

/// An object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) body: Bytes,
    /// The hexadecimal MD5 of the body, without quotes.
    pub(super) etag: String,
    pub(super) modified: Instant,
    /// Headers of the put that a get returns: content type and encoding, `x-amz-meta-*`.
    pub(super) headers: Vec<(String, String)>,
}

impl Object {
    pub(super) fn new(body: Bytes, headers: Vec<(String, String)>) -> Self {
        Self {
            etag: hex(&Md5::digest(&body)),
            body,
            modified: Instant::now(),
            headers,
        }
    }
}

/// A bucket.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) objects: BTreeMap<String, Object>,
    pub(super) notifications: Configuration,
}

/// What ListObjectsV2 asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct ListRequest {
    pub(super) prefix: String,
    pub(super) delimiter: String,
    /// List keys behind this one.
    pub(super) after: String,
    pub(super) max_keys: usize,
}

/// One page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) keys: Vec<String>,
    pub(super) common_prefixes: Vec<String>,
    /// Where the next page starts, if this is not the last.
    pub(super) next: Option<String>,
}

impl Bucket {
    /// Keys in UTF-8 order; keys that share the text up to a delimiter behind the prefix count as one common prefix.
    pub(super) fn list(&self, request: &ListRequest) -> Page {
        let mut page = Page::default();
        if request.max_keys == 0 {
            return page;
        }
        let start = if request.after > request.prefix {
            Excluded(request.after.as_str())
        } else {
            Included(request.prefix.as_str())
        };
        let candidates = self
            .objects
            .range::<str, _>((start, Unbounded))
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(&request.prefix))
            .filter(|key| **key != request.after);
        let mut last = String::new();
        for key in candidates {
            let group = request.group(key);
            if group.is_some() && group == page.common_prefixes.last().map(String::as_str) {
                last.clone_from(key);
                continue;
            }
            // The rest of a common prefix that an earlier page returned.
            if group
                .is_some_and(|group| !request.after.is_empty() && request.after.starts_with(group))
            {
                continue;
            }
            if page.keys.len() + page.common_prefixes.len() == request.max_keys {
                page.next = Some(last);
                break;
            }
            match group {
                Some(group) => page.common_prefixes.push(group.to_owned()),
                None => page.keys.push(key.clone()),
            }
            last.clone_from(key);
        }
        page
    }
}

impl ListRequest {
    fn group<'k>(&self, key: &'k str) -> Option<&'k str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let tail = &key[self.prefix.len()..];
        let end = tail.find(&self.delimiter)?;
        Some(&key[..self.prefix.len() + end + self.delimiter.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(keys: &[&str]) -> Bucket {
        let mut bucket = Bucket::default();
        for key in keys {
            let object = Object::new(Bytes::new(), Vec::new());
            bucket.objects.insert((*key).to_owned(), object);
        }
        bucket
    }

    /// Keys and common prefixes of all pages.
    fn walk(bucket: &Bucket, mut request: ListRequest) -> (Vec<String>, Vec<String>) {
        let (mut keys, mut prefixes) = (Vec::new(), Vec::new());
        loop {
            let page = bucket.list(&request);
            assert!(page.keys.len() + page.common_prefixes.len() <= request.max_keys);
            keys.extend(page.keys);
            prefixes.extend(page.common_prefixes);
            match page.next {
                Some(next) => request.after = next,
                None => return (keys, prefixes),
            }
        }
    }

    #[tokio::test]
    async fn pages_of_any_size_cover_every_key_once() {
        let bucket = bucket(&["a/1", "a/2", "b", "b/1", "b/x/2", "c"]);
        for max_keys in 1..8 {
            let request = ListRequest {
                max_keys,
                ..ListRequest::default()
            };
            assert_eq!(walk(&bucket, request).0.len(), 6);
            let request = ListRequest {
                max_keys,
                delimiter: "/".into(),
                ..ListRequest::default()
            };
            let (keys, prefixes) = walk(&bucket, request);
            assert_eq!(keys, ["b", "c"], "{max_keys}");
            assert_eq!(prefixes, ["a/", "b/"], "{max_keys}");
        }
    }

    #[tokio::test]
    async fn a_prefix_and_a_start_narrow_the_listing() {
        let bucket = bucket(&["a", "b/1", "b/2", "c"]);
        let request = ListRequest {
            prefix: "b/".into(),
            after: "b/1".into(),
            max_keys: 10,
            ..ListRequest::default()
        };
        assert_eq!(bucket.list(&request).keys, ["b/2"]);
    }

    #[tokio::test]
    async fn the_etag_is_the_md5_of_the_body() {
        let object = Object::new(Bytes::from("hello world"), Vec::new());
        assert_eq!(object.etag, "5eb63bbbe01eeed093cb22bb8f5acdc3");
    }
}
