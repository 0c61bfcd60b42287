//! Which S3 operation a REST request is, on which bucket and key: by method, path or host, and query.

use hyper::Method;
use percent_encoding::percent_decode_str;

/// The query of a URL presigned with Signature Version 2, which boto3 still makes in older regions.
const SIGNATURE_VERSION_2: [&str; 4] = [
    "AWSAccessKeyId",
    "Signature",
    "Expires",
    "x-amz-security-token",
];

/// A request as S3 understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct S3Request {
    pub(crate) operation: &'static str,
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl S3Request {
    /// `host` is the `Host` header; `bucket.localhost` addresses a bucket by host, anything else by the first path segment.
    pub(crate) fn route(
        method: &Method,
        host: &str,
        path: &str,
        query: &[(String, String)],
    ) -> Self {
        let path = path.strip_prefix('/').unwrap_or(path);
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let (bucket, key) = match name.strip_suffix(".localhost") {
            Some(bucket) => (bucket, path),
            None => path.split_once('/').unwrap_or((path, "")),
        };
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (bucket, key) = (decode(bucket), decode(key));
        let operation = operation(method, &bucket, &key, query);
        Self {
            operation,
            bucket,
            key,
        }
    }

    /// `bucket/key`, for faults and the call log.
    pub(crate) fn resource(&self) -> String {
        match self.key.as_str() {
            "" => self.bucket.clone(),
            key => format!("{}/{key}", self.bucket),
        }
    }
}

fn operation(method: &Method, bucket: &str, key: &str, query: &[(String, String)]) -> &'static str {
    let has = |name: &str| query.iter().any(|(key, _)| key == name);
    // Parameters that do not select another operation.
    let plain = query.iter().all(|(name, _)| {
        SIGNATURE_VERSION_2.contains(&name.as_str())
            || name == "x-id"
            || name.starts_with("X-Amz-")
            || name.starts_with("response-")
    });
    match (method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, true) => "ListBuckets",
        (_, true, _) => "Unknown",
        ("PUT", _, true) if has("notification") => "PutBucketNotificationConfiguration",
        ("GET", _, true) if has("notification") => "GetBucketNotificationConfiguration",
        ("GET", _, true) if has("location") => "GetBucketLocation",
        ("GET", _, true) if has("list-type") => "ListObjectsV2",
        ("PUT", _, true) if plain => "CreateBucket",
        ("HEAD", _, true) if plain => "HeadBucket",
        ("DELETE", _, true) if plain => "DeleteBucket",
        ("PUT", _, false) if plain => "PutObject",
        ("GET", _, false) if plain => "GetObject",
        ("HEAD", _, false) if plain => "HeadObject",
        ("DELETE", _, false) if plain => "DeleteObject",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &Method, host: &str, path: &str, query: &[&str]) -> S3Request {
        let query: Vec<_> = query
            .iter()
            .map(|name| ((*name).to_owned(), String::new()))
            .collect();
        S3Request::route(method, host, path, &query)
    }

    #[test]
    fn buckets_are_addressed_by_path_or_by_host() {
        let by_path = route(&Method::GET, "127.0.0.1:80", "/b/a%20b/c%2Bd", &["x-id"]);
        let by_host = route(&Method::GET, "b.localhost:80", "/a%20b/c%2Bd", &[]);
        assert_eq!(by_path, by_host);
        assert_eq!(
            (by_path.operation, by_path.key.as_str()),
            ("GetObject", "a b/c+d")
        );
    }

    #[test]
    fn the_query_selects_the_operation() {
        let operation = |method, path, query: &[&str]| route(method, "h", path, query).operation;
        assert_eq!(
            operation(&Method::GET, "/b", &["list-type", "prefix"]),
            "ListObjectsV2"
        );
        assert_eq!(
            operation(&Method::GET, "/b/", &["list-type"]),
            "ListObjectsV2"
        );
        assert_eq!(
            operation(&Method::PUT, "/b", &["notification"]),
            "PutBucketNotificationConfiguration"
        );
        assert_eq!(operation(&Method::PUT, "/b", &[]), "CreateBucket");
        assert_eq!(operation(&Method::GET, "/b/k", &["tagging"]), "Unknown");
        assert_eq!(operation(&Method::POST, "/b/k", &["uploads"]), "Unknown");
        assert_eq!(operation(&Method::GET, "/", &[]), "ListBuckets");
    }
}
