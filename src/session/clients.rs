//! Clients made from a session.

use super::Established;

/// An SQS client; `endpoint_url` replaces AWS's own.
#[must_use]
pub fn sqs_client(session: &Established, endpoint_url: Option<&str>) -> aws_sdk_sqs::Client {
    let mut config = aws_sdk_sqs::config::Builder::from(&session.sdk);
    if let Some(url) = endpoint_url {
        config = config.endpoint_url(url);
    }
    aws_sdk_sqs::Client::from_conf(config.build())
}

/// An S3 client; `endpoint_url` replaces AWS's own, and then buckets stand in the path, since an emulator or a VPC endpoint
/// seldom has a name for each.
#[must_use]
pub fn s3_client(session: &Established, endpoint_url: Option<&str>) -> aws_sdk_s3::Client {
    let mut config = aws_sdk_s3::config::Builder::from(&session.sdk);
    if let Some(url) = endpoint_url {
        config = config.endpoint_url(url).force_path_style(true);
    }
    aws_sdk_s3::Client::from_conf(config.build())
}
