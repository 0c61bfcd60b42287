//! The S3 REST protocol: reads the parameters of each operation from headers, query and body, and writes its answer.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    S3, S3Error, S3Request,
    bucket::{ListRequest, Object, Page},
    chunked,
    notification::{Configuration, NAMESPACE},
    range,
};
use crate::{clock::http_date, http::Answer, sync::lock, xml::Writer};

/// Keys on a page of ListObjectsV2, at most and by default.
const MAX_KEYS: usize = 1_000;

/// What `encoding-type=url` leaves as it is.
const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'*');

/// Headers of a put that a get returns, besides `x-amz-meta-*`.
const KEPT_HEADERS: [&str; 5] = [
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "expires",
];

/// The parts of an HTTP request that S3 reads.
pub(crate) struct Parts<'r> {
    pub(crate) headers: &'r HeaderMap,
    pub(crate) query: &'r [(String, String)],
    pub(crate) body: Bytes,
}

impl Parts<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl S3 {
    /// Performs one operation.
    pub(crate) fn perform(
        &self,
        request: &S3Request,
        parts: &Parts<'_>,
    ) -> Result<Answer, S3Error> {
        let (bucket, key) = (request.bucket.as_str(), request.key.as_str());
        match request.operation {
            "ListBuckets" => Ok(Answer::xml(200, self.list_buckets())),
            "CreateBucket" => {
                self.create_bucket(bucket)?;
                let mut answer = Answer::empty(200);
                insert(&mut answer, "location", &format!("/{bucket}"));
                Ok(answer)
            }
            "HeadBucket" => self.with(bucket, |_| {
                let mut answer = Answer::empty(200);
                insert(&mut answer, "x-amz-bucket-region", &self.site.region);
                Ok(answer)
            }),
            "DeleteBucket" => self.delete_bucket(bucket).map(|()| Answer::empty(204)),
            "GetBucketLocation" => self.with(bucket, |_| Ok(Answer::xml(200, self.location()))),
            "GetBucketNotificationConfiguration" => self.with(bucket, |bucket| {
                Ok(Answer::xml(200, bucket.notifications.to_xml()))
            }),
            "PutBucketNotificationConfiguration" => {
                let configuration = Configuration::parse(&payload(parts)?)?;
                self.configure_notifications(bucket, configuration)?;
                Ok(Answer::empty(200))
            }
            "ListObjectsV2" => self.list_objects(bucket, parts),
            "PutObject" => self.put_from(bucket, key, parts),
            "GetObject" | "HeadObject" => self.get(bucket, key, parts),
            "DeleteObject" => self.delete(bucket, key).map(|()| Answer::empty(204)),
            _ => Err(S3Error::NotImplemented(
                "this method, path and query".to_owned(),
            )),
        }
    }

    fn list_buckets(&self) -> String {
        let mut xml = Writer::new();
        xml.root("ListAllMyBucketsResult", NAMESPACE, |xml| {
            xml.element("Buckets", |xml| {
                for name in lock(&self.state).buckets.keys() {
                    xml.element("Bucket", |xml| xml.text("Name", name));
                }
            });
        });
        xml.finish()
    }

    fn delete_bucket(&self, name: &str) -> Result<(), S3Error> {
        let mut state = lock(&self.state);
        let bucket = state.buckets.get(name).ok_or(S3Error::NoSuchBucket)?;
        if !bucket.objects.is_empty() {
            return Err(S3Error::BucketNotEmpty);
        }
        state.buckets.remove(name);
        Ok(())
    }

    /// The location of us-east-1 is empty.
    fn location(&self) -> String {
        let region = match self.site.region.as_str() {
            "us-east-1" => "",
            other => other,
        };
        let mut xml = Writer::new();
        xml.root("LocationConstraint", NAMESPACE, |xml| xml.content(region));
        xml.finish()
    }

    fn put_from(&self, bucket: &str, key: &str, parts: &Parts<'_>) -> Result<Answer, S3Error> {
        if parts.header("x-amz-copy-source").is_some() {
            return Err(S3Error::NotImplemented("CopyObject".to_owned()));
        }
        let body = payload(parts)?;
        if let Some(wanted) = parts.header("content-md5")
            && wanted != STANDARD.encode(Md5::digest(&body))
        {
            return Err(S3Error::BadDigest);
        }
        let etag = self.put_object(bucket, key, Object::new(body, kept_headers(parts.headers)))?;
        let mut answer = Answer::empty(200);
        insert(&mut answer, "etag", &format!("\"{etag}\""));
        Ok(answer)
    }

    fn get(&self, bucket: &str, key: &str, parts: &Parts<'_>) -> Result<Answer, S3Error> {
        let object = self.object(bucket, key)?;
        let etag = format!("\"{}\"", object.etag);
        let matches = |header: &str| header == "*" || header.trim_matches('"') == object.etag;
        if parts
            .header("if-match")
            .is_some_and(|header| !matches(header))
        {
            return Err(S3Error::PreconditionFailed);
        }
        if parts.header("if-none-match").is_some_and(matches) {
            let mut answer = Answer::empty(304);
            insert(&mut answer, "etag", &etag);
            return Ok(answer);
        }
        let size = object.body.len();
        let selected = match parts.header("range") {
            Some(header) => range::select(header, size)?,
            None => None,
        };
        let mut answer = match selected {
            None => Answer::new(200, object.body),
            Some(range) => {
                let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                let mut answer = Answer::new(206, object.body.slice(range));
                insert(&mut answer, "content-range", &content_range);
                answer
            }
        };
        insert(&mut answer, "content-type", "binary/octet-stream");
        for (name, value) in &object.headers {
            insert(&mut answer, name, value);
        }
        insert(&mut answer, "etag", &etag);
        insert(&mut answer, "accept-ranges", "bytes");
        let modified = http_date(self.clock.timestamp(object.modified));
        insert(&mut answer, "last-modified", &modified);
        Ok(answer)
    }

    fn list_objects(&self, bucket: &str, parts: &Parts<'_>) -> Result<Answer, S3Error> {
        let max_keys = match parts.parameter("max-keys") {
            None => MAX_KEYS,
            Some(text) => text.parse::<usize>().map_err(|_| {
                S3Error::InvalidArgument(
                    "Provided max-keys not an integer or within integer range".to_owned(),
                )
            })?,
        };
        let token = parts.parameter("continuation-token");
        let after = match token {
            Some(token) => decode_token(token)?,
            None => parts
                .parameter("start-after")
                .unwrap_or_default()
                .to_owned(),
        };
        let request = ListRequest {
            prefix: parts.parameter("prefix").unwrap_or_default().to_owned(),
            delimiter: parts.parameter("delimiter").unwrap_or_default().to_owned(),
            after,
            max_keys: max_keys.min(MAX_KEYS),
        };
        let encoded = parts.parameter("encoding-type") == Some("url");
        let clock = self.clock;
        self.with(bucket, |contents| {
            let page = contents.list(&request);
            let key_text = |key: &str| match encoded {
                true => utf8_percent_encode(key, URL_ENCODED).to_string(),
                false => key.to_owned(),
            };
            let mut xml = Writer::new();
            xml.root("ListBucketResult", NAMESPACE, |xml| {
                xml.text("Name", bucket);
                xml.text("Prefix", &key_text(&request.prefix));
                if !request.delimiter.is_empty() {
                    xml.text("Delimiter", &key_text(&request.delimiter));
                }
                if encoded {
                    xml.text("EncodingType", "url");
                }
                if let Some(token) = token {
                    xml.text("ContinuationToken", token);
                }
                page_xml(xml, &page, request.max_keys);
                for key in &page.keys {
                    let object = &contents.objects[key];
                    xml.element("Contents", |xml| {
                        xml.text("Key", &key_text(key));
                        xml.text("LastModified", &clock.iso(object.modified));
                        xml.text("ETag", &format!("\"{}\"", object.etag));
                        xml.text("Size", &object.body.len().to_string());
                        xml.text("StorageClass", "STANDARD");
                    });
                }
                for prefix in &page.common_prefixes {
                    xml.element("CommonPrefixes", |xml| {
                        xml.text("Prefix", &key_text(prefix));
                    });
                }
            });
            Ok(Answer::xml(200, xml.finish()))
        })
    }
}

fn page_xml(xml: &mut Writer, page: &Page, max_keys: usize) {
    let count = page.keys.len() + page.common_prefixes.len();
    xml.text("KeyCount", &count.to_string());
    xml.text("MaxKeys", &max_keys.to_string());
    xml.text("IsTruncated", &page.next.is_some().to_string());
    if let Some(next) = &page.next {
        xml.text("NextContinuationToken", &STANDARD.encode(next));
    }
}

fn decode_token(token: &str) -> Result<String, S3Error> {
    let key = STANDARD.decode(token).ok();
    key.and_then(|key| String::from_utf8(key).ok())
        .ok_or_else(|| {
            S3Error::InvalidArgument("The continuation token provided is incorrect".to_owned())
        })
}

/// The body without its `aws-chunked` framing, if it has one.
fn payload(parts: &Parts<'_>) -> Result<Bytes, S3Error> {
    let coded =
        |name: &str, mark: &str| parts.header(name).is_some_and(|value| value.contains(mark));
    if !coded("content-encoding", "aws-chunked") && !coded("x-amz-content-sha256", "STREAMING-") {
        return Ok(parts.body.clone());
    }
    let body = chunked::decode(parts.body.clone())?;
    match parts.header("x-amz-decoded-content-length") {
        Some(length) if length != body.len().to_string() => Err(S3Error::IncompleteBody(format!(
            "{length} were announced, {} came",
            body.len()
        ))),
        _ => Ok(body),
    }
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut kept = Vec::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        let name = name.as_str();
        if KEPT_HEADERS.contains(&name) || name.starts_with("x-amz-meta-") {
            kept.push((name.to_owned(), value.to_owned()));
        } else if name == "content-encoding" {
            // `aws-chunked` is the coding of the transfer, not of the object.
            let codings = value.split(',').map(str::trim);
            let codings: Vec<_> = codings.filter(|coding| *coding != "aws-chunked").collect();
            if !codings.is_empty() {
                kept.push((name.to_owned(), codings.join(",")));
            }
        }
    }
    kept
}

/// Sets a header; a value that HTTP cannot carry is left out.
fn insert(answer: &mut Answer, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name.as_bytes()),
        HeaderValue::from_str(value),
    ) {
        answer.headers.insert(name, value);
    }
}
